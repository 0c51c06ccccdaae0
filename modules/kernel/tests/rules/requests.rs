//! What a client sent, as a handler's extractors read it.
use axum::{
    Router,
    http::Request,
    routing::{get, post},
};
use kernel::{Body, Caller, Condition, IdempotencyKey, PageQuery, Path, Query, testing::answer};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    note: String,
    #[serde(default)]
    extra: std::collections::BTreeMap<String, i64>,
}

fn router() -> Router {
    Router::new()
        .route("/orders", post(async |Body(order): Body<Order>| format!("{}{}", order.note, order.extra.len())))
        .route("/lists", get(async |Query(page): Query<PageQuery>| format!("{:?}", page.limit)))
        .route("/orders/{id}", get(async |Path(id): Path<uuid::Uuid>| id.to_string()))
        .route("/version", get(async |condition: Condition| condition.holds(Some(3)).to_string()))
        .route("/who", get(async |caller: Caller, IdempotencyKey(key): IdempotencyKey| format!("{caller:?} {key}")))
}

async fn send(request: Request<axum::body::Body>) -> (u16, Value) {
    let answer = answer(router(), request).await;
    let text = String::from_utf8_lossy(&answer.bytes).into_owned();
    (answer.status, if answer.body.is_null() { text.into() } else { answer.body })
}

async fn get_from(path: &str) -> (u16, Value) {
    send(Request::get(path).body(axum::body::Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_query_is_read_strictly_and_names_its_parameter() {
    for (query, pointer) in
        [("limt=1", "?limt"), ("limit=x", "?limit"), ("limit=-1", "?limit"), ("limit=1&limit=2", "?limit")]
    {
        let (status, body) = get_from(&format!("/lists?{query}")).await;
        assert_eq!((status, &body["errors"][0]["pointer"]), (422, &pointer.into()), "{query}: {body}");
    }
    assert_eq!(get_from("/lists?limit=7").await, (200, "Some(7)".into()));
}

#[tokio::test]
async fn a_path_that_does_not_parse_names_nothing() {
    for path in ["/orders/x", "/orders/00000000-0000-0000-0000-00000000000g", "/orders/%00", "/orders/%FF"] {
        let (status, body) = get_from(path).await;
        assert_eq!((status, &body["code"]), (404, &"not_found".into()), "{path}: {body}");
    }
}

#[tokio::test]
async fn a_body_is_json_of_a_bounded_size() {
    let order = |kind: &'static str, body: String| async move {
        let (status, body) =
            send(Request::post("/orders").header("content-type", kind).body(body.into()).unwrap()).await;
        (status, body["code"].as_str().unwrap_or_default().to_owned(), body)
    };
    for (kind, body, status, code) in [
        ("text/plain", r#"{"note":"a"}"#, 415, "unsupported_media_type"),
        ("", r#"{"note":"a"}"#, 415, "unsupported_media_type"),
        ("application/json", "{", 400, "malformed_json"),
        ("application/json", "\"\u{0}\"", 400, "malformed_json"),
        ("application/json", "", 422, "invalid_input"),
        ("application/json", r#"{"note":null}"#, 422, "invalid_input"),
        ("application/json; charset=utf-8", r#"{"note":"a"}"#, 200, ""),
        ("application/merge-patch+json", r#"{"note":"a"}"#, 200, ""),
    ] {
        let (got, said, shown) = order(kind, body.to_owned()).await;
        assert_eq!((got, &*said), (status, code), "{kind} {body}: {shown}");
    }
    let (status, ..) = order("application/json", format!("{{\"note\":\"{}\"}}", "[".repeat(10_000_000))).await;
    assert_eq!(status, 413);
    let (status, ..) = order("application/json", "[".repeat(100_000)).await;
    assert!(matches!(status, 400 | 422), "deep nesting overflows nothing: {status}");
    let (_, _, body) = order("application/json", r#"{"note":"a","extra":{"a/b~c":"x"}}"#.to_owned()).await;
    assert_eq!(body["errors"][0]["pointer"], "/extra/a~1b~0c", "RFC 6901 escapes");
}

#[tokio::test]
async fn headers_are_read_strictly_where_they_decide_something() {
    for (tag, shown) in [
        ("\"3\"", Some(true)),
        ("*", Some(true)),
        ("3", None),
        ("", None),
        ("W/\"3\"", Some(false)),
        ("\"x\"", Some(false)),
    ] {
        let (status, body) =
            send(Request::get("/version").header("if-match", tag).body(axum::body::Body::empty()).unwrap()).await;
        match shown {
            Some(shown) => assert_eq!((status, body), (200, shown.into()), "{tag}"),
            None => assert_eq!((status, &body["errors"][0]["pointer"]), (422, &"If-Match".into())),
        }
    }
    let (_, nobody) = get_from("/who").await;
    assert!(nobody.as_str().is_some_and(|text| text.starts_with("Anonymous ") && text.len() == 46), "{nobody}");
}
