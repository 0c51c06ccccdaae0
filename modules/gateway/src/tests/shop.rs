//! A shop of routes that tell what reaches them, and a client of it.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::Query,
    http::{HeaderMap, Method, StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use kernel::{
    Call, Caller, Context, Edge as _, IdempotencyKey, Replayed, Role, SignedIn,
    testing::{Answer, Folder, answer, request},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use users::Claims;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::fakes::{Accounts, Baskets};
use crate::{Edge, assemble, settings::Settings};

/// The account that signs in.
pub(super) const ADA: Uuid = Uuid::from_u128(0xada);

/// A shop, and what its routes have seen.
pub(super) struct Shop {
    pub(super) router: Router,
    pub(super) context: Context,
    pub(super) accounts: Arc<Accounts>,
    pub(super) carts: Arc<Baskets>,
    pub(super) orders: Arc<Orders>,
    settings: Settings,
    _folder: Folder,
}

/// `POST /v1/orders`: counts how often it runs, and waits for a permit where told to.
pub(super) struct Orders {
    begun: AtomicUsize,
    ended: AtomicUsize,
    pub(super) permits: Semaphore,
}

impl Orders {
    pub(super) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
    pub(super) fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }
}

pub(super) trait Checked {
    fn is_problem(&self, status: u16, code: &str);
}

impl Checked for Answer {
    /// That it is a problem with this status and code.
    #[track_caller]
    fn is_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!((self.header("content-type"), &self.body["status"]), ("application/problem+json", &json!(status)));
        assert_eq!(self.body["trace_id"].as_str().unwrap().len(), 32, "{self:?}");
        assert_eq!(self.header("x-content-type-options"), "nosniff");
    }
}

impl Shop {
    /// One on SQLite and one on PostgreSQL.
    pub(super) async fn both() -> Vec<Self> {
        Self::with(10_000, &[]).await
    }

    pub(super) async fn with(timeout_ms: u64, origins: &[&str]) -> Vec<Self> {
        let mut shops = Vec::new();
        for (context, folder) in kernel::testing::contexts(Edge::NAME, &Edge::MIGRATIONS).await {
            let (accounts, carts) = (Accounts::new(), Arc::new(Baskets::default()));
            let permits = Semaphore::new(Semaphore::MAX_PERMITS);
            let orders = Arc::new(Orders { begun: AtomicUsize::new(0), ended: AtomicUsize::new(0), permits });
            let settings = Settings { timeout_ms, cors_origins: origins.iter().map(ToString::to_string).collect() };
            let mut shop = Self { router: Router::new(), context, accounts, carts, orders, settings, _folder: folder };
            shop.restart();
            shops.push(shop);
        }
        shops
    }

    /// Begins anew on the same database.
    pub(super) fn restart(&mut self) {
        let (users, carts) = (Arc::clone(&self.accounts), Arc::clone(&self.carts));
        self.router = assemble(&self.context, &self.settings, users, carts, routes(&self.orders)).unwrap();
    }

    /// A request, its headers as `name: value`.
    pub(super) async fn send(&self, method: Method, path: &str, headers: &[&str], body: impl Into<Body>) -> Answer {
        answer(self.router.clone(), request(&format!("{method} {path}"), headers, body)).await
    }

    pub(super) async fn get(&self, path: &str, headers: &[&str]) -> Answer {
        self.send(Method::GET, path, headers, Body::empty()).await
    }

    pub(super) async fn post(&self, path: &str, headers: &[&str], body: &'static str) -> Answer {
        self.send(Method::POST, path, headers, body).await
    }

    /// What a token says of an account that may do so much now.
    pub(super) fn claims(&self, id: Uuid, role: Role) -> Claims {
        Claims { role, ..Accounts::claims(id, self.context.clock.now().timestamp()) }
    }

    /// The header of a customer who has signed in.
    pub(super) fn bearer(&self, id: Uuid) -> String {
        let claims = Accounts::claims(id, self.context.clock.now().timestamp());
        format!("authorization: Bearer {}", self.accounts.token(&claims))
    }
}

/// How an order is to end.
#[derive(Deserialize)]
struct Ending {
    #[serde(default = "created")]
    status: u16,
}

fn created() -> u16 {
    201
}

fn routes(orders: &Arc<Orders>) -> OpenApiRouter {
    let orders = Arc::clone(orders);
    let place = move |Query(ending): Query<Ending>, headers: HeaderMap| async move {
        let number = orders.begun.fetch_add(1, Ordering::SeqCst) + 1;
        orders.permits.acquire().await.unwrap().forget();
        orders.ended.fetch_add(1, Ordering::SeqCst);
        let key = headers.get("idempotency-key").map(|key| key.to_str().unwrap().to_owned());
        let told = [("location", "/v1/orders/1"), ("etag", "\"1\""), ("x-once", "now")];
        (StatusCode::from_u16(ending.status).unwrap(), told, Json(json!({ "number": number, "key": key })))
    };
    let secret = || async { ([(CACHE_CONTROL, "no-store")], Json(json!({ "secret": Uuid::new_v4() }))) };
    OpenApiRouter::new()
        .routes(routes!(sign_in))
        .routes(kernel::routes!(pay))
        .routes(routes!(echo))
        .route("/v1/orders", post(place))
        .route("/v1/secrets", post(secret).get(|| async { ([(CACHE_CONTROL, "no-store")], "s".repeat(4096)) }))
        .route("/v1/things", post(|kernel::Body(body): kernel::Body<Value>| async move { Json(body) }))
        .route("/v1/raw", post(|body: Bytes| async move { body.len().to_string() }))
        .route("/v1/bug", get(bug).post(bug))
        .route("/v1/tagged", get(|| async { kernel::Tagged(7, "x".repeat(4096)) }))
        .route("/v1/long", get(|| async { "x".repeat(4096) }))
        .route("/v1/slow", get(|| async { tokio::time::sleep(Duration::from_mins(1)).await }))
}

async fn bug() -> StatusCode {
    panic!("the password is tiger")
}

/// Knows its keys itself: whatever is called `again` came before.
#[utoipa::path(post, path = "/v1/payments", responses((status = OK, body = String)))]
async fn pay(IdempotencyKey(key): IdempotencyKey) -> (Replayed, Json<String>) {
    (Replayed(key == "again"), Json(key))
}

/// Tells what reached it.
#[utoipa::path(get, path = "/v1/echo/{id}", responses((status = OK, body = String)))]
async fn echo(caller: Caller, headers: HeaderMap) -> Json<Value> {
    let names: Vec<_> = headers.keys().map(ToString::to_string).collect();
    let left = u64::try_from(Call::current().left().as_millis()).unwrap();
    Json(json!({ "caller": caller, "headers": names, "left": left, "trace": Call::current().trace() }))
}

/// Signs in whoever does not say `wrong`.
#[utoipa::path(post, path = "/v1/doors", responses((status = OK, body = String)))]
async fn sign_in(body: String) -> Response {
    match &*body {
        "wrong" => StatusCode::UNAUTHORIZED.into_response(),
        _ => (SignedIn { user_id: ADA }, "you are in").into_response(),
    }
}
