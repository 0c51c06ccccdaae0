//! What tests of a busy shop share: full carts, orders until they are settled, and what the books say afterwards.
use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use kernel::testing::found;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    actor::{Actor, Reply},
    invariants::audit,
    stories::wish,
    world::Shop,
};

/// How often each answer came: `201`, or `409 sold_out`.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<String, usize>);

impl Tally {
    /// The answers to `replies`, of which none may be the shop's own failure.
    pub(crate) fn of<'r>(replies: impl IntoIterator<Item = &'r Reply>) -> Self {
        let mut tally = Self::default();
        for reply in replies {
            assert!(reply.status < 500, "{reply:?}");
            tally.note(reply);
        }
        tally
    }

    pub(crate) fn note(&mut self, reply: &Reply) {
        let code = reply.body["code"].as_str().unwrap_or_default();
        *self.0.entry(format!("{} {code}", reply.status).trim().to_owned()).or_default() += 1;
    }

    /// Notes an answer to an order while something is broken: it stands, or asks the client to come again.
    pub(crate) fn note_passing(&mut self, reply: &Reply) {
        let passing = match reply.status {
            201 | 202 | 504 => true,
            503 => !reply.header("retry-after").is_empty(),
            409 => reply.text("/code") == "request_in_progress",
            _ => false,
        };
        assert!(passing, "{reply:?}");
        self.note(reply);
    }

    pub(crate) fn count(&self, answer: &str) -> usize {
        self.0.get(answer).copied().unwrap_or_default()
    }

    pub(crate) fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// Something else to count.
    pub(crate) fn remark(&mut self, what: &str, count: usize) {
        *self.0.entry(what.to_owned()).or_default() += count;
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (answer, count) in other.0 {
            *self.0.entry(answer).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers: Vec<_> = self.0.iter().map(|(answer, count)| format!("{answer} ×{count}")).collect();
        f.write_str(&answers.join(", "))
    }
}

/// An order of a guest, who gets mail.
pub(crate) fn order(method: &str) -> Value {
    let mut order = wish(method);
    order["email"] = "guest@example.com".into();
    order
}

impl<'a> Actor<'a> {
    /// The same person as a guest with a new cart, filled in this order.
    pub(crate) async fn with_cart(&self, items: &[(&str, i64)]) -> Actor<'a> {
        let mut guest = self.clone().without("cart-token");
        for (sku, quantity) in items {
            let added = guest.put_in(sku, *quantity).await;
            let token = added.header("cart-token");
            if !token.is_empty() {
                guest = guest.with("cart-token", &token);
            }
        }
        guest
    }

    pub(crate) async fn put_in(&self, sku: &str, quantity: i64) -> Reply {
        let item = json!({"sku": sku, "quantity": quantity});
        let added = self.send(Method::POST, "/v1/cart/items", Some(&item), &[]).await;
        assert!(added.status < 300, "{added:?}");
        added
    }

    /// Orders what is in the cart, under `key`.
    pub(crate) async fn order(&self, method: &str, key: &str) -> Reply {
        self.send(Method::POST, "/v1/orders", Some(&order(method)), &[("idempotency-key", key)]).await
    }

    /// Orders under `key`, again and again until the answer is the order; each answer is noted.
    pub(crate) async fn insist(&self, method: &str, key: &str, answers: &mut Tally) -> Reply {
        let patience = Instant::now() + Duration::from_mins(1);
        loop {
            let reply = self.order(method, key).await;
            answers.note_passing(&reply);
            if matches!(reply.status, 201 | 202) {
                return reply;
            }
            assert!(Instant::now() < patience, "{answers}: {reply:?}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Looks until `holds`, and gives the last answer.
    pub(crate) async fn look(&self, path: &str, holds: impl Fn(&Value) -> bool) -> Reply {
        found(async || {
            let reply = self.send(Method::GET, path, None, &[]).await;
            let there = reply.status == 200 && holds(&reply.body);
            if there { Ok(reply) } else { Err(format!("GET {path} stays {} {:#}", reply.status, reply.body)) }
        })
        .await
    }

    /// The order once nothing is left to do about it.
    pub(crate) async fn settled(&self, id: &str) -> Value {
        self.look(&format!("/v1/orders/{id}"), is_settled).await.body
    }

    /// Every item of a list, page by page.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.send(Method::GET, &format!("{path}?limit=100{cursor}"), None, &[]).await;
            assert_eq!(page.status, 200, "{page:?}");
            items.extend(page.body["items"].as_array().cloned().unwrap_or_default());
            match page.body["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// What is in the house of `sku`, once nothing of it is promised to an order on its way.
    pub(crate) async fn stock(&self, sku: &str) -> i64 {
        let none_promised = |body: &Value| body["reserved"] == 0;
        self.look(&format!("/v1/variants/{sku}/stock"), none_promised).await.number("/on_hand")
    }

    /// How many mails of `kind` went out, once none is on its way and there are `expected`.
    pub(crate) async fn mails(&self, kind: &str, expected: usize) -> usize {
        found(async || {
            let mails = self.all("/v1/deliveries").await;
            let sent = mails.iter().filter(|mail| mail["kind"] == kind && mail["status"] == "sent").count();
            let waiting = mails.iter().filter(|mail| mail["status"] == "queued").count();
            let there = waiting == 0 && sent >= expected;
            if there { Ok(sent) } else { Err(format!("{kind}: {sent} of {expected} are sent, {waiting} mails wait")) }
        })
        .await
    }
}

/// Whether an order is one that rests, and its payment with it.
fn is_settled(order: &Value) -> bool {
    match order["status"].as_str() {
        Some("cancelled") => true,
        Some("confirmed" | "shipped") => order["payment"]["status"] != "authorized",
        _ => false,
    }
}

/// The test provider's own books: what an auditor compares the shop's with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Books {
    /// Charges whose money the shop has.
    pub(crate) taken: i64,
    /// Charges that were let go or paid back whole.
    pub(crate) returned: i64,
    /// Minor units that the shop has.
    pub(crate) income: i64,
}

impl Shop {
    pub(crate) async fn books(&self) -> Books {
        use kernel::Executor;
        let db = self.database("payments").await;
        let query = db.query(
            "SELECT CAST(COALESCE(SUM(CASE WHEN state = 'captured' AND refunded < amount THEN 1 ELSE 0 END), 0) AS BIGINT),
                    CAST(COALESCE(SUM(CASE WHEN state = 'voided' OR (state = 'captured' AND refunded = amount)
                                           THEN 1 ELSE 0 END), 0) AS BIGINT),
                    CAST(COALESCE(SUM(CASE WHEN state = 'captured' THEN amount - refunded ELSE 0 END), 0) AS BIGINT)
               FROM test_charges",
        );
        let (taken, returned, income): (i64, i64, i64) = query.fetch_one().await.unwrap();
        db.close().await;
        Books { taken, returned, income }
    }

    /// The books, once everything has come to rest and every invariant holds.
    pub(crate) async fn closed_books(&self) -> Books {
        audit(self, Duration::from_mins(1), false).await.unwrap_or_else(|found| panic!("{found}"));
        self.books().await
    }
}

/// The sum of what `orders` cost that were not cancelled.
pub(crate) fn revenue(orders: &[Value]) -> i64 {
    let kept = orders.iter().filter(|order| order["status"] != "cancelled");
    kept.map(|order| order["totals"]["total"]["amount"].as_i64().unwrap()).sum()
}

/// How many of `orders` have `status`.
pub(crate) fn count(orders: &[Value], status: &str) -> usize {
    orders.iter().filter(|order| order["status"] == status).count()
}
