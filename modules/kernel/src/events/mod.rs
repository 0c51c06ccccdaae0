//! What modules tell each other: published with the change that it tells of, travelling, and handled once by each
//! subscriber.
pub(crate) mod bus;
mod inbox;
mod outbox;
mod subscription;

pub use inbox::{DeadLetter, DeadLetters, LetterQuery, LetterState};
pub use outbox::{CloudEvent, Outbox};
pub use subscription::{Handler, Verdict};
