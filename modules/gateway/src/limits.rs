//! How long a request may take, and how long it may be.
use axum::{extract::Request, http::header::CONTENT_LENGTH, middleware::Next, response::Response};
use kernel::{BODY_LIMIT, Call, Fault, Refusal, problem};

/// Answers 504 at the call's deadline. Commands that a module has begun run to their end all the same.
pub(crate) async fn deadline(request: Request, next: Next) -> Response {
    let answer = async { Ok::<_, Fault>(next.run(request).await) };
    Call::current().run(answer).await.unwrap_or_else(problem)
}

/// Answers 413 before anything of a body that says it is too long is read.
///
/// One that does not say is stopped while it is read.
pub(crate) async fn body(request: Request, next: Next) -> Response {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > BODY_LIMIT as u64) {
        return problem(Refusal::PayloadTooLarge { limit: BODY_LIMIT });
    }
    next.run(request).await
}
