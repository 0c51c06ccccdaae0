use std::collections::BTreeSet;

use axum::http::{HeaderMap, Method};
use kernel::testing::ask;
use serde_json::{Value, json};

use super::*;

/// The public endpoints, without an edge before them: requests say who asks.
struct Edge(Arc<dyn Users>);

impl Edge {
    fn of(shop: &Shop) -> Self {
        Self(Arc::clone(&shop.api))
    }

    async fn ask(&self, caller: &Caller, method: Method, path: &str, body: Value) -> (u16, HeaderMap, Value) {
        self.send(caller, &format!("{method} {path}"), &[], body).await
    }

    async fn send(&self, caller: &Caller, line: &str, headers: &[&str], body: Value) -> (u16, HeaderMap, Value) {
        let answer = ask(Module::routes(Arc::clone(&self.0)), caller, line, headers, &body).await;
        (answer.status, answer.headers, answer.body)
    }
}

#[tokio::test]
async fn somebody_registers_signs_in_stays_and_leaves() {
    for shop in worlds().await {
        let edge = Edge::of(&shop);
        let nobody = Caller::Anonymous;
        let NewUser { email, password, name } = newcomer("ada");
        let form = json!({"email": email, "password": password, "name": name});
        let (status, head, user) = edge.ask(&nobody, Method::POST, "/v1/users", form.clone()).await;
        assert_eq!((status, &head["location"]), (201, &"/v1/users/me".parse().unwrap()));
        let tag = head["etag"].clone();
        assert!(tag.to_str().unwrap().starts_with("\"1-"));
        assert!(user["email"] == *email && user["role"] == "customer" && !user.to_string().contains("password"));
        let (status, _, problem) = edge.ask(&nobody, Method::POST, "/v1/users", form).await;
        assert_eq!((status, &problem["code"]), (409, &json!("email_taken")));

        let form = json!({"email": email, "password": password});
        let (status, head, tokens) = edge.ask(&nobody, Method::POST, "/v1/sessions", form).await;
        assert_eq!((status, &head["cache-control"]), (201, &"no-store".parse().unwrap()));
        let id = serde_json::from_value::<UserId>(user["id"].clone()).unwrap();
        let read: Tokens = serde_json::from_value(tokens.clone()).unwrap();
        let ada = Caller::User { id: id.0, role: Role::Customer, session: session_of(&read).0 };

        let form = json!({"refresh_token": tokens["refresh_token"]});
        let (status, head, fresh) = edge.ask(&nobody, Method::POST, "/v1/sessions/refresh", form).await;
        assert_eq!((status, &head["cache-control"]), (200, &"no-store".parse().unwrap()));
        assert!(fresh["refresh_token"] != tokens["refresh_token"] && fresh["token_type"] == "Bearer");

        let (status, head, me) = edge.ask(&ada, Method::GET, "/v1/users/me", Value::Null).await;
        assert_eq!((status, &me, &head["etag"]), (200, &user, &tag));
        let countess = json!({"name": "Countess"});
        let (status, _, problem) = edge.send(&ada, "PATCH /v1/users/me", &["if-match: \"7\""], countess).await;
        assert_eq!((status, &problem["version"]), (412, &json!(1)));
        let (_, _, list) = edge.ask(&ada, Method::GET, "/v1/users/me/sessions", Value::Null).await;
        assert_eq!(list["items"][0]["current"], json!(true));

        let (status, _, _) = edge.ask(&ada, Method::DELETE, "/v1/sessions/current", Value::Null).await;
        assert_eq!(status, 204);
        let (status, head, _) = edge.ask(&ada, Method::GET, "/v1/users/me", Value::Null).await;
        assert!(status == 401 && head.contains_key("www-authenticate"));
    }
}

