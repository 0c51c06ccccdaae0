use chrono::TimeDelta;
use kernel::{Clock, Executor};
use serde_json::json;

use super::address;
use crate::{actor::PASSWORD, world::Shop};

pub(super) async fn registering_and_signing_in(shop: &Shop) {
    let ada = shop.guest("ada");
    let account = json!({"email": "Ada@Example.com", "password": PASSWORD, "name": "Ada"});
    ada.post("/v1/users", account.clone()).await;
    ada.post("/v1/users", account).await;
    ada.post("/v1/users", json!({"email": "b@example.com", "password": "123", "name": "B"})).await;
    ada.post("/v1/users", json!({"email": "nobody", "password": PASSWORD, "name": ""})).await;
    shop.note("A wrong address and a wrong password look the same.");
    ada.post("/v1/sessions", json!({"email": "ada@example.com", "password": "wrong horse"})).await;
    ada.post("/v1/sessions", json!({"email": "eve@example.com", "password": "wrong horse"})).await;
    let session = ada.post("/v1/sessions", json!({"email": "ada@example.com", "password": PASSWORD})).await;
    let ada = ada.with("authorization", &format!("Bearer {}", session.text("/access_token")));
    let me = ada.get("/v1/users/me").await;
    let tagged = ada.clone().with("if-match", &me.header("etag"));
    tagged.patch("/v1/users/me", json!({"name": "Ada Lovelace"})).await;
    tagged.patch("/v1/users/me", json!({"name": "Ada King"})).await;
    shop.note("A new password needs the present one.");
    ada.patch("/v1/users/me", json!({"password": "another horse battery"})).await;
    ada.patch("/v1/users/me", json!({"password": "another horse battery", "current_password": "no"})).await;
    ada.patch("/v1/users/me", json!({"password": "another horse battery", "current_password": PASSWORD})).await;
    ada.get("/v1/users/me/sessions").await;
    shop.note("Signing out ends the session, also for an access token that is still young.");
    ada.delete("/v1/sessions/current").await;
    ada.get("/v1/users/me").await;
    ada.clone().with("authorization", "Bearer broken").get("/v1/users/me").await;
    ada.without("authorization").get("/v1/users/me").await;
}

pub(super) async fn a_refresh_token_used_twice(shop: &Shop) {
    let ada = shop.guest("ada");
    ada.post("/v1/users", json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"})).await;
    let session = ada.post("/v1/sessions", json!({"email": "ada@example.com", "password": PASSWORD})).await;
    let old = json!({"refresh_token": session.text("/refresh_token")});
    let keyed = ada.clone().with("idempotency-key", "refresh-1");
    let fresh = keyed.post("/v1/sessions/refresh", old.clone()).await;
    assert_ne!(fresh.text("/refresh_token"), session.text("/refresh_token"));
    shop.note("The answer got lost, and under its key the successor is the same.");
    let again = keyed.post("/v1/sessions/refresh", old.clone()).await;
    assert_eq!(again.text("/refresh_token"), fresh.text("/refresh_token"));
    age_rotations(shop, TimeDelta::minutes(1)).await;
    shop.note("A minute later, under the same key: still the same.");
    let again = keyed.post("/v1/sessions/refresh", old.clone()).await;
    assert_eq!(again.text("/refresh_token"), fresh.text("/refresh_token"));
    shop.note("Somebody else, without the key, has a copy: the whole family ends.");
    ada.post("/v1/sessions/refresh", old).await;
    ada.post("/v1/sessions/refresh", json!({"refresh_token": fresh.text("/refresh_token")})).await;
    let signed_in = ada.clone().with("authorization", &format!("Bearer {}", fresh.text("/access_token")));
    signed_in.get("/v1/users/me").await;
    shop.note("Once its successor was used, a token that comes back is a copy however soon it comes.");
    let session = ada.session_of("ada@example.com").await;
    let first = json!({"refresh_token": session.text("/refresh_token")});
    let second = keyed.post("/v1/sessions/refresh", first.clone()).await;
    let second = json!({"refresh_token": second.text("/refresh_token")});
    let third = ada.post("/v1/sessions/refresh", second).await;
    keyed.post("/v1/sessions/refresh", first).await;
    ada.post("/v1/sessions/refresh", json!({"refresh_token": third.text("/refresh_token")})).await;
}

/// Lets time pass for the exchanges of refresh tokens.
async fn age_rotations(shop: &Shop, by: TimeDelta) {
    let db = shop.database("users").await;
    let then = Clock::default().shared(&db).await.expect("the time") - by;
    let sql = "UPDATE refresh_tokens SET rotated_at = $1 WHERE rotated_at IS NOT NULL";
    db.query(sql).bind(then).execute().await.expect("it is written");
    db.close().await;
}

pub(super) async fn an_address_book(shop: &Shop) {
    let ada = shop.customer("ada").await;
    let first = ada.post("/v1/users/me/addresses", address()).await;
    let mut second = address();
    second["line1"] = "Unter den Linden 6".into();
    second["is_default"] = true.into();
    let second = ada.post("/v1/users/me/addresses", second).await;
    ada.get("/v1/users/me/addresses").await;
    let mut changed = address();
    changed["city"] = "Potsdam".into();
    ada.put(&format!("/v1/users/me/addresses/{}", first.text("/id")), changed).await;
    ada.delete(&format!("/v1/users/me/addresses/{}", second.text("/id"))).await;
    ada.get("/v1/users/me/addresses").await;
    shop.note("Nobody reaches into another's book.");
    let eve = shop.customer("eve").await;
    eve.delete(&format!("/v1/users/me/addresses/{}", first.text("/id"))).await;
    eve.post(
        "/v1/users/me/addresses",
        json!({"name": "Eve", "line1": "", "city": "B", "postal_code": "1", "country": "XX"}),
    )
    .await;
}
