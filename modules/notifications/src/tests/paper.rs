//! Orders made of paper, and a letter box that is locked.
use std::sync::Mutex;

use kernel::{Caller, CloudEvent, Messaging, testing::envelope};
use orders::{Error, Order, OrderChanged, OrderEvent, OrderId};
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

/// What can happen to it.
pub(super) type Happened = fn(OrderChanged) -> OrderEvent;

pub(super) const CONFIRMED: Happened = OrderEvent::Confirmed;
pub(super) const CANCELLED: Happened = OrderEvent::Cancelled;
pub(super) const SHIPPED: Happened = OrderEvent::Shipped;
pub(super) const REFUNDED: Happened = OrderEvent::Refunded;
pub(super) const CORRECTED: Happened = OrderEvent::Corrected;

/// That it happened.
pub(super) fn event(happened: Happened, order: Value) -> CloudEvent {
    envelope(&happened(OrderChanged { order: serde_json::from_value(order).unwrap() }))
}

/// That something happened which only a later release knows.
pub(super) fn later(order: Value) -> CloudEvent {
    CloudEvent { kind: "order.gifted".into(), ..event(CONFIRMED, order) }
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
    fn messaging(&self) -> Messaging {
        Messaging::told(self.0.lock().unwrap().clone())
    }
    async fn get(&self, caller: Caller, id: OrderId) -> Result<Order, Error> {
        assert_eq!(caller, Caller::System);
        let events = self.0.lock().unwrap();
        let last = events.iter().rev().find(|event| event.subject == id.to_string()).ok_or(Error::OrderNotFound)?;
        Ok(serde_json::from_value(last.data["order"].clone()).unwrap())
    }
}
