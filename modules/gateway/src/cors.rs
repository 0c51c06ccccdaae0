//! Which web pages may call the API from a browser (the Fetch standard, section 3.2).
use std::time::Duration;

use axum::http::{
    HeaderValue, Method,
    header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION, RETRY_AFTER},
};
use kernel::{CART_TOKEN, IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::request::REQUEST_ID;

/// Lets the pages of `origins` in; nothing at all where there are none.
///
/// Credentials in the sense of browsers stay out: who calls is said by headers, never by cookies.
pub(crate) fn layer(origins: Vec<HeaderValue>) -> Option<CorsLayer> {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CART_TOKEN, IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, CONTENT_TYPE])
        .expose_headers([ETAG, LOCATION, CART_TOKEN, RETRY_AFTER, REQUEST_ID, IDEMPOTENCY_REPLAYED])
        .max_age(Duration::from_hours(1));
    (!origins.is_empty()).then(|| layer.allow_origin(AllowOrigin::list(origins)))
}
