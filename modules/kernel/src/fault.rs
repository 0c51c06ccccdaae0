//! Failures: a module's own errors, the refusals that all share, and the faults none can foresee.
use std::fmt::Display;

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Call, Later, Violation, Violations};

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

    /// The status that says whose fault it is, and whether to try again.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Unavailable | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
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

/// What any module may answer to a request that it will not serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    /// The request's content breaks a rule; each broken one is named.
    #[error("the request is not valid")]
    InvalidInput {
        /// What is wrong, and where.
        errors: Vec<Violation>,
    },
    /// Nobody is signed in.
    #[error("sign in first")]
    Unauthenticated,
    /// The one who is signed in may not do this.
    #[error("you may not do this")]
    Forbidden,
    /// What only a later release of the module knows.
    #[error(transparent)]
    #[serde(untagged)]
    Later(Later),
}

impl Refusal {
    /// The HTTP status of RFC 9110 that fits.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::InvalidInput { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Later(later) => later.status(),
        }
    }

    /// The fault, where it is one that only a later release knows.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        if let Self::Later(later) = self { later.fault() } else { None }
    }
}

impl From<Violations> for Refusal {
    fn from(Violations(errors): Violations) -> Self {
        Self::InvalidInput { errors }
    }
}

/// A module's error type: its own cases, plus [`Refusal`] and [`Fault`].
///
/// [`failure!`](crate::failure) writes the implementation.
pub trait Failure: std::error::Error + From<Fault> + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The HTTP status that tells a caller what to do about it.
    fn status(&self) -> StatusCode;
    /// The fault, where it is one.
    fn fault(&self) -> Option<Fault>;
    /// The refusal that all modules share, where it is one.
    fn refusal_mut(&mut self) -> Option<&mut Refusal> {
        None
    }
}

impl Failure for Fault {
    fn status(&self) -> StatusCode {
        (*self).status()
    }
    fn fault(&self) -> Option<Fault> {
        Some(*self)
    }
}

/// Gives a module's `Error` its statuses and conversions.
///
/// The enum ends with `#[serde(untagged)] Fault(Fault)` and `#[serde(untagged)] Refusal(Refusal)`, which takes
/// whatever is left; what is named here are its own cases. Their fields stand beside the members of RFC 9457 in the body,
/// so none may be called `title`, `status`, `detail` or `trace_id`: such an error does not arrive.
#[macro_export]
macro_rules! failure {
    ($Error:ident { $($Case:ident => $status:ident),* $(,)? }) => {
        impl $crate::Failure for $Error {
            fn status(&self) -> $crate::axum::http::StatusCode {
                match self {
                    $($Error::$Case { .. } => $crate::axum::http::StatusCode::$status,)*
                    $Error::Refusal(refusal) => refusal.status(),
                    $Error::Fault(fault) => fault.status(),
                }
            }
            fn fault(&self) -> Option<$crate::Fault> {
                match self {
                    $Error::Fault(fault) => Some(*fault),
                    $Error::Refusal(refusal) => refusal.fault(),
                    _ => None,
                }
            }
            fn refusal_mut(&mut self) -> Option<&mut $crate::Refusal> {
                if let $Error::Refusal(refusal) = self { Some(refusal) } else { None }
            }
        }
        impl From<$crate::Fault> for $Error {
            fn from(fault: $crate::Fault) -> Self {
                Self::Fault(fault)
            }
        }
        impl From<$crate::Refusal> for $Error {
            fn from(refusal: $crate::Refusal) -> Self {
                Self::Refusal(refusal)
            }
        }
        impl From<$crate::Violations> for $Error {
            fn from(invalid: $crate::Violations) -> Self {
                Self::Refusal(invalid.into())
            }
        }
        impl From<$crate::sqlx::Error> for $Error {
            fn from(error: $crate::sqlx::Error) -> Self {
                Self::Fault(error.into())
            }
        }
    };
}

/// An error as HTTP shows it: RFC 9457, with the error's own fields as extension members.
#[derive(Debug, Serialize, Deserialize)]
#[serde(from = "Read<E>", bound(deserialize = "E: Failure"))]
pub struct Problem<E> {
    title: String,
    status: u16,
    detail: String,
    trace_id: String,
    /// The typed error; its `code` and fields sit beside `title`.
    #[serde(flatten)]
    pub error: E,
}

/// A problem as it is read.
#[derive(Deserialize)]
#[serde(bound(deserialize = "E: Failure"))]
struct Read<E> {
    title: String,
    status: u16,
    detail: String,
    trace_id: String,
    #[serde(flatten)]
    error: E,
}

impl<E: Failure> From<Read<E>> for Problem<E> {
    fn from(Read { title, status, detail, trace_id, mut error }: Read<E>) -> Self {
        if let Some(Refusal::Later(later)) = error.refusal_mut() {
            later.status = status;
            later.detail.clone_from(&detail);
        }
        Self { title, status, detail, trace_id, error }
    }
}

impl<E: Failure> From<E> for Problem<E> {
    fn from(error: E) -> Self {
        let status = error.status();
        Self {
            title: status.canonical_reason().unwrap_or_default().into(),
            status: status.as_u16(),
            detail: error.to_string(),
            trace_id: Call::current().trace(),
            error,
        }
    }
}

impl<E: Failure> IntoResponse for Problem<E> {
    fn into_response(self) -> Response {
        let status = self.error.status();
        if status.is_server_error() {
            tracing::error!(trace_id = self.trace_id, error = %self.error, "request failed");
        } else {
            tracing::debug!(trace_id = self.trace_id, error = %self.error, "request refused");
        }
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"stoa\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
    #[serde(tag = "code", rename_all = "snake_case")]
    enum Error {
        #[error("only {left} left")]
        SoldOut { left: i64 },
        #[error(transparent)]
        #[serde(untagged)]
        Fault(Fault),
        #[error(transparent)]
        #[serde(untagged)]
        Refusal(Refusal),
    }
    failure!(Error { SoldOut => CONFLICT });

    #[test]
    fn an_error_survives_its_problem_body() {
        let invalid = Violation::new("too_long", "too long").at("/a");
        for error in [
            Error::SoldOut { left: 3 },
            invalid.into(),
            Error::Refusal(Refusal::Forbidden),
            Error::Fault(Fault::Unavailable),
        ] {
            let (status, shown) = (error.status(), error.to_string());
            let body = serde_json::to_string(&Problem::from(error)).unwrap();
            let back: Problem<Error> = serde_json::from_str(&body).unwrap();
            assert_eq!((back.status, &back.detail), (status.as_u16(), &shown));
            assert_eq!(serde_json::to_value(&back).unwrap(), serde_json::from_str::<serde_json::Value>(&body).unwrap());
        }
    }

    #[test]
    fn an_error_that_only_a_later_release_knows_is_handed_on_as_it_came() {
        for (status, fault) in [(409, None), (503, Some(Fault::Unavailable)), (500, Some(Fault::Internal))] {
            let body = serde_json::json!({"title": "-", "status": status, "detail": "gone fishing", "trace_id": "0",
                "code": "gone_fishing", "until": {"hour": 5}});
            let read: Problem<Error> = serde_json::from_value(body.clone()).unwrap();
            assert_eq!((read.error.status().as_u16(), read.error.fault()), (status, fault));
            let mut again = serde_json::to_value(Problem::from(read.error)).unwrap();
            (again["title"], again["trace_id"]) = ("-".into(), "0".into());
            assert_eq!(again, body);
        }
    }

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
