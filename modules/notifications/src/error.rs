use kernel::{Fault, Refusal};
use serde::{Deserialize, Serialize};

/// Why notifications said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Error {
    /// No such event was ever received.
    #[error("no such event was received")]
    EventNotFound,
    /// No such message.
    #[error("there is no such message")]
    DeliveryNotFound,
    /// The message was not sent because of what its recipient chose.
    #[error("its recipient does not want it")]
    NotWanted,
    /// The machinery failed.
    #[error(transparent)]
    #[serde(untagged)]
    Fault(Fault),
    /// Refused as any module would.
    #[error(transparent)]
    #[serde(untagged)]
    Refusal(Refusal),
}

kernel::failure!(Error {
    EventNotFound => NOT_FOUND,
    DeliveryNotFound => NOT_FOUND,
    NotWanted => CONFLICT,
});
