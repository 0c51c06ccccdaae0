//! What clients see, and what two processes do.
use std::sync::Arc;

use kernel::{Caller, Condition, Local, Wire};
use serde_json::{Value, json};

use super::{
    shop::{Shop, customer, staff, tell, wish},
    world::eur,
};
use crate::{Error, NewRefund, NewShipment, OrderStatus, Orders};

impl Shop {
    /// One request of `who`: the answer's status, its `Location` or `ETag`, and its body.
    pub(crate) async fn send(
        &self,
        who: &Caller,
        method: &str,
        path: &str,
        key: &str,
        body: &Value,
    ) -> (u16, String, Value) {
        let (routes, key) = (crate::routes::routes(self.orders.clone()), format!("idempotency-key: {key}"));
        let answer = kernel::testing::ask(routes, who, &format!("{method} {path}"), &[&key], body).await;
        let head = ["location", "etag"].map(|name| answer.header(name).to_owned());
        let head = head.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        (answer.status, head, answer.body)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_has_its_status() {
    tell(|shop| async move {
        let (ada, bob) = (shop.ada(), staff());
        let order = |method: &str| serde_json::to_value(wish(method)).unwrap();
        let (status, location, placed) = shop.send(&ada, "POST", "/v1/orders", "1", &order("ok")).await;
        assert_eq!(status, 201);
        let id = placed["id"].as_str().unwrap();
        assert_eq!(location, format!("/v1/orders/{id}"));
        let (status, etag, seen) = shop.send(&ada, "GET", &location, "", &Value::Null).await;
        assert_eq!((status, &etag[..3], &seen), (200, "\"3-", &placed));
        let (_, _, events) = shop.send(&ada, "GET", &format!("{location}/events"), "", &Value::Null).await;
        assert_eq!(events["items"][0]["data"]["number"], placed["number"]);
        let number = placed["number"].as_str().unwrap();
        assert!(number.len() == 9 && number.as_bytes()[4] == b'-', "{number}");

        let eve = shop.ada();
        let (status, location, waiting) = shop.send(&eve, "POST", "/v1/orders", "1", &order("action_required")).await;
        assert_eq!((status, waiting["status"].as_str()), (202, Some("pending")));
        let (status, _, cancelled) = shop.send(&eve, "POST", &format!("{location}/cancel"), "", &Value::Null).await;
        assert_eq!((status, cancelled["status"].as_str()), (200, Some("cancelled")));
        let (status, _, problem) = shop.send(&eve, "POST", "/v1/orders", "2", &order("declined")).await;
        assert_eq!((status, problem["code"].as_str()), (402, Some("payment_declined")));
        shop.world.fill(&eve, &[("CUP", 9, 500)]);
        let (status, _, problem) = shop.send(&eve, "POST", "/v1/orders", "3", &order("ok")).await;
        assert_eq!((status, problem["lines"][0]["available"].as_i64()), (409, Some(2)));
        let (status, _, _) = shop.send(&Caller::Anonymous, "POST", "/v1/orders", "4", &order("ok")).await;
        assert_eq!(status, 422);
        let (status, _, _) = shop.send(&eve, "GET", "/v1/orders/nonsense", "", &Value::Null).await;
        assert_eq!(status, 404);
        let (status, _, problem) = shop.send(&eve, "GET", "/v1/orders?status=lost", "", &Value::Null).await;
        assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some("?status")));

        let parcel = json!({ "carrier": "DHL" });
        let (status, _, _) = shop.send(&ada, "POST", &format!("/v1/orders/{id}/shipments"), "1", &parcel).await;
        assert_eq!(status, 403);
        let (status, _, _) = shop.send(&bob, "POST", &format!("/v1/orders/{id}/shipments"), "1", &parcel).await;
        assert_eq!(status, 201);
        let (status, _, paid) = shop.send(&bob, "POST", &format!("/v1/orders/{id}/refunds"), "1", &json!({})).await;
        assert_eq!((status, paid["payment"]["status"].as_str()), (201, Some("refunded")));
        let operations = "/v1/operations/orders";
        let (status, _, stuck) = shop.send(&bob, "GET", operations, "", &Value::Null).await;
        assert_eq!((status, &stuck["items"]), (200, &json!([])));
        let (status, _, _) = shop.send(&bob, "POST", &format!("{operations}/{id}/retry"), "", &Value::Null).await;
        assert_eq!(status, 202);
        let force = format!("{operations}/{id}/force");
        let (status, _, _) = shop.send(&bob, "POST", &force, "", &json!({ "outcome": "cancel" })).await;
        assert_eq!(status, 403);
        let (status, _, problem) = shop.send(&Caller::System, "POST", &force, "", &json!({ "outcome": "paid" })).await;
        assert_eq!((status, problem["code"].as_str()), (422, Some("invalid_input")));
        let (_, _, listed) = shop.send(&bob, "GET", "/v1/orders?status=shipped", "", &Value::Null).await;
        assert_eq!((listed["items"][0]["id"].as_str(), &listed["next"]), (Some(id), &Value::Null));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_may_come_twice_and_crosses_a_wire() {
    tell(|shop| async move {
        let local = Local::new(&shop.context, true, 64, 256);
        let orders = <dyn Orders as Wire>::local(shop.orders.clone() as Arc<dyn Orders>, local);
        let place = |who: &Caller, key: &str, method: &str| orders.place(who.clone(), key.into(), None, wish(method));
        let (ada, bob) = (shop.ada(), staff());
        let order = place(&ada, "1", "ok").await.unwrap();
        assert_eq!((order.status, order.version), (OrderStatus::Confirmed, 3));
        let part = NewRefund { amount: Some(eur(1)), reason: None };
        assert_eq!(
            orders
                .refund(bob.clone(), order.id, "1".into(), part, Condition::default())
                .await
                .unwrap()
                .payment
                .refunded,
            eur(1)
        );
        let parcel = NewShipment { carrier: "DHL".into(), tracking_number: None };
        assert_eq!(
            orders.ship(bob, order.id, "1".into(), parcel, Condition::default()).await.unwrap().shipments.len(),
            1
        );
        let eve = shop.ada();
        let declined = place(&eve, "1", "declined").await.unwrap_err();
        assert!(matches!(declined, Error::PaymentDeclined { .. }), "{declined}");
        let waiting = place(&eve, "2", "action_required").await.unwrap();
        let cancelled = orders.cancel(eve.clone(), waiting.id, Condition::default()).await.unwrap();
        assert_eq!((cancelled.status, cancelled.version), (OrderStatus::Cancelled, 4));
        shop.world.fill(&eve, &[("CUP", 9, 500)]);
        assert!(matches!(place(&eve, "3", "ok").await, Err(Error::SoldOut { .. })));
        assert_eq!(place(&customer(), "1", "ok").await, Err(Error::CartEmpty));
    })
    .await;
}
