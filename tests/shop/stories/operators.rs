use reqwest::Method;
use serde_json::json;

use super::{product, wish};
use crate::world::Shop;

/// In a shop where all is well.
pub(super) async fn what_operators_see_and_may_do(shop: &Shop) {
    let (admin, staff) = (shop.staff("ann", "admin").await, shop.staff("sam", "staff").await);
    product(&staff, "clay-cup", &[("CUP", 1250, 10)]).await;
    let ada = shop.customer("ada").await;
    ada.send(Method::POST, "/v1/cart/items", Some(&json!({"sku": "CUP", "quantity": 2})), &[]).await;
    let order = ada.send(Method::POST, "/v1/orders", Some(&wish("action_required")), &[]).await;
    let path = format!("/v1/operations/orders/{}", order.text("/id"));
    let unknown = "019376b1-7c4e-7c4e-9d2b-3f1e5a6b7c8d";
    let cancel = json!({"outcome": "cancel"});
    shop.note("Staff sees that nothing is stuck: an order that waits for its customer is not.");
    staff.get("/v1/operations/orders").await;
    staff.get("/v1/operations/orders/events?state=dead").await;
    staff.get("/v1/operations/notifications/events?state=dead").await;
    shop.note("What there is not.");
    staff.get("/v1/operations/orders/events?state=lost").await;
    staff.get("/v1/operations/orders?limit=0").await;
    staff.post(&format!("/v1/operations/orders/{unknown}/retry"), json!({})).await;
    staff.post(&format!("/v1/operations/orders/events/{unknown}/replay"), json!({})).await;
    staff.post(&format!("/v1/operations/notifications/events/{unknown}/replay"), json!({})).await;
    admin.post(&format!("/v1/operations/orders/{unknown}/force"), cancel.clone()).await;
    shop.note("Nobody else may look or touch, and staff may not force.");
    for (who, path) in [(&ada, &path), (&shop.guest("guest"), &path)] {
        who.get("/v1/operations/orders").await;
        who.get("/v1/operations/orders/events").await;
        who.get("/v1/operations/notifications/events").await;
        who.post(&format!("{path}/retry"), json!({})).await;
        who.post(&format!("{path}/force"), cancel.clone()).await;
        who.post(&format!("/v1/operations/notifications/events/{unknown}/replay"), json!({})).await;
    }
    staff.post(&format!("{path}/force"), cancel.clone()).await;
    shop.note("An order is forced in a direction, not to a result.");
    admin.post(&format!("{path}/force"), json!({"outcome": "confirmed"})).await;
    admin.post(&format!("{path}/force"), cancel.clone()).await;
    staff.get("/v1/products/clay-cup").await;
    shop.note("One that is confirmed was promised: it is cancelled as any order is.");
    ada.send(Method::POST, "/v1/cart/items", Some(&json!({"sku": "CUP", "quantity": 1})), &[]).await;
    let order = ada.send(Method::POST, "/v1/orders", Some(&wish("ok")), &[]).await;
    assert_eq!(order.status, 201, "{order:?}");
    admin.post(&format!("/v1/operations/orders/{}/force", order.text("/id")), cancel).await;
}
