//! The request as the rest of the shop sees it: one call with a trace and a deadline.
use std::{
    collections::HashMap,
    sync::{LazyLock, PoisonError, RwLock},
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
    middleware::Next,
    response::Response,
};
use kernel::Call;
use tracing::Instrument;

/// What the client calls its request, or what we call it.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C Trace Context, level 1, section 3.2.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// How long an identifier of the client's may be, in characters.
const ID_LENGTH: usize = 128;

/// Begins the call, and notes how it ended.
pub(crate) async fn begin(State(timeout): State<Duration>, mut request: Request, next: Next) -> Response {
    let call = Call::from_outside(request.headers(), timeout);
    strip(request.headers_mut());
    let id = id(request.headers(), call);
    let method = name(request.method());
    let path = request.extensions().get::<MatchedPath>().cloned();
    let begun = Instant::now();
    let span = tracing::info_span!("request", trace_id = %call.trace());
    let mut response = call.scope(next.run(request)).instrument(span).await;
    let path = path.as_ref().map_or("unmatched", MatchedPath::as_str);
    note(call, method, path, response.status(), begun.elapsed());
    let headers = response.headers_mut();
    headers.extend(id.map(|id| (REQUEST_ID, id)));
    headers.extend(HeaderValue::try_from(call.traceparent()).map(|trace| (TRACEPARENT, trace)));
    response
}

/// Takes away what only one process of the shop may tell another.
fn strip(headers: &mut HeaderMap) {
    let internal = |name: &&HeaderName| *name == "x-timeout-ms" || name.as_str().starts_with("x-stoa-");
    let internal: Vec<HeaderName> = headers.keys().filter(internal).cloned().collect();
    for name in internal {
        headers.remove(name);
    }
}

/// The client's own identifier, if it is fit to be repeated; else the trace's.
fn id(headers: &HeaderMap, call: Call) -> Option<HeaderValue> {
    let fit =
        |id: &&HeaderValue| id.len() <= ID_LENGTH && !id.is_empty() && id.as_bytes().iter().all(u8::is_ascii_graphic);
    headers.get(REQUEST_ID).filter(fit).cloned().or_else(|| HeaderValue::try_from(call.trace()).ok())
}

/// The method as a label: a client cannot make up new ones.
fn name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// What is counted of one route's answers with one status.
#[derive(Clone)]
struct Series {
    requests: metrics::Counter,
    seconds: metrics::Histogram,
}

/// Those of one route, by method and status.
type Route = HashMap<(&'static str, u16), Series>;

/// Each that there has been, by route: names and labels are put together once, not for each request.
static SERIES: LazyLock<RwLock<HashMap<String, Route>>> = LazyLock::new(RwLock::default);

fn series(method: &'static str, path: &str, status: u16) -> Series {
    let known = SERIES.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(series) = known.get(path).and_then(|route| route.get(&(method, status))) {
        return series.clone();
    }
    drop(known);
    let labels = [("method", method.to_owned()), ("path", path.to_owned()), ("status", status.to_string())];
    let requests = metrics::counter!("stoa_http_requests_total", &labels);
    let series = Series { requests, seconds: metrics::histogram!("stoa_http_request_seconds", &labels) };
    let mut all = SERIES.write().unwrap_or_else(PoisonError::into_inner);
    all.entry(path.to_owned()).or_default().entry((method, status)).or_insert(series).clone()
}

/// Counts the request, and writes the access log: the route, not the address, which may tell too much.
fn note(call: Call, method: &'static str, path: &str, status: StatusCode, took: Duration) {
    let status = status.as_u16();
    let series = series(method, path, status);
    series.requests.increment(1);
    series.seconds.record(took.as_secs_f64());
    let ms = took.as_millis();
    // What failed was logged as an error where it did; this line is for finding it again.
    if status >= 500 {
        tracing::info!(target: "access", trace_id = call.trace(), method, path, status, ms, "answered");
    } else {
        tracing::debug!(target: "access", trace_id = call.trace(), method, path, status, ms, "answered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_processes_tell_each_other_cannot_be_told_from_outside() {
        let mut headers = HeaderMap::new();
        for name in ["x-timeout-ms", "x-stoa-role", "x-stoa-anything", "accept"] {
            headers.append(name, HeaderValue::from_static("1"));
            headers.append(name, HeaderValue::from_static("2"));
        }
        strip(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }

    #[test]
    fn a_request_keeps_its_name_if_it_is_fit_to_be_repeated() {
        let call = Call::new(7, Duration::from_secs(1));
        let named = |text: &str| {
            let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(text).unwrap())]);
            id(&headers, call).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(named("order-form/7"), "order-form/7");
        for unfit in ["", "two words", &"x".repeat(129)] {
            assert_eq!(named(unfit), call.trace(), "{unfit}");
        }
    }
}
