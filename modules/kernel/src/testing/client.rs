//! Requests to routes without a listener before them.
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{
        HeaderMap, HeaderValue, Request,
        header::{CONTENT_TYPE, HeaderName},
    },
};
use serde_json::Value;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;

use crate::Caller;

/// What an answer was.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub bytes: Bytes,
    /// The same, read; null where it is no JSON.
    pub body: Value,
}

impl Answer {
    /// A header's text; nothing where there is no such header.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header of text"))
    }
}

/// A request whose `line` is a method and a path, and each of whose headers is a `name: value`.
pub fn request(line: &str, headers: &[&str], body: impl Into<Body>) -> Request<Body> {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let mut request = Request::builder().method(method).uri(path);
    for header in headers {
        let (name, value) = header.split_once(": ").expect("a name and a value");
        request = request.header(name, value);
    }
    request.body(body.into()).expect("a request")
}

/// What `router` answers to `request`.
pub async fn answer(router: Router, request: Request<Body>) -> Answer {
    let Ok(answer) = router.oneshot(request).await;
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("a whole body");
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    Answer { status: parts.status.as_u16(), headers: parts.headers, bytes, body }
}

/// What a module's routes answer to `caller`, who sends JSON, or nothing where that is null; so do they.
pub async fn ask(routes: OpenApiRouter, caller: &Caller, line: &str, headers: &[&str], body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    tell(routes, caller, line, headers, body).await
}

/// The same of a body that may be no JSON, and is sent as JSON all the same.
pub async fn tell(
    routes: OpenApiRouter,
    caller: &Caller,
    line: &str,
    headers: &[&str],
    body: impl Into<Body>,
) -> Answer {
    let mut request = request(line, headers, body);
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().entry::<HeaderName>(CONTENT_TYPE).or_insert(json);
    request.extensions_mut().insert(caller.clone());
    let answer = answer(routes.split_for_parts().0, request).await;
    assert!(answer.bytes.is_empty() || !answer.body.is_null(), "{line} is answered with JSON, or nothing: {answer:?}");
    answer
}
