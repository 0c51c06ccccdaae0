use std::sync::Arc;

use axum::http::HeaderMap;
use kernel::testing::ask;
use serde_json::{Value, json};

use super::*;

/// Somebody at the edge.
struct Client(Arc<dyn Products>, Caller);

impl Client {
    fn new(shop: &Shop, caller: Caller) -> Self {
        Self(shop.service.clone(), caller)
    }

    async fn send(&self, method: &str, path: &str, headers: &[&str], body: Value) -> (u16, HeaderMap, Value) {
        let routes = crate::routes::routes(Arc::clone(&self.0));
        let answer = ask(routes, &self.1, &format!("{method} {path}"), headers, &body).await;
        (answer.status, answer.headers, answer.body)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let (status, _, body) = self.send("GET", path, &[], Value::Null).await;
        (status, body)
    }
}

#[tokio::test]
async fn staff_create_and_change_a_product_and_customers_see_it() {
    for shop in shops().await {
        let (clerk, guest) = (Client::new(&shop, staff()), Client::new(&shop, Caller::Anonymous));
        let (status, ..) = clerk.send("POST", "/v1/categories", &[], json!({"name": "Men"})).await;
        assert_eq!(status, 201);
        let wish = json!({
            "name": "Shirt", "category": "men",
            "variants": [{"sku": "TEE", "price": {"amount": 1999, "currency": "EUR"}, "on_hand": 5}],
        });
        let (status, headers, created) = clerk.send("POST", "/v1/products", &[], wish.clone()).await;
        assert!(status == 201 && headers["etag"].to_str().unwrap().starts_with("\"1-"), "{created}");
        assert_eq!(headers["location"], format!("/v1/products/{}", created["id"].as_str().unwrap()));
        let location = headers["location"].to_str().unwrap().to_owned();
        assert_eq!(guest.get(&location).await, (200, created.clone()));
        assert_eq!(guest.get("/v1/products/shirt").await.1["variants"][0]["available"], 5);

        let change = async |version: &str, name: &str| {
            clerk.send("PATCH", "/v1/products/shirt", &[&format!("if-match: {version}")], json!({ "name": name })).await
        };
        let (status, headers, _) = change("\"1\"", "Better Shirt").await;
        assert!(status == 200 && headers["etag"].to_str().unwrap().starts_with("\"2-"));
        assert_eq!(change("\"1\"", "Better Shirt").await.0, 200, "it was made before");
        let (status, _, problem) = change("\"1\"", "Best Shirt").await;
        assert_eq!((status, &problem["code"], &problem["version"]), (412, &json!("stale"), &json!(2)));

        let (status, _, problem) = clerk.send("POST", "/v1/products", &[], wish).await;
        assert_eq!((status, &problem["code"]), (409, &json!("sku_taken")));
        assert_eq!(guest.get("/v1/categories").await.1["items"][0]["products"], 1);
        let (status, _, problem) =
            clerk.send("DELETE", "/v1/products/shirt", &["if-match: \"1\", \"7\""], Value::Null).await;
        assert_eq!((status, &problem["version"]), (412, &json!(2)));
        let seen = headers["etag"].to_str().unwrap();
        for (again, tag) in ["*", seen, "\"1\""].into_iter().enumerate() {
            let (status, ..) =
                clerk.send("DELETE", "/v1/products/shirt", &[&format!("if-match: {tag}")], Value::Null).await;
            assert_eq!(status, 204, "{again}: what is archived stays so");
        }
        assert_eq!(guest.get("/v1/products/shirt").await.0, 404);
    }
}

#[tokio::test]
async fn staff_count_stock_and_read_its_ledger() {
    for shop in shops().await {
        shop.stocked("TEE", 5).await;
        let clerk = Client::new(&shop, staff());
        let (status, _, stock) = clerk.send("PUT", "/v1/variants/TEE/stock", &[], json!({"on_hand": 8})).await;
        assert_eq!(
            (status, &stock),
            (200, &json!({"sku": "TEE", "on_hand": 8, "reserved": 0, "available": 8, "version": 2}))
        );
        assert_eq!(clerk.get("/v1/variants/TEE/stock").await, (200, stock));
        let (status, ledger) = clerk.get("/v1/variants/TEE/ledger?limit=1").await;
        assert_eq!(
            (status, &ledger["items"][0]["reason"], &ledger["items"][0]["delta"]),
            (200, &json!("adjustment"), &json!(3))
        );
        let next = format!("/v1/variants/TEE/ledger?cursor={}", ledger["next"].as_str().unwrap());
        let (_, rest) = clerk.get(&next).await;
        assert_eq!((&rest["items"][0]["reason"], &rest["next"]), (&json!("initial"), &Value::Null));
    }
}

