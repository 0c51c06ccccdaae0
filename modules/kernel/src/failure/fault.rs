//! What none can foresee.
use std::fmt::Display;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Failure, Refusal, Sampler};
use crate::Call;

/// A failure of the machinery rather than of the request.
///
/// It carries no cause: the cause is logged where it is found, and never leaves the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Fault {
    /// The module or its database could not be reached; what was asked may or may not have happened.
    #[error("the service is unavailable; try again shortly")]
    Unavailable,
    /// The call ran out of time; what was asked may or may not have happened.
    #[error("the deadline passed before there was an answer")]
    DeadlineExceeded,
    /// Too much is waiting; this was refused before it started.
    #[error("the service is overloaded; try again shortly")]
    Overloaded,
    /// A bug, or data that should not exist.
    #[error("something went wrong on our side")]
    Internal,
}

impl Fault {
    /// `cause` could not be reached.
    pub fn unavailable(cause: impl Display) -> Self {
        tracing::warn!(trace_id = %Call::current().trace(), %cause, "unavailable");
        Self::Unavailable
    }

    /// `cause` should not have happened.
    pub fn internal(cause: impl Display) -> Self {
        tracing::error!(trace_id = %Call::current().trace(), %cause, "internal error");
        Self::Internal
    }
}

impl Failure for Fault {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unavailable | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn fault(&self) -> Option<Fault> {
        Some(*self)
    }

    fn refusal_mut(&mut self) -> Option<&mut Refusal> {
        None
    }

    fn map_own<E: From<Fault> + From<Refusal>>(self, _: impl FnOnce(Self) -> E) -> E {
        self.into()
    }

    fn samples(_: &mut impl Sampler) -> Vec<Self> {
        vec![Self::Unavailable, Self::DeadlineExceeded, Self::Overloaded, Self::Internal]
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::Tls(_) => {
                Self::unavailable(error)
            }
            // What sqlx (0.9) makes of a PostgreSQL that dies just as it is connected to.
            sqlx::Error::Protocol(what) if what.contains("SSLRequest: 0x00") => Self::unavailable(error),
            sqlx::Error::Database(cause) if passing(cause.code().as_deref()) => Self::unavailable(error),
            _ => Self::internal(error),
        }
    }
}

/// Whether a database's error code says that the same statement may work later: SQLSTATE classes
/// 08 (connection), 53 (resources), 57P (shutdown), 40 (rollback) and 25006 (read only: no longer the primary); SQLite's BUSY, LOCKED, IOERR, FULL and CANTOPEN.
///
/// A quota or a limit on the size of a file, unlike a full disk, is one of SQLite's I/O errors.
fn passing(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    let sqlite = code.parse::<u32>().ok().filter(|_| code.len() < 5).map(|extended| extended & 0xff);
    matches!(sqlite, Some(5 | 6 | 10 | 13 | 14))
        || (code.len() == 5 && ["08", "53", "57P", "40", "25006"].iter().any(|class| code.starts_with(class)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_database_is_unavailable_and_a_broken_rule_is_not() {
        for code in ["5", "517", "13", "778", "14", "57P01", "53300", "08006", "40001", "25006"] {
            assert!(passing(Some(code)), "{code}");
        }
        for code in ["2067", "23505", "42P01", "1"] {
            assert!(!passing(Some(code)), "{code}");
        }
    }
}
