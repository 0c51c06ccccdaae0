//! What stands in a request's path and query.
use axum::{extract::FromRequestParts, http::request::Parts, response::Response};
use serde::de::DeserializeOwned;

use super::{Violations, body::invalid};
use crate::{Refusal, problem};

/// Query parameters, read strictly.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        axum::extract::Query::try_from_uri(&parts.uri).map(|axum::extract::Query(value)| Self(value)).map_err(
            |rejection| {
                let message =
                    std::error::Error::source(&rejection).map_or_else(|| rejection.body_text(), ToString::to_string);
                let (place, message) = match message.split_once(": ") {
                    Some((place, message)) if !place.contains(' ') => (format!("/{place}"), message.to_owned()),
                    _ => (String::new(), message),
                };
                let Violations(mut errors) = invalid(place, &message);
                for error in &mut errors {
                    error.pointer = format!("?{}", error.pointer.trim_start_matches('/'));
                }
                problem(Refusal::from(Violations(errors)))
            },
        )
    }
}

/// Path parameters; one that does not parse names nothing there is.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let value = axum::extract::Path::from_request_parts(parts, state).await;
        value.map(|axum::extract::Path(value)| Self(value)).map_err(|_| problem(Refusal::NotFound))
    }
}
