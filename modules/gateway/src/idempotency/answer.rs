//! Which answers are kept, what of them, and how they are given again.
use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LINK, LOCATION},
    },
    response::Response,
};
use kernel::{Fault, IDEMPOTENCY_REPLAYED};

use super::store::Earlier;
use crate::headers::no_store;

/// What is kept of an answer's headers; the others are of one exchange only.
const KEPT: [HeaderName; 5] = [CONTENT_TYPE, LOCATION, ETAG, CACHE_CONTROL, LINK];

/// Whether an answer stands for good: it says that something was done, and no secret.
///
/// What was refused may be right the next time: the cart was filled, the stock came back, a right was given. And a
/// redirection does nothing but say where to ask.
pub(super) fn is_final(status: StatusCode, headers: &HeaderMap) -> bool {
    status.is_success() && !no_store(headers)
}

/// What is kept of an answer's headers.
pub(super) fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |name: HeaderName| Some((name.to_string(), headers.get(&name)?.to_str().ok()?.to_owned()));
    KEPT.into_iter().filter_map(text).collect()
}

/// The answer that was given then.
pub(super) fn replay(earlier: Earlier) -> Result<Response, Fault> {
    let broken = || Fault::internal("a stored answer is incomplete");
    let (Some(status), Some(headers), Some(body)) = (earlier.status, earlier.headers, earlier.body) else {
        return Err(broken());
    };
    let status = u16::try_from(status).map_err(Fault::internal)?;
    let mut response = Response::builder().status(status);
    for (name, value) in headers.0 {
        response = response.header(name, value);
    }
    response.header(IDEMPOTENCY_REPLAYED, "true").body(Body::from(body)).map_err(Fault::internal)
}
