use serde_json::json;

use super::product;
use crate::{actor::PASSWORD, world::Shop};

pub(super) async fn a_guests_cart_becomes_a_customers(shop: &Shop) {
    let staff = shop.staff("sam", "staff").await;
    product(&staff, "clay-cup", &[("CUP", 1250, 40)]).await;
    product(&staff, "linen-towel", &[("TOWEL-S", 1990, 10), ("TOWEL-L", 2990, 10)]).await;
    let guest = shop.guest("guest");
    guest.get("/v1/cart").await;
    let added = guest.post("/v1/cart/items", json!({"sku": "CUP", "quantity": 2})).await;
    let guest = guest.with("cart-token", &added.header("cart-token"));
    guest.post("/v1/cart/items", json!({"sku": "TOWEL-S", "quantity": 1})).await;
    guest.post("/v1/cart/items", json!({"sku": "CUP", "quantity": 1})).await;
    guest.patch("/v1/cart/items/TOWEL-S", json!({"quantity": 4})).await;
    shop.note("Two tabs: the second has not seen the first's change.");
    let cart = guest.get("/v1/cart").await;
    let tab = guest.clone().with("if-match", &cart.header("etag"));
    tab.patch("/v1/cart/items/TOWEL-S", json!({"quantity": 3})).await;
    tab.patch("/v1/cart/items/TOWEL-S", json!({"quantity": 9})).await;
    shop.note("Prices are today's.");
    staff
        .patch(
            "/v1/products/clay-cup",
            json!({"variants": [{"sku": "CUP", "price": {"amount": 1000, "currency": "EUR"}}]}),
        )
        .await;
    guest.get("/v1/cart").await;
    shop.note("Signing in brings the guest's lines to the customer's.");
    let ada = shop.customer("ada").await;
    ada.post("/v1/cart/items", json!({"sku": "CUP", "quantity": 5})).await;
    ada.post("/v1/cart/items", json!({"sku": "TOWEL-L", "quantity": 1})).await;
    guest.post("/v1/sessions", json!({"email": "ada@example.com", "password": PASSWORD})).await;
    let cart = ada.get("/v1/cart").await;
    assert_eq!(cart.number("/subtotal/amount"), 8 * 1000 + 3 * 1990 + 2990);
    shop.note("The guest's token opens nothing any more, and a made-up one never did.");
    guest.get("/v1/cart").await;
    guest.clone().with("cart-token", "i-would-like-this-token-please").get("/v1/cart").await;
    ada.delete("/v1/cart/items/CUP").await;
    ada.delete("/v1/cart/items/CUP").await;
    ada.delete("/v1/cart").await;
    ada.get("/v1/cart").await;
}
