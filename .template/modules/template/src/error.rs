use kernel::{Fault, Refusal};
use serde::{Deserialize, Serialize};

/// Why notes said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Error {
    /// The key was of another note.
    #[error("the Idempotency-Key was used for another note")]
    KeyReused,
    /// The machinery failed.
    #[error(transparent)]
    #[serde(untagged)]
    Fault(Fault),
    /// Refused as any module would.
    #[error(transparent)]
    #[serde(untagged)]
    Refusal(Refusal),
}

kernel::failure!(Error { KeyReused => UNPROCESSABLE_ENTITY });
