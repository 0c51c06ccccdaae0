use kernel::{Fault, Refusal};
use serde::{Deserialize, Serialize};

/// Why the edge itself said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Error {
    /// The request is not HTTP that anybody here understands.
    #[error("the request could not be understood")]
    BadRequest,
    /// The access token is broken, expired or not of this shop; which is not said.
    #[error("the access token is not valid; refresh it or sign in again")]
    InvalidToken,
    /// The idempotency key named another request before.
    #[error("this Idempotency-Key was used for another request; choose a new one")]
    KeyReused,
    /// The request with this idempotency key has not been answered yet.
    #[error("the request with this Idempotency-Key is still running")]
    RequestInProgress,
    /// What was asked for is not what `If-Match` names.
    #[error("it is not what `If-Match` names; look at it without")]
    PreconditionFailed,
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
    BadRequest => BAD_REQUEST,
    InvalidToken => UNAUTHORIZED,
    KeyReused => UNPROCESSABLE_ENTITY,
    RequestInProgress => CONFLICT,
    PreconditionFailed => PRECONDITION_FAILED,
});
