//! Versions of entities in HTTP: `ETag`, `If-Match`, and the key of a request that may be sent twice.
use std::convert::Infallible;

use axum::{
    Json,
    extract::FromRequestParts,
    http::{
        HeaderValue,
        header::{ETAG, IF_MATCH},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use uuid::Uuid;

use crate::{Invalid, Malformed, Problem};

/// An entity with its version as a strong `ETag` (RFC 9110, section 8.8.3).
#[derive(Debug)]
pub struct Tagged<T>(pub i64, pub T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.1).into_response();
        if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", self.0)) {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

/// The version that a change is meant for (RFC 9110, section 13.1.1); none where the client does not care.
#[derive(Debug, Clone, Copy)]
pub struct IfMatch(pub Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let Some(given) = parts.headers.get(IF_MATCH) else { return Ok(Self(None)) };
        let text = given.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
        version.map(|version| Self(Some(version))).ok_or_else(|| {
            let flaw = Invalid::one("If-Match", "wrong_value", "is not an ETag of this shop; send one as it was given");
            Problem::from(Malformed::from(flaw)).into_response()
        })
    }
}

/// The header that names a request, so that sending it twice does it once (IETF draft of that name).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What the client calls this request; one that it does not name is made up, and so happens once.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(pub String);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let given = parts.headers.get(IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok());
        Ok(Self(given.map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned)))
    }
}
