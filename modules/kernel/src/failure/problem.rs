//! Failures on the wire and in public.
use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{Failure, Refusal};
use crate::Call;

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
        if let Some(Refusal::Other { status: told, detail: words, .. }) = error.refusal_mut() {
            *told = status;
            words.clone_from(&detail);
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

/// The answer of a failure, for a layer that has no handler.
pub fn problem(error: impl Failure) -> Response {
    Problem::from(error).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, Violation};

    crate::failure! {
        /// Why it said no.
        enum Error {
            #[error("only {left} left")]
            SoldOut { left: i64 } => CONFLICT,
        }
    }

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
}