#[tokio::test]
async fn an_address_is_one_flat_object() {
    for shop in worlds().await {
        let edge = Edge::of(&shop);
        let ada = shop.customer("ada").await.caller;
        let form = json!({"name": "Ada", "line1": "Market Street 1", "city": "Berlin", "postal_code": "10115", "country": "de"});
        let (status, _, created) = edge.ask(&ada, Method::POST, "/v1/users/me/addresses", form.clone()).await;
        assert_eq!(status, 201);
        assert_eq!((&created["country"], &created["is_default"]), (&json!("DE"), &json!(true)));
        let path = format!("/v1/users/me/addresses/{}", created["id"].as_str().unwrap());

        let mut odd = form.clone();
        odd["planet"] = json!("Mars");
        let (status, _, problem) = edge.ask(&ada, Method::PUT, &path, odd).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/planet")));
        for postal_code in [None, Some(json!(null)), Some(json!(""))] {
            let mut kingston = form.clone();
            kingston["country"] = json!("jm");
            kingston.as_object_mut().unwrap().remove("postal_code");
            if let Some(postal_code) = postal_code {
                kingston["postal_code"] = postal_code;
            }
            let (status, _, there) = edge.ask(&ada, Method::PUT, &path, kingston.clone()).await;
            assert_eq!((status, &there["postal_code"]), (200, &json!("")));
            kingston["country"] = json!("de");
            let (status, _, problem) = edge.ask(&ada, Method::PUT, &path, kingston).await;
            let at = &problem["errors"][0]["pointer"];
            assert_eq!((status, at), (422, &json!("/postal_code")));
        }
        let mut moved = form;
        moved["city"] = json!("Hamburg");
        assert_eq!(edge.ask(&ada, Method::PUT, &path, moved).await.2["city"], json!("Hamburg"));
        let (_, _, book) = edge.ask(&ada, Method::GET, "/v1/users/me/addresses", Value::Null).await;
        assert_eq!((&book["items"][0]["city"], &book["next"]), (&json!("Hamburg"), &Value::Null));
        assert_eq!(edge.ask(&ada, Method::DELETE, &path, Value::Null).await.0, 204);
    }
}

#[tokio::test]
async fn too_many_attempts_are_told_when_to_come_back() {
    for shop in shops().await {
        let edge = Edge::of(&shop);
        let form = json!({"email": "nobody@example.com", "password": "wrong horse"});
        for _ in 0..10 {
            let (status, _, _) = edge.ask(&Caller::Anonymous, Method::POST, "/v1/sessions", form.clone()).await;
            assert_eq!(status, 401);
        }
        let (status, head, problem) = edge.ask(&Caller::Anonymous, Method::POST, "/v1/sessions", form).await;
        assert_eq!((status, &problem["code"]), (429, &json!("too_many_attempts")));
        assert_eq!(head["retry-after"].to_str().unwrap(), problem["retry_after"].to_string());
    }
}

#[tokio::test]
async fn staff_lists_accounts_and_admins_appoint_staff() {
    for shop in worlds().await {
        let edge = Edge::of(&shop);
        let admin = shop.appointed("grace", Role::Admin).await.caller;
        let ada = shop.customer("ada").await;
        let path = format!("/v1/users/{}", ada.user.id);
        let (status, _, page) = edge.ask(&admin, Method::GET, "/v1/users?limit=1", Value::Null).await;
        assert!(status == 200 && page["items"][0]["name"] == "ada" && page["next"].is_string());
        assert_eq!(edge.ask(&ada.caller, Method::GET, "/v1/users", Value::Null).await.0, 403);
        assert_eq!(edge.ask(&admin, Method::GET, &path, Value::Null).await.2["name"], "ada");
        let role = format!("{path}/role");
        let (status, _, _) = edge.ask(&ada.caller, Method::PUT, &role, json!({"role": "admin"})).await;
        assert_eq!(status, 403);
        let (status, _, user) = edge.ask(&admin, Method::PUT, &role, json!({"role": "staff"})).await;
        assert_eq!((status, &user["role"]), (200, &json!("staff")));
        let (status, _, problem) = edge.ask(&admin, Method::PUT, &role, json!({"role": "king"})).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/role")));
        assert_eq!(edge.ask(&admin, Method::GET, "/v1/users/x", Value::Null).await.0, 404);
    }
}

#[tokio::test]
async fn the_keys_are_a_key_set() {
    for shop in worlds().await {
        let (status, _, set) = Edge::of(&shop).ask(&Caller::Anonymous, Method::GET, "/v1/keys", Value::Null).await;
        assert_eq!(status, 200);
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(set).unwrap();
        assert!(jsonwebtoken::DecodingKey::from_jwk(&set.keys[0]).is_ok());
    }
}

#[tokio::test]
async fn every_endpoint_is_described() {
    let shop = shops().await.remove(0);
    let (_, description) = Module::routes(shop.api).split_for_parts();
    let description = serde_json::to_value(description).unwrap();
    let paths = description["paths"].as_object().unwrap();
    let operations = paths.values().flat_map(|path| path.as_object().unwrap().values());
    let ids: BTreeSet<_> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 16, "{ids:?}");
    let parameters = &description["paths"]["/v1/users"]["get"]["parameters"];
    assert_eq!((&parameters[0]["name"], &parameters[0]["in"]), (&json!("limit"), &json!("query")));
    let parameters = &description["paths"]["/v1/users/{id}"]["get"]["parameters"];
    assert_eq!((&parameters[0]["name"], parameters.as_array().unwrap().len()), (&json!("id"), 3));
}
