//! Who gets in, and as whom.
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::Method;
use chrono::TimeDelta;
use kernel::Digest;
use serde_json::json;
use users::Claims;
use uuid::Uuid;

use super::{
    fakes::Accounts,
    shop::{ADA, Checked, Shop},
};

const ANYWHERE: [&str; 3] = ["/v1/echo/1", "/", "/v1/nothing/here"];

async fn one() -> Shop {
    Shop::both().await.remove(0)
}

#[tokio::test]
async fn a_caller_is_who_the_token_says_or_a_guest_or_nobody() {
    let shop = one().await;
    let claims = Accounts::claims(ADA, shop.context.clock.now().timestamp());
    let bearer = format!("Authorization: Bearer {}", shop.accounts.token(&claims));
    let who = async |headers: &[&str]| shop.get("/v1/echo/1", headers).await.body["caller"].clone();
    let ada = json!({ "who": "user", "id": ADA, "role": "customer", "session": claims.sid });
    assert_eq!(who(&[&bearer]).await, ada);
    assert_eq!(who(&[&bearer, "Cart-Token: abc"]).await, ada);
    assert_eq!(who(&["Cart-Token: abc"]).await, json!({ "who": "guest", "cart": Digest::of("abc").hex() }));
    assert_eq!(who(&["Cart-Token: "]).await, json!({ "who": "anonymous" }));
    assert_eq!(who(&[]).await, json!({ "who": "anonymous" }));
    let long = format!("Cart-Token: {}", "x".repeat(257));
    shop.get("/v1/echo/1", &[&long]).await.is_problem(422, "invalid_input");
    assert_eq!(shop.get("/v1/echo/1", &[&bearer]).await.header("cache-control"), "private");
    assert_eq!(shop.get("/v1/echo/1", &[]).await.header("cache-control"), "");
}

#[tokio::test]
async fn a_token_that_this_shop_did_not_sign_opens_nothing() {
    let shop = one().await;
    let accounts = &shop.accounts;
    let now = shop.context.clock.now().timestamp();
    let good = Accounts::claims(ADA, now);
    let mut forged = vec![accounts.foreign(&good), accounts.token(&Claims { iss: "another".into(), ..good.clone() })];
    forged.extend(accounts.confused(&good));
    forged.extend(accounts.unsigned(&good));
    let token = accounts.token(&good);
    let other = accounts.token(&Accounts::claims(Uuid::from_u128(0xe7e), now));
    let (head, body) = (token.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    forged.extend([format!("{head}.{body}"), "x".into(), "a.b.c".into(), String::new(), "x".repeat(5000)]);
    for token in forged {
        let header = format!("Authorization: Bearer {token}");
        for path in ANYWHERE {
            let refused = shop.get(path, &[&header]).await;
            refused.is_problem(401, "invalid_token");
            assert_eq!(refused.header("www-authenticate"), r#"Bearer realm="stoa", error="invalid_token""#);
        }
    }
    let good = format!("Authorization: Bearer {token}");
    assert_eq!(shop.get("/v1/echo/1", &[&good]).await.status, 200, "the control: only the forgery is refused");
    shop.get("/v1/echo/1", &[&good, &good]).await.is_problem(401, "invalid_token");
    for scheme in ["Basic YWRhOnRpZ2Vy", "Bearer", token.as_str()] {
        let refused = shop.get("/v1/echo/1", &[&format!("Authorization: {scheme}")]).await;
        refused.is_problem(401, "unauthenticated");
        assert_eq!(refused.header("www-authenticate"), r#"Bearer realm="stoa""#);
    }
}

#[tokio::test]
async fn a_token_ends_when_every_clock_says_so() {
    let shop = one().await;
    let bearer = shop.bearer(ADA);
    for (minutes, status) in [(0, 200), (-9, 200), (-2, 401), (24, 200), (8, 401)] {
        shop.context.clock.advance(TimeDelta::minutes(minutes));
        assert_eq!(shop.get("/v1/echo/1", &[&bearer]).await.status, status, "{minutes} more");
    }
}

#[tokio::test]
async fn while_nobody_can_be_known_only_strangers_get_in() {
    let mut shop = one().await;
    shop.accounts.go(false);
    shop.restart();
    let shut = shop.get("/v1/echo/1", &[&shop.bearer(ADA)]).await;
    shut.is_problem(503, "unavailable");
    assert_eq!(shut.header("retry-after"), "1");
    assert_eq!(shop.get("/v1/echo/1", &[]).await.status, 200);
}

#[tokio::test]
async fn signing_in_merges_the_guests_cart_and_nothing_else_does() {
    let shop = one().await;
    let merged = || std::mem::take(&mut *shop.carts.merged.lock().unwrap());
    let guest = "Cart-Token: abc";
    let answer = shop.post("/v1/doors", &[guest], "").await;
    assert_eq!((answer.status, &*answer.bytes), (200, &b"you are in"[..]), "whatever it says");
    assert_eq!(merged(), [(Digest::of("abc").hex(), ADA)]);
    assert_eq!(shop.post("/v1/doors", &[guest, &shop.bearer(ADA)], "").await.status, 200);
    assert_eq!(merged().len(), 1, "also with an older session");
    assert_eq!(shop.post("/v1/doors", &[], "").await.status, 200);
    shop.post("/v1/doors", &[guest], "wrong").await;
    shop.post("/v1/orders", &[guest], "").await;
    assert!(merged().is_empty());
}

#[tokio::test]
async fn a_cart_that_fails_or_hangs_keeps_nobody_from_signing_in() {
    let shop = Shop::with(400, &[]).await.remove(0);
    shop.carts.down.store(true, Ordering::SeqCst);
    assert_eq!(shop.post("/v1/doors", &["Cart-Token: abc"], "").await.status, 200);
    shop.carts.stuck.store(true, Ordering::SeqCst);
    let answer = shop.post("/v1/doors", &["Cart-Token: abc"], "").await;
    assert_eq!((answer.status, &*answer.bytes), (200, &b"you are in"[..]), "whatever it says");
}

#[tokio::test]
async fn pages_of_other_origins_get_in_only_where_they_are_named() {
    let open = Shop::with(1000, &["https://shop.example"]).await.remove(0);
    let asks = ["Origin: https://shop.example", "Access-Control-Request-Method: POST"];
    let allowed = open.send(Method::OPTIONS, "/v1/orders", &asks, Body::empty()).await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, "https://shop.example"));
    for name in ["authorization", "cart-token", "idempotency-key", "if-match", "if-none-match", "content-type"] {
        assert!(allowed.header("access-control-allow-headers").contains(name), "{allowed:?}");
    }
    let answer = open.get("/v1/nothing", &asks[..1]).await;
    for name in ["etag", "location", "cart-token", "retry-after"] {
        assert!(answer.header("access-control-expose-headers").contains(name), "{answer:?}");
    }
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    let stranger = open.get("/v1/echo/1", &["Origin: https://evil.example"]).await;
    assert_eq!(stranger.header("access-control-allow-origin"), "");
    let closed = one().await.send(Method::OPTIONS, "/v1/orders", &asks, Body::empty()).await;
    closed.is_problem(405, "method_not_allowed");
    assert_eq!(closed.header("access-control-allow-origin"), "");
}
