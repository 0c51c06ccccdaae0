//! What the endpoints answer.
use kernel::{
    Module as _,
    testing::{Answer, tell},
};

use super::*;

async fn send(shop: &Shop, caller: &Caller, line: &str, if_match: &str, body: &'static str) -> Answer {
    let if_match = format!("if-match: {if_match}");
    let headers = if if_match.ends_with(' ') { &[][..] } else { &[&*if_match] };
    tell(Module::routes(Arc::clone(&shop.carts)), caller, line, headers, body).await
}

#[tokio::test]
async fn a_new_guest_gets_the_token_once_and_no_cache_keeps_it() {
    let shop = shops().await.remove(0);
    let answer = send(&shop, &Caller::Anonymous, "POST /v1/cart/items", "", r#"{"sku":"A","quantity":2}"#).await;
    assert_eq!(answer.status, 201);
    let header = |name| answer.header(name).to_owned();
    assert_eq!(
        (header("cache-control"), header("etag").split('-').next().unwrap().to_owned()),
        ("no-store".into(), "\"1".into())
    );
    let caller = guest(&header("cart-token"));
    let again = send(&shop, &caller, "POST /v1/cart/items", "", r#"{"sku":"A","quantity":1}"#).await;
    assert_eq!(again.status, 200);
    assert!(!again.headers.contains_key("cart-token"));
    let cart = again.body;
    assert_eq!(cart["items"][0]["quantity"], 3);
    assert_eq!(cart["subtotal"], serde_json::json!({"amount": 300, "currency": "EUR"}));
}

#[tokio::test]
async fn each_endpoint_answers_with_the_status_that_fits() {
    let shop = shops().await.remove(0);
    let ada = user();
    for (line, if_match, body, status, code) in [
        ("GET /v1/cart", "", "", 200, ""),
        ("POST /v1/cart/items", "", r#"{"sku":"A","quantity":2}"#, 200, ""),
        ("POST /v1/cart/items", "", r#"{"sku":"A","quantity":-1}"#, 422, "invalid_input"),
        ("POST /v1/cart/items", "", r#"{"sku":"A","quantity":1e99}"#, 422, "invalid_input"),
        ("POST /v1/cart/items", "", r#"{"sku":"A","quantity":1,"price":1}"#, 422, "invalid_input"),
        ("POST /v1/cart/items", "", r#"{"sku":"NO-SUCH-SKU","quantity":1}"#, 404, "sku_not_found"),
        ("POST /v1/cart/items", "", "{", 400, "malformed_json"),
        ("PATCH /v1/cart/items/A", "\"1\"", r#"{"quantity":3}"#, 200, ""),
        ("PATCH /v1/cart/items/A", "\"1\"", r#"{"quantity":4}"#, 412, "stale"),
        ("PATCH /v1/cart/items/A", "1", r#"{"quantity":4}"#, 422, "invalid_input"),
        ("PATCH /v1/cart/items/B", "", r#"{"quantity":4}"#, 404, "item_not_found"),
        ("PATCH /v1/cart/items/%00", "", r#"{"quantity":4}"#, 404, "sku_not_found"),
        ("PATCH /v1/cart/items/A", "W/\"2\"", r#"{"quantity":4}"#, 412, "stale"),
        ("POST /v1/cart/items", "\"1\"", r#"{"sku":"A","quantity":2}"#, 412, "stale"),
        ("DELETE /v1/cart", "\"1\"", "", 412, "stale"),
        ("DELETE /v1/cart/items/A", "\"1\"", "", 412, "stale"),
        ("DELETE /v1/cart/items/A", "\"2\"", "", 200, ""),
        ("DELETE /v1/cart/items/%ff", "", "", 404, "not_found"),
        ("DELETE /v1/cart", "\"1\"", "", 204, ""),
        ("POST /v1/cart/items", "\"3\"", r#"{"sku":"A","quantity":2}"#, 200, ""),
        ("DELETE /v1/cart", "\"3\", \"4-0123456789abcdef\"", "", 204, ""),
    ] {
        let answer = send(&shop, &ada, line, if_match, body).await;
        assert_eq!(answer.status, status, "{line} {body}");
        if !code.is_empty() {
            assert_eq!(answer.body["code"], code, "{line} {body}");
        }
    }
}
