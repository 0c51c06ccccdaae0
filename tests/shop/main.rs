//! Stories of people in the shop, each told to eight worlds against one transcript; and what must hold
//! when processes die.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]
mod actor;
mod auditor;
mod books;
mod broker;
mod clocks;
mod contention;
mod cost;
mod crash;
mod crowd;
mod databases;
mod description;
mod edge;
mod faults;
mod files;
mod invariants;
mod limits;
mod matrix;
mod operate;
mod places;
mod proxy;
mod rollout;
mod server;
mod shopper;
mod soak;
mod standby;
mod stories;
mod template;
mod tour;
mod trade;
mod transcript;
mod world;
