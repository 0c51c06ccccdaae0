//! What every request meets, and every answer carries.
use axum::{body::Body, http::Method};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::shop::{Checked, Shop};

async fn one() -> Shop {
    Shop::both().await.remove(0)
}

#[tokio::test]
async fn no_route_hears_from_outside_what_only_processes_tell_each_other() {
    let shop = one().await;
    let said = ["x-timeout-ms: 1", "X-Stoa-Role: admin", "x-stoa-caller: system", "Accept: */*"];
    let heard = shop.get("/v1/echo/1", &said).await;
    assert_eq!(heard.body["headers"], json!(["accept"]));
    assert!(heard.body["left"].as_u64().unwrap() > 5000, "the time limit is ours to set");
    assert_eq!(heard.header("x-timeout-ms"), "");
}

#[tokio::test]
async fn an_answer_says_which_trace_and_request_it_belongs_to() {
    let shop = one().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("traceparent: 00-{trace}-00f067aa0ba902b7-01");
    let answer = shop.get("/v1/echo/1", &[&parent, "X-Request-Id: mine"]).await;
    assert_eq!((answer.body["trace"].as_str(), answer.header("x-request-id")), (Some(trace), "mine"));
    assert!(answer.header("traceparent").starts_with(&format!("00-{trace}-")));
    let answer = shop.get("/v1/nothing", &["traceparent: nonsense"]).await;
    assert_eq!(answer.body["trace_id"], answer.header("x-request-id"));
}

#[tokio::test]
async fn what_is_not_there_or_not_meant_is_a_problem() {
    let shop = one().await;
    shop.get("/v1/nothing", &[]).await.is_problem(404, "not_found");
    shop.post("/", &[], "").await.is_problem(405, "method_not_allowed");
    let refused = shop.send(Method::DELETE, "/v1/echo/1", &[], Body::empty()).await;
    refused.is_problem(405, "method_not_allowed");
    assert_eq!(refused.header("allow"), "GET,HEAD");
    let refused = shop.send(Method::OPTIONS, "/v1/orders", &[], Body::empty()).await;
    refused.is_problem(405, "method_not_allowed");
    assert_eq!(refused.header("allow"), "POST");
    let strange = Method::from_bytes(b"BREW").unwrap();
    shop.send(strange, "/v1/orders", &[], Body::empty()).await.is_problem(405, "method_not_allowed");
}

/// Over a socket, as it is hyper that leaves the body out.
#[tokio::test]
async fn a_head_is_an_answer_without_its_body() {
    let shop = one().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    shop.context.tasks.spawn(axum::serve(listener, shop.router.clone()).into_future());
    for (path, status) in [("/v1/echo/1", 200), ("/v1/nothing", 404), ("/v1/orders", 405)] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!("HEAD {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")) && body.is_empty(), "{answer}");
        assert!(head.contains("content-length: ") && !head.contains("content-length: 0"), "{answer}");
    }
}

