//! People who do not give up: they ask again, with the same key, until they are answered.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

use crate::{
    actor::{PASSWORD, Reply, client},
    stories::wish,
};

/// How long somebody asks for one thing: half of what they ask for may get lost.
const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(100);

/// Somebody who insists on an answer.
#[derive(Debug, Clone)]
pub(crate) struct Shopper {
    client: reqwest::Client,
    bases: Vec<String>,
    /// How often they asked: each time the next replica.
    turn: Arc<AtomicUsize>,
    headers: HeaderMap,
}

impl Shopper {
    /// Somebody who sends one more header, or none.
    pub(crate) fn new(bases: &[String], header: Option<(&'static str, &str)>) -> Self {
        let headers = header.map(|(name, value)| (name.try_into().unwrap(), value.parse().unwrap()));
        let headers = headers.into_iter().collect();
        Self { client: client(), bases: bases.to_owned(), turn: Arc::default(), headers }
    }

    /// Asks until there is an answer: not while nobody is there, the shop is at fault, or the request still runs.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Reply, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let last = match self.attempt(&method, path, key, body).await {
                Ok(reply) if reply.status == 500 => return Err(format!("{method} {path} is answered {}", reply.body)),
                Ok(reply) if reply.status < 500 && reply.body["code"] != "request_in_progress" => return Ok(reply),
                Ok(reply) => format!("{} {}", reply.status, reply.body),
                Err(error) => error.to_string(),
            };
            if Instant::now() > until {
                return Err(format!("{method} {path} was never answered: {last}"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn attempt(
        &self,
        method: &Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> reqwest::Result<Reply> {
        let base = &self.bases[self.turn.fetch_add(1, Ordering::Relaxed) % self.bases.len()];
        let mut request = self.client.request(method.clone(), format!("{base}{path}"));
        request = request.headers(self.headers.clone()).timeout(Duration::from_secs(4));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let reply = request.send().await?;
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        Ok(Reply { status, headers, body: serde_json::from_slice(&reply.bytes().await?).unwrap_or_default() })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, String> {
        let reply = self.ask(Method::GET, path, None, None).await?;
        if reply.status == 200 { Ok(reply.body) } else { Err(format!("GET {path} is answered {reply:?}")) }
    }

    /// Looks again until `holds`.
    async fn until(&self, path: &str, holds: impl Fn(&Value) -> bool) -> Result<Value, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let body = self.get(path).await?;
            if holds(&body) {
                return Ok(body);
            }
            if Instant::now() > until {
                return Err(format!("GET {path} stays {body}"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks for something to be done, once.
    async fn told(&self, path: &str, key: Option<&str>, body: &Value, good: &[u16]) -> Result<Reply, String> {
        let reply = self.ask(Method::POST, path, key, Some(body)).await?;
        if good.contains(&reply.status) { Ok(reply) } else { Err(format!("POST {path} is answered {reply:?}")) }
    }
}

/// What somebody does in the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Story {
    /// An order that succeeds.
    Bought,
    /// One whose first answer from the provider got lost.
    Lost,
    /// One that takes the provider a while.
    Slow,
    /// One that the provider declines.
    Declined,
    /// One that is cancelled once it is paid.
    Cancelled,
    /// One that is paid back by staff.
    Refunded,
    /// One that is sent.
    Shipped,
    /// One whose payment the customer has to approve, and does.
    Approved,
    /// One whose payment the customer has to approve, and which is cancelled instead.
    Abandoned,
    /// One that is cancelled before its slow provider has answered.
    Overtaken,
    /// One while staff finds three more, and then misses three.
    Recounted,
    /// One of a customer whose session is refreshed before it.
    Refreshed,
    /// One whose address staff corrects.
    Corrected,
    /// One whose customer says how it is.
    Reviewed,
}

/// Where a story takes place.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) bases: Vec<String>,
    pub(crate) staff: Shopper,
    pub(crate) sku: &'static str,
    /// Names its requests.
    pub(crate) name: String,
}

impl Visit {
    /// Somebody without an account, with something in their cart.
    async fn guest(&self, anybody: &Shopper) -> Result<Shopper, String> {
        let item = json!({"sku": self.sku, "quantity": 2});
        let token = anybody.told("/v1/cart/items", None, &item, &[201]).await?.header("cart-token");
        Ok(Shopper::new(&self.bases, Some(("cart-token", &token))))
    }

    /// The same of somebody who registers, and whose session goes on however often its tokens are exchanged.
    async fn customer(&self, anybody: &Shopper) -> Result<Shopper, String> {
        let email = format!("{}@example.com", self.name);
        let account = json!({"email": email, "password": PASSWORD, "name": self.name});
        anybody.told("/v1/users", Some("account"), &account, &[201]).await?;
        let credentials = json!({"email": email, "password": PASSWORD});
        let mut session = anybody.told("/v1/sessions", Some("session"), &credentials, &[201]).await?;
        for key in ["refresh-1", "refresh-2"] {
            let token = json!({"refresh_token": session.text("/refresh_token")});
            session = anybody.told("/v1/sessions/refresh", Some(key), &token, &[200]).await?;
        }
        let bearer = format!("Bearer {}", session.text("/access_token"));
        let customer = Shopper::new(&self.bases, Some(("authorization", &bearer)));
        customer.told("/v1/cart/items", Some("item"), &json!({"sku": self.sku, "quantity": 2}), &[200]).await?;
        Ok(customer)
    }
}

impl Visit {
    /// Says how the cup is, once the purchase is known, and waits until the product shows what all say together.
    async fn review(&self, customer: &Shopper) -> Result<(), String> {
        let (product, opinion) = ("/v1/products/clay-cup", json!({"rating": 4, "text": "Holds tea.", "author": "A."}));
        let (reviews, until) = (format!("{product}/reviews"), Instant::now() + PATIENCE);
        for number in 0.. {
            let key = format!("{}-review-{number}", self.name);
            let told = customer.told(&reviews, Some(&key), &opinion, &[201, 403]).await?;
            if told.status == 201 {
                break;
            }
            if Instant::now() > until {
                return Err(format!("POST {reviews} stays {told:?}"));
            }
            tokio::time::sleep(PAUSE).await;
        }
        let page = customer.get(&format!("{reviews}?limit=100")).await?;
        let count = page["items"].as_array().map_or(0, Vec::len);
        let rating = json!({"average": 400, "count": count});
        customer.until(product, |product| product["rating"] == rating).await.map(drop)
    }
}

impl Story {
    /// Each that a shop keeps also while its releases change.
    pub(crate) const ALL: [Self; 13] = [
        Self::Bought,
        Self::Lost,
        Self::Slow,
        Self::Declined,
        Self::Cancelled,
        Self::Refunded,
        Self::Shipped,
        Self::Approved,
        Self::Abandoned,
        Self::Overtaken,
        Self::Recounted,
        Self::Refreshed,
        Self::Corrected,
    ];

    fn method(self) -> &'static str {
        match self {
            Self::Bought
            | Self::Cancelled
            | Self::Refunded
            | Self::Shipped
            | Self::Recounted
            | Self::Refreshed
            | Self::Corrected
            | Self::Reviewed => "ok",
            Self::Lost => "lost_reply",
            Self::Slow | Self::Overtaken => "slow",
            Self::Declined => "declined",
            Self::Approved | Self::Abandoned => "action_required",
        }
    }

    /// Plays it to its end, which is checked as the customer sees it.
    pub(crate) async fn play(self, visit: Visit) -> Result<(), String> {
        let anybody = Shopper::new(&visit.bases, None);
        let guest = match self {
            Self::Refreshed | Self::Reviewed => visit.customer(&anybody).await?,
            _ => visit.guest(&anybody).await?,
        };
        let mut order = wish(self.method());
        order["email"] = "guest@example.com".into();
        let key = |what: &str| format!("{}-{what}", visit.name);
        if self == Self::Declined {
            // 202 if the refusal took longer than a customer waits.
            let refused = guest.told("/v1/orders", Some(&key("order")), &order, &[402, 202]).await?;
            let id = refused.body.get("order_id").or(refused.body.get("id")).and_then(Value::as_str);
            let path = format!("/v1/orders/{}", id.unwrap_or_default());
            return guest.until(&path, |order| is(order, "cancelled", "declined")).await.map(drop);
        }
        let placed = guest.told("/v1/orders", Some(&key("order")), &order, &[201, 202]).await?;
        let path = format!("/v1/orders/{}", placed.text("/id"));
        let paid = || guest.until(&path, |order| is(order, "confirmed", "captured"));
        let cancel =
            async || guest.told(&format!("{path}/cancel"), Some(&key("cancel")), &json!({}), &[200, 202]).await;
        let asked = || guest.until(&path, |order| order["payment"]["action"]["url"].is_string());
        let (status, payment) = match self {
            Self::Declined | Self::Bought | Self::Lost | Self::Slow | Self::Refreshed => ("confirmed", "captured"),
            Self::Cancelled => {
                paid().await?;
                cancel().await?;
                ("cancelled", "refunded")
            }
            Self::Recounted => {
                paid().await?;
                let path = format!("/v1/variants/{}/stock/adjustments", visit.sku);
                for (name, delta) in [("found", 3), ("missed", -3)] {
                    visit.staff.told(&path, Some(&key(name)), &json!({ "delta": delta }), &[201]).await?;
                }
                ("confirmed", "captured")
            }
            Self::Refunded => {
                paid().await?;
                visit.staff.told(&format!("{path}/refunds"), Some(&key("refund")), &json!({}), &[201]).await?;
                ("confirmed", "refunded")
            }
            Self::Shipped => {
                paid().await?;
                let parcel = json!({"carrier": "DHL"});
                visit.staff.told(&format!("{path}/shipments"), Some(&key("parcel")), &parcel, &[201]).await?;
                ("shipped", "captured")
            }
            Self::Corrected => {
                paid().await?;
                let email = json!({"email": "somebody@example.com"});
                let corrected = visit.staff.ask(Method::PATCH, &path, Some(&key("email")), Some(&email)).await?;
                if corrected.status != 200 || corrected.body["email"] != email["email"] {
                    return Err(format!("PATCH {path} is answered {corrected:?}"));
                }
                ("confirmed", "captured")
            }
            Self::Reviewed => {
                paid().await?;
                visit.review(&guest).await?;
                ("confirmed", "captured")
            }
            Self::Approved => {
                let page = asked().await?["payment"]["action"]["url"].as_str().unwrap_or_default().to_owned();
                anybody.told(&format!("{page}/approve"), None, &json!({}), &[204]).await?;
                ("confirmed", "captured")
            }
            Self::Abandoned => {
                asked().await?;
                cancel().await?;
                ("cancelled", "voided")
            }
            Self::Overtaken => {
                cancel().await?;
                guest.until(&path, |order| order["status"] == "cancelled").await?;
                return Ok(());
            }
        };
        guest.until(&path, |order| is(order, status, payment)).await.map(drop)
    }
}

fn is(order: &Value, status: &str, payment: &str) -> bool {
    order["status"] == status && order["payment"]["status"] == payment
}
