//! Orders made of paper, and a letter box that is locked.
use std::{sync::Mutex, time::Duration};

use kernel::{Caller, CloudEvent};
use orders::{Error, Order, OrderId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::channel::{Channel, Message, Undelivered};

fn eur(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// A new order, as an event carries it.
pub(super) fn order(customer: Option<Uuid>) -> Value {
    json!({
        "id": Uuid::now_v7(),
        "number": "7K3F-9QXM",
        "status": "confirmed",
        "customer_id": customer,
        "email": "ada@example.com",
        "lines": [{"sku": "TEE-M", "name": "Tee", "variant": "Medium", "quantity": 2,
                   "unit_price": eur(1000), "line_total": eur(2000), "tax": eur(319)}],
        "totals": {"items": eur(2000), "shipping": eur(490), "tax": eur(398), "discount": eur(0),
                   "total": eur(2490), "tax_included": true},
        "shipping_address": {"name": "Ada Lovelace", "line1": "Market Street 1", "line2": null, "city": "Berlin",
                             "region": null, "postal_code": "10115", "country": "DE", "phone": null},
        "shipping_method": "standard",
        "payment": {"provider": "test", "status": "captured", "amount": eur(2490), "refunded": eur(500), "action": null},
        "shipments": [{"id": Uuid::now_v7(), "carrier": "DHL", "tracking_number": "JD0146",
                       "shipped_at": "2026-01-02T03:04:05Z"}],
        "cancellation": null,
        "placed_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "version": 2,
    })
}

/// That something happened to it.
pub(super) fn event(kind: &str, order: Value) -> CloudEvent {
    CloudEvent {
        specversion: "1.0".into(),
        id: Uuid::now_v7(),
        source: "/orders".into(),
        kind: kind.into(),
        subject: order["id"].as_str().unwrap().into(),
        time: "2026-01-01T00:00:00Z".parse().unwrap(),
        data: json!({ "order": order }),
        position: 1,
        traceid: "0".repeat(32),
    }
}

/// A channel that takes nothing.
pub(super) struct Broken;

#[kernel::async_trait]
impl Channel for Broken {
    async fn send(&self, _: &Message) -> Result<(), Undelivered> {
        Err(Undelivered::ForNow("out of stamps".into()))
    }
}

/// A publisher of these events.
pub(super) struct Archive(pub(super) Mutex<Vec<CloudEvent>>);

#[kernel::async_trait]
impl orders::Double for Archive {
    async fn events(&self, after: i64, limit: i64, wait_ms: i64) -> Result<Vec<CloudEvent>, Error> {
        let news = self.0.lock().unwrap().iter().filter(|event| event.position > after).cloned().collect::<Vec<_>>();
        if news.is_empty() {
            tokio::time::sleep(Duration::from_millis(u64::try_from(wait_ms).unwrap())).await;
        }
        Ok(news.into_iter().take(usize::try_from(limit).unwrap()).collect())
    }
    async fn get(&self, caller: Caller, id: OrderId) -> Result<Order, Error> {
        assert_eq!(caller, Caller::System);
        let events = self.0.lock().unwrap();
        let last = events.iter().rev().find(|event| event.subject == id.to_string()).ok_or(Error::OrderNotFound)?;
        Ok(serde_json::from_value(last.data["order"].clone()).unwrap())
    }
}