#[tokio::test]
async fn a_read_is_answered_with_what_is_news() {
    let shop = one().await;
    let plain = shop.get("/v1/tagged", &[]).await;
    let tag = plain.header("etag").to_owned();
    let inner = tag.trim_matches('"').to_owned();
    assert_eq!((plain.status, plain.header("vary")), (200, "accept-encoding"));
    for (headers, status) in [
        (vec![format!("if-none-match: {tag}")], 304),
        (vec![format!("if-none-match: W/{tag}")], 304),
        (vec![format!("if-none-match: \"x\", \"{inner}-gzip\"")], 304),
        (vec!["if-none-match: \"x\"".into(), format!("if-none-match: {tag}")], 304),
        (vec!["if-none-match: *".into()], 304),
        (vec!["if-none-match: \"7\"".into()], 200),
        (vec![format!("if-match: {tag}")], 200),
        (vec!["if-match: *".into()], 200),
        (vec![format!("if-match: W/{tag}")], 412),
        (vec!["if-match: \"7\"".into(), format!("if-none-match: {tag}")], 412),
        (vec![format!("if-match: {tag}"), format!("if-none-match: {tag}")], 304),
        (vec!["if-none-match: 7".into()], 422),
        (vec!["if-match: *, \"7\"".into()], 422),
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        for method in [Method::GET, Method::HEAD] {
            let answer = shop.send(method, "/v1/tagged", &headers, Body::empty()).await;
            assert_eq!(answer.status, status, "{headers:?}");
            if status == 304 {
                assert!(answer.bytes.is_empty() && answer.header("content-type").is_empty());
                assert_eq!((answer.header("etag"), answer.header("vary")), (&*tag, "accept-encoding"));
            }
        }
    }
    let packed = shop.get("/v1/tagged", &["accept-encoding: gzip"]).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(packed.header("etag"), format!("\"{inner}-gzip\""), "other bytes, another tag");
    for tag in [&*tag, packed.header("etag")] {
        let known = shop.get("/v1/tagged", &["accept-encoding: gzip", &format!("if-none-match: {tag}")]).await;
        assert_eq!((known.status, known.header("etag")), (304, packed.header("etag")), "the tag that a 200 would have");
        assert_eq!((known.header("content-encoding"), known.header("vary")), ("", "accept-encoding"));
    }
    let docs = shop.get("/docs", &[]).await;
    let again = format!("if-none-match: {}", docs.header("etag"));
    assert_eq!(shop.get("/docs", &[&again]).await.status, 304);
    assert_eq!(shop.get("/v1/long", &["if-match: \"7\""]).await.status, 200, "it has no version to ask about");
    shop.get("/v1/nothing", &["if-match: \"7\""]).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn a_body_has_a_kind_and_a_limit() {
    let shop = one().await;
    let json = "content-type: application/json";
    assert_eq!(shop.post("/v1/things", &[json], r#"{"a":1}"#).await.status, 200);
    shop.post("/v1/things", &["content-type: text/plain"], "{}").await.is_problem(415, "unsupported_media_type");
    shop.post("/v1/things", &[json], "{").await.is_problem(400, "malformed_json");
    let over = kernel::BODY_LIMIT + 1;
    // With its length told, without, and read by the edge itself.
    let told = format!("content-length: {over}");
    for path in ["/v1/things", "/v1/raw", "/v1/orders"] {
        let refused = shop.send(Method::POST, path, &[json, &told], Body::empty()).await;
        refused.is_problem(413, "payload_too_large");
        assert_eq!(refused.body["limit"], kernel::BODY_LIMIT);
    }
    for (path, headers) in [("/v1/things", vec![json]), ("/v1/raw", vec![]), ("/v1/orders", vec!["idempotency-key: k"])]
    {
        let refused = shop.send(Method::POST, path, &headers, vec![b' '; over]).await;
        refused.is_problem(413, "payload_too_large");
    }
    assert_eq!(shop.send(Method::POST, "/v1/raw", &[], vec![b' '; over - 1]).await.status, 200, "just fits");
    assert_eq!(shop.orders.begun(), 0);
}

#[tokio::test]
async fn a_bug_is_our_fault_and_its_story_stays_with_us() {
    for shop in Shop::both().await {
        for (method, headers) in
            [(Method::GET, vec![]), (Method::POST, vec![]), (Method::POST, vec!["idempotency-key: k"])]
        {
            let answer = shop.send(method, "/v1/bug", &headers, Body::empty()).await;
            answer.is_problem(500, "internal");
            assert!(!String::from_utf8_lossy(&answer.bytes).contains("tiger"));
        }
    }
}

#[tokio::test]
async fn what_takes_too_long_is_answered_in_time() {
    let shop = Shop::with(50, &[]).await.remove(0);
    shop.get("/v1/slow", &[]).await.is_problem(504, "deadline_exceeded");
}

#[tokio::test]
async fn every_answer_is_guarded_and_long_ones_are_packed_unless_they_are_secret() {
    let shop = one().await;
    for path in ["/v1/echo/1", "/v1/nothing", "/v1/bug", "/"] {
        let answer = shop.get(path, &[]).await;
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    }
    let packed =
        async |path: &str| shop.get(path, &["accept-encoding: gzip"]).await.header("content-encoding").to_owned();
    assert_eq!(packed("/v1/long").await, "gzip");
    assert_eq!(packed("/v1/secrets").await, "");
    assert_eq!(packed("/").await, "");
    assert_eq!(shop.get("/v1/long", &[]).await.header("content-encoding"), "");
}

#[tokio::test]
async fn the_description_tells_what_the_edge_does_for_each_operation() {
    let shop = one().await;
    let links = shop.get("/", &[]).await;
    assert_eq!(links.body, json!({ "name": "Stoa", "docs": "/docs", "openapi": "/v1/openapi.json" }));
    let document = shop.get("/v1/openapi.json", &[]).await.body;
    assert_eq!((&document["openapi"], &document["info"]["title"]), (&json!("3.1.0"), &json!("Stoa")));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["servers"][0]["url"], "/");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert!(document["components"]["schemas"]["Problem"]["properties"]["code"].is_object());
    let names = |operation: &Value| {
        let names = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| one["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let (echo, sign_in) = (&document["paths"]["/v1/echo/{id}"]["get"], &document["paths"]["/v1/doors"]["post"]);
    for operation in [echo, sign_in] {
        assert_eq!(operation["responses"]["default"]["$ref"], "#/components/responses/Problem");
    }
    assert!(names(sign_in).ends_with(&["Idempotency-Key".into()]), "{sign_in}");
    assert!(!names(echo).contains(&"Idempotency-Key".into()));
}

#[tokio::test]
async fn the_reference_may_run_its_own_script_and_nothing_else() {
    let docs = one().await.get("/docs", &[]).await;
    assert_eq!((docs.status, docs.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = docs.header("content-security-policy");
    assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
}
