//! Reading only what is news: `If-None-Match` and `If-Match` of reads (RFC 9110, section 13).
use axum::{
    body::Body,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, VARY,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use kernel::{EntityTags, PACKED, Violations, problem};

use crate::Error;

/// Answers 304 to whoever has what they ask for, and 412 to whoever wants only what they have.
///
/// Writes are left to the modules, which decide under their lock. An answer without a tag has no version to ask about.
pub(crate) async fn of_reads(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let asked = reads && [IF_MATCH, IF_NONE_MATCH].iter().any(|name| request.headers().contains_key(name));
    if !asked {
        return next.run(request).await;
    }
    let (only, unless) = match tags(request.headers()) {
        Ok(tags) => tags,
        Err(flaw) => return problem(Error::from(flaw)),
    };
    let response = next.run(request).await;
    let Some(tag) = response.headers().get(ETAG).filter(|_| response.status().is_success()).cloned() else {
        return response;
    };
    // In this order (RFC 9110, section 13.2.2).
    if only.is_some_and(|tags| !tags.name(&tag, true)) {
        return problem(Error::PreconditionFailed);
    }
    if unless.is_some_and(|tags| tags.name(&tag, false)) {
        return not_modified(response);
    }
    response
}

fn tags(headers: &HeaderMap) -> Result<(Option<EntityTags>, Option<EntityTags>), Violations> {
    Ok((EntityTags::read(headers, &IF_MATCH)?, EntityTags::read(headers, &IF_NONE_MATCH)?))
}

/// The answer's head without what describes the body (RFC 9110, section 15.4.5).
fn not_modified(response: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING] {
        parts.headers.remove(name);
    }
    (parts, Body::empty()).into_response()
}

/// Gives a packed body a tag of its own: a strong one names one sequence of bytes (RFC 9110, section 8.8.3.3).
pub(crate) async fn of_packed(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if headers.contains_key(ETAG) {
        headers.entry(VARY).or_insert(ACCEPT_ENCODING.into());
    }
    let packed = headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip");
    let plain = headers.get(ETAG).filter(|_| packed).and_then(|tag| tag.to_str().ok()?.strip_suffix('"'));
    if let Some(tag) = plain.and_then(|tag| HeaderValue::try_from(format!("{tag}{PACKED}\"")).ok()) {
        headers.insert(ETAG, tag);
    }
    response
}
