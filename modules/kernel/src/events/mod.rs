//! What modules tell each other: published with the change that it tells of, travelling, and handled once by each
//! subscriber.
pub(crate) mod bus;
mod cursor;
mod event;
mod handling;
mod inbox;
mod listening;
mod messaging;
mod outbox;
mod retention;
pub(crate) mod routes;
mod subscription;
mod tail;

pub(crate) use event::Tagged;
pub use event::{CloudEvent, DomainEvent, Publisher};
pub use inbox::{Inbox, InboxError, UnhandledEvent, UnhandledQuery, UnhandledState};
pub use messaging::{Messaging, serve, survey};
pub use outbox::Outbox;
pub use subscription::{HandlingError, Subscriber};