#[tokio::test]
async fn a_count_names_what_it_was_made_of_and_a_difference_needs_no_count() {
    for shop in shops().await {
        shop.stocked("TEE", 5).await;
        let (clerk, path) = (Client::new(&shop, staff()), "/v1/variants/TEE/stock");
        let tag = async || clerk.send("GET", path, &[], Value::Null).await.1["etag"].to_str().unwrap().to_owned();
        let seen = tag().await;
        shop.reserve(Uuid::now_v7(), vec![line("TEE", 2)]).await.unwrap();
        assert!(tag().await.starts_with("\"1-") && tag().await != seen, "a strong tag names one body");
        let add = async |key: &str, delta: Value| {
            let path = format!("{path}/adjustments");
            clerk.send("POST", &path, &[&format!("idempotency-key: {key}")], json!({ "delta": delta })).await
        };
        let count = async |on_hand: i64| {
            clerk.send("PUT", path, &[&format!("if-match: {seen}")], json!({ "on_hand": on_hand })).await
        };
        let (status, headers, _) = count(6).await;
        assert!(
            status == 200 && headers["etag"].to_str().unwrap().starts_with("\"2-"),
            "nobody is refused for a promise"
        );
        let (status, headers, stock) = add("1", json!(-3)).await;
        assert_eq!((status, &stock["on_hand"], &stock["version"]), (201, &json!(3), &json!(3)));
        assert!(headers["etag"].to_str().unwrap().starts_with("\"3-"));
        assert_eq!(add("1", json!(-3)).await.2, stock);
        let (status, _, problem) = count(9).await;
        assert_eq!((status, &problem["code"], &problem["version"]), (412, &json!("stale"), &json!(3)));
        for (key, delta, status, code) in [
            ("1", json!(4), 422, "key_reused"),
            ("2", json!(-2), 409, "below_reserved"),
            ("2", json!(0), 422, "invalid_input"),
            ("2", json!("1"), 422, "invalid_input"),
            ("2", Value::Null, 422, "invalid_input"),
        ] {
            let (got, _, problem) = add(key, delta.clone()).await;
            assert_eq!((got, &problem["code"]), (status, &json!(code)), "{delta}");
        }
        let nobodys = clerk.send("POST", "/v1/variants/NONE/stock/adjustments", &[], json!({"delta": 1})).await;
        assert_eq!(nobodys.0, 404);
    }
}

#[tokio::test]
async fn what_is_malformed_is_refused_by_its_place() {
    for shop in shops().await {
        shop.stocked("TEE", 5).await;
        let (clerk, customer) = (Client::new(&shop, staff()), Client::new(&shop, customer()));
        for (path, status, pointer) in [
            ("/v1/products?limit=0", 422, "?limit"),
            ("/v1/products?limit=-1", 422, "?limit"),
            ("/v1/products?sort=stock", 422, "?sort"),
            ("/v1/products?cursor=%00", 422, "?cursor"),
            ("/v1/products?category=%00", 422, "?category"),
            ("/v1/products?status=gone", 422, "?status"),
            ("/v1/products?colour=red", 422, "?colour"),
            ("/v1/variants/TEE/ledger?cursor=e30", 422, "?cursor"),
            ("/v1/products/%00", 404, ""),
            ("/v1/products/%F0%9F%98%82", 404, ""),
            ("/v1/products/a%2Fb", 404, ""),
            ("/v1/products/%2E%2E", 404, ""),
            ("/v1/products/%E2%80%8B", 404, ""),
            ("/v1/variants/%00/stock", 404, ""),
            ("/v1/variants/NONE/stock", 404, ""),
        ] {
            let (got, problem) = clerk.get(path).await;
            assert_eq!(got, status, "{path}: {problem}");
            if !pointer.is_empty() {
                assert_eq!(problem["errors"][0]["pointer"], pointer, "{path}: {problem}");
            }
        }
        for (body, pointer) in [
            (json!({"on_hand": -1}), "/on_hand"),
            (json!({"on_hand": 1.5}), "/on_hand"),
            (json!({}), "/on_hand"),
            (json!({"on_hand": 1, "sku": "X"}), "/sku"),
        ] {
            let (status, _, problem) = clerk.send("PUT", "/v1/variants/TEE/stock", &[], body).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)));
        }
        // Whoever may not create a product is told so, before what is missing of it.
        let (status, ..) = customer.send("POST", "/v1/products", &[], json!({"name": "X", "slug": "x"})).await;
        assert_eq!(status, 403);
        let (status, ..) = customer.send("PUT", "/v1/variants/TEE/stock", &[], json!({"on_hand": 9})).await;
        assert_eq!(status, 403);
    }
}

#[tokio::test]
async fn the_description_says_where_each_parameter_goes() {
    let shop = shops().await.remove(0);
    let (_, described) = crate::routes::routes(shop.service.clone()).split_for_parts();
    let described = serde_json::to_value(described).unwrap();
    let places = |path: &str, method: &str| {
        let parameters = described["paths"][path][method]["parameters"].as_array().unwrap().clone();
        parameters.into_iter().map(|one| format!("{} {}", one["in"], one["name"]).replace('"', "")).collect::<Vec<_>>()
    };
    let list = ["query q", "query category", "query sort", "query status", "query limit", "query cursor"];
    let tags = ["header If-None-Match", "header If-Match"];
    assert_eq!(places("/v1/products", "get"), [&list[..], &tags].concat());
    assert_eq!(places("/v1/products/{product}", "patch"), ["path product", "header If-Match", "header If-None-Match"]);
    assert_eq!(places("/v1/variants/{sku}/ledger", "get"), ["path sku", "query limit", "query cursor"]);
}
