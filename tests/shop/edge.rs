//! What no story tells: the command line, bad configuration, and what is not for the public.
use std::process::Command;

use kernel::testing::Folder;
use reqwest::Method;
use serde_json::json;

use crate::{
    actor::client,
    world::{
        Engine::{Postgres, Sqlite},
        Shop,
        Topology::{Apart, Together},
    },
};

fn stoa(folder: &Folder, environment: &[(&str, &str)], args: &[&str]) -> (bool, String, String) {
    let mut command = Command::new("timeout");
    command.arg("10").arg(env!("CARGO_BIN_EXE_stoa"));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(environment.iter().copied())
        .current_dir(&folder.0)
        .args(args);
    let output = command.output().expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn bad_configuration_is_one_sentence_that_names_the_setting() {
    let folder = Folder::new();
    for (name, value, named) in [
        ("STOA_ROLE", "shop", "`role`"),
        ("ROLE", "", "`role`"),
        ("STOA_MODE", "production", "`service_secret`"),
        ("STOA_MODE", "prod", "MODE"),
        ("STOA_SERVICE_SECRET", "short", "`service_secret`"),
        ("STOA_LISTEN__PUBIC", "127.0.0.1:1", "`listen.pubic`"),
        ("STOA_LISTEN__INTERNAL", "nowhere", "`listen.internal`"),
        ("STOA_DATABASE__URL", "mysql://x", "`database.url`"),
        ("DATABASE_URL", "postgres://stoa@127.0.0.1:1/x", "`database.url`"),
        ("DATABASE_URL", "postgres://stoa@one,/x", "`database.url`"),
        ("PORT", "http", "PORT"),
        ("STOA_CURRENCY", "EURO", "CURRENCY"),
        ("STOA_LOG__FORMAT", "xml", "FORMAT"),
        ("STOA_TESTING__FAILPOINT", "cart.close:0", "`testing.failpoint`"),
        ("STOA_NOTIFICATIONS__CLAIM_SECONDS", "1", "`notifications.claim_seconds`"),
    ] {
        let mut environment = vec![("STOA_LISTEN__PUBLIC", "127.0.0.1:0"), (name, value)];
        if value == "production" {
            // One process alone has nobody to share a secret with.
            environment.push(("ROLE", "orders"));
        }
        if name != "STOA_LISTEN__INTERNAL" {
            environment.push(("STOA_LISTEN__INTERNAL", "127.0.0.1:0"));
        }
        let (ended_well, _, said) = stoa(&folder, &environment, &[]);
        let said: Vec<_> = said.lines().filter(|line| line.starts_with("stoa: ")).collect();
        assert!(!ended_well && said.len() == 1 && said[0].contains(named), "{name}={value}: {said:?}");
    }
}

#[test]
fn a_peer_that_only_a_later_release_knows_is_a_warning() {
    let folder = Folder::new();
    let environment = [("ROLE", "cart"), ("STOA_PEERS__GIFTS", "http://gifts:8081")];
    let (ended_well, _, said) = stoa(&folder, &environment, &["migrate"]);
    assert!(ended_well && said.contains("`peers.gifts`"), "{said}");
}

#[test]
fn the_configuration_is_shown_without_its_secrets() {
    let folder = Folder::new();
    let secret = "a secret that is long enough to be one";
    let environment = [
        ("STOA_SERVICE_SECRET", secret),
        ("DATABASE_URL", "postgres://shop:hunter2@one:5432,two:5433/shop"),
        ("PORT", "9000"),
    ];
    let (ended_well, shown, said) = stoa(&folder, &environment, &["config"]);
    assert!(ended_well, "{said}");
    assert!(!shown.contains(secret) && !shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("127.0.0.1:9000") && shown.contains("PORT") && shown.contains("role = \"all\""), "{shown}");
}

#[test]
fn the_public_api_is_described_as_it_is_checked_in() {
    let (ended_well, shown, said) = stoa(&Folder::new(), &[], &["openapi"]);
    assert!(ended_well, "{said}");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/openapi.json");
    if std::env::vars().any(|(name, value)| name == "INSTA_UPDATE" && value == "always") {
        std::fs::write(file, &shown).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap();
    assert!(shown == kept, "the API is not what deploy/openapi.json says; `just accept`, and look at the diff");
}

#[tokio::test]
async fn other_processes_calls_need_a_service_token() {
    let shop = Shop::open(Apart, Sqlite, &[]).await;
    for (path, body) in [("/rpc/products/categories", json!({})), ("/rpc/users/keys", json!({}))] {
        let url = format!("{}{path}", shop.internal(path.split('/').nth(2).unwrap()));
        for token in [None, Some("Bearer x"), Some("Basic eDp4")] {
            let request = client().post(&url).json(&body);
            let request = if let Some(token) = token { request.header("authorization", token) } else { request };
            assert_eq!(request.send().await.unwrap().status(), 401, "{path} {token:?}");
        }
        let outside = client().post(format!("{}{path}", shop.base)).json(&body).send().await.unwrap();
        assert_eq!(outside.status(), 404, "not on the public port");
    }
    let metrics = client().get(format!("{}/metrics", shop.internal("gateway"))).send().await.unwrap();
    assert!(metrics.text().await.unwrap().contains("stoa_http_requests_total"));
    assert_eq!(client().get(format!("{}/metrics", shop.base)).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn an_old_connection_between_processes_ends_with_an_answer() {
    let shop = Shop::open(Together, Sqlite, &[("STOA_LISTEN__INTERNAL_AGE_SECONDS", "1")]).await;
    let (client, url) = (client(), format!("{}/health/live", shop.internal("all")));
    let last = async || {
        let reply = client.get(&url).send().await.unwrap();
        (reply.status().as_u16(), reply.headers().get("connection").is_some_and(|value| value == "close"))
    };
    assert_eq!(last().await, (200, false));
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(last().await, (200, true), "the same connection, not closed while it was idle");
    assert_eq!(last().await, (200, false), "a new one");
}

#[tokio::test]
async fn a_module_that_is_down_is_unavailable_and_comes_back() {
    let mut shop = Shop::open(Apart, Postgres, &[]).await;
    shop.kill("products");
    {
        let visitor = shop.guest("visitor");
        let reply = visitor.send(Method::GET, "/v1/products", None, &[]).await;
        assert_eq!((reply.status, reply.text("/code")), (503, "unavailable".into()));
        assert!(!reply.header("retry-after").is_empty());
        let me = visitor.send(Method::GET, "/v1/users/me", None, &[]).await;
        assert_eq!(me.status, 401, "its neighbours serve on");
    }
    shop.start();
    shop.ready().await;
    shop.guest("visitor").until("/v1/products?limit=1", |body| body["items"].is_array()).await;
}

#[tokio::test]
async fn bodies_that_are_no_requests() {
    let shop = Shop::open(Together, Sqlite, &[]).await;
    let url = format!("{}/v1/users", shop.base);
    let json = "application/json";
    let huge = format!("{{\"email\":\"{}\"}}", "x".repeat(300_000));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (kind, body, status, code) in [
        (json, "{", 400, "malformed_json"),
        (json, "\u{0}", 400, "malformed_json"),
        (json, &deep, 422, "invalid_input"),
        (json, &huge, 413, "payload_too_large"),
        ("text/plain", "{}", 415, "unsupported_media_type"),
        (json, r#"{"email":"a\u0000@example.com","password":"correct horse","name":"A"}"#, 422, "invalid_input"),
        (json, r#"{"email":"a@example.com","password":"correct horse","name":"A\u0000"}"#, 422, "invalid_input"),
    ] {
        let reply = client().post(&url).header("content-type", kind).body(body.to_owned()).send().await.unwrap();
        let shown: serde_json::Value = serde_json::from_str(&reply_text(reply, status).await).unwrap();
        assert_eq!(shown["code"], code, "{kind} {body:.80}");
    }
    let raw = client().post(&url).header("content-type", json).body(vec![0xff, 0xfe, 0x00]).send().await.unwrap();
    reply_text(raw, 400).await;
}

async fn reply_text(reply: reqwest::Response, status: u16) -> String {
    assert_eq!(reply.status().as_u16(), status);
    assert_eq!(reply.headers()["content-type"], "application/problem+json");
    reply.text().await.unwrap()
}

#[tokio::test]
async fn the_first_admin_is_made_on_the_command_line() {
    let shop = Shop::open(Apart, Postgres, &[]).await;
    let weak = shop.stoa("users", &["user", "create", "--email", "a@example.com", "--role", "admin"], "short");
    assert!(!weak.status.success() && String::from_utf8_lossy(&weak.stderr).contains("password"));
    let admin = shop.staff("root", "admin").await;
    let list = admin.send(Method::GET, "/v1/users", None, &[]).await;
    assert_eq!((list.status, list.text("/items/0/role")), (200, "admin".into()));
}
