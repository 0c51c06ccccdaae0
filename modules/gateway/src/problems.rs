//! Every failure has a problem body (RFC 9457), whoever noticed it.
use std::any::Any;

use axum::{
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    },
    middleware::Next,
    response::Response,
};
use kernel::{BODY_LIMIT, Fault, Refusal, problem};

use crate::Error;

/// Gives the failures of the HTTP machinery, which have a bare status or text, the body that all have.
///
/// What they say in headers (`Allow`) stays.
pub(crate) async fn of_failures(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if kind == Some(b"application/problem+json") {
        return response;
    }
    let body = match response.status() {
        StatusCode::BAD_REQUEST => problem(Error::BadRequest),
        StatusCode::NOT_FOUND => problem(Refusal::NotFound),
        StatusCode::METHOD_NOT_ALLOWED => problem(Refusal::MethodNotAllowed),
        StatusCode::PAYLOAD_TOO_LARGE => problem(Refusal::PayloadTooLarge { limit: BODY_LIMIT }),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => problem(Refusal::UnsupportedMediaType),
        StatusCode::SERVICE_UNAVAILABLE => problem(Fault::Unavailable),
        status if status.is_server_error() => problem(Fault::Internal),
        _ => return response,
    };
    let (mut said, _) = response.into_parts();
    let (mut parts, body) = body.into_parts();
    said.headers.remove(CONTENT_LENGTH);
    said.headers.remove(CONTENT_ENCODING);
    said.headers.extend(std::mem::take(&mut parts.headers));
    parts.headers = said.headers;
    Response::from_parts(parts, body)
}

/// A bug in a handler is our fault, and its story stays with us.
pub(crate) fn of_panic(panic: Box<dyn Any + Send>) -> Response {
    let text =
        panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    problem(Fault::internal(format!("panic: {}", text.unwrap_or_default())))
}
