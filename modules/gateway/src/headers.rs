//! What every answer carries, and how it is packed.
use axum::{
    extract::Request,
    http::{
        Extensions, HeaderMap, HeaderValue, StatusCode, Version,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::Next,
    response::Response,
};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer, Predicate,
        predicate::{And, SizeAbove},
    },
};

/// JSON needs nothing of a browser, so it gets nothing.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Tells browsers not to guess, tell, embed or run; a page that needs more says so itself.
pub(crate) async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(POLICY);
    response
}

/// Whether an answer says that nobody may keep it, as those with secrets do.
pub(crate) fn no_store(headers: &HeaderMap) -> bool {
    let mut told = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    told.any(|value| value.split(',').any(|word| word.trim().eq_ignore_ascii_case("no-store")))
}

type Packable = fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool;

/// gzip for what is longer than a packet or so.
///
/// Not for secrets: the size of what is packed along with them would betray them (BREACH).
pub(crate) fn compression() -> CompressionLayer<And<SizeAbove, Packable>> {
    let packable: Packable = |_, _, headers, _| !no_store(headers);
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(1024).and(packable))
}
