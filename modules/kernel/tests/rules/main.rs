//! The kernel's promises, each with a test: two tiny modules, called together, checked and apart.
#![expect(clippy::disallowed_methods, reason = "the tests play the part of what is outside of a module")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise, in its helpers too")]

mod bulkhead;
mod bus;
mod contract;
mod database;
mod deadline;
mod group;
mod lifetime;
mod marks;
mod outbox;
mod peer;
mod primary;
mod probe;
mod requests;
mod retries;
mod roles;
mod sample;
mod subscription;
mod tokens;
mod unhandled;
mod world;
