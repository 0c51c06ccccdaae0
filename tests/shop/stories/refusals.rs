use reqwest::Method;
use serde_json::json;

use super::{product, wish};
use crate::world::Shop;

pub(super) async fn every_refusal(shop: &Shop) {
    let staff = shop.staff("sam", "staff").await;
    product(&staff, "clay-cup", &[("CUP", 1250, 10)]).await;
    let guest = shop.guest("guest");
    shop.note("Form: what is wrong is pointed at.");
    guest.post("/v1/cart/items", json!({"sku": "CUP", "quantity": -1})).await;
    guest.post("/v1/cart/items", json!({"sku": "CUP", "quantity": i64::MAX})).await;
    guest.post("/v1/cart/items", json!({"sku": "CUP", "quantity": "one"})).await;
    guest.post("/v1/cart/items", json!({"sku": "CUP", "quantity": 1, "price": 1})).await;
    guest.post("/v1/cart/items", json!({"sku": "CUP"})).await;
    guest.post("/v1/cart/items", json!({"sku": "no such sku!", "quantity": 1})).await;
    guest.post("/v1/cart/items", json!({"sku": "NO-SUCH-SKU", "quantity": 1})).await;
    guest.post("/v1/cart/items", json!([])).await;
    guest.patch("/v1/cart/items/CUP", json!({"quantity": 1})).await;
    guest.get("/v1/products?limit=0").await;
    guest.get("/v1/products?limit=ten").await;
    guest.get("/v1/products?cursor=broken").await;
    guest.get("/v1/products?colour=red").await;
    guest.get("/v1/products?sort=best").await;
    shop.note("What is one line has no line breaks and no tabs, and the same choices in another order are the same.");
    let price = json!({"amount": 1250, "currency": "EUR"});
    let variant = |sku: &str, options: [(&str, &str); 2]| {
        let options = options.map(|(name, value)| json!({"name": name, "value": value}));
        json!({"sku": sku, "price": price, "options": options})
    };
    let odd = json!({
        "name": "Clay\nJug", "vendor": "Hephaistos\t& Sons", "tags": ["clay\njug"],
        "images": [{"url": "https://images.example.com/jug.jpg", "alt": "A\njug"}],
        "variants": [{"sku": "JUG", "price": price, "barcode": "40\n06", "options": [{"name": "Si\nze", "value": "S\tM"}]}],
    });
    staff.post("/v1/products", odd).await;
    staff.post("/v1/categories", json!({"name": "Clay\nand glass"})).await;
    let twins =
        [variant("JUG-1", [("Size", "S"), ("Colour", "Red")]), variant("JUG-2", [("Colour", "Red"), ("Size", "S")])];
    staff.post("/v1/products", json!({"name": "Clay Jug", "variants": twins})).await;
    staff.patch("/v1/users/me", json!({"name": "Sam\nBcc: all@example.com"})).await;
    let parcel = json!({"carrier": "DHL\nExpress", "tracking_number": "00\t34"});
    staff.post("/v1/orders/019376b1-7c4e-7c4e-9d2b-3f1e5a6b7c8d/shipments", parcel).await;
    let refund = json!({"reason": "broken\nin two"});
    staff.post("/v1/orders/019376b1-7c4e-7c4e-9d2b-3f1e5a6b7c8d/refunds", refund).await;
    shop.note("Method and address.");
    guest.put("/v1/products", json!({})).await;
    guest.get("/v1/nothing").await;
    guest.get("/v1/orders/not-an-id").await;
    shop.note("Who asks.");
    guest.get("/v1/orders").await;
    guest.get("/v1/notifications").await;
    guest.get("/v1/users").await;
    guest.clone().with("authorization", "Bearer e30.e30.e30").get("/v1/products?limit=1").await;
    guest.clone().with("authorization", "Basic YTpi").get("/v1/products?limit=1").await;
    let eve = shop.customer("eve").await;
    eve.get("/v1/users").await;
    eve.get("/v1/deliveries").await;
    eve.get("/v1/orders/019376b1-7c4e-7c4e-9d2b-3f1e5a6b7c8d").await;
    shop.note("Orders that cannot be.");
    eve.post("/v1/orders", wish("ok")).await;
    eve.send(Method::POST, "/v1/cart/items", Some(&json!({"sku": "CUP", "quantity": 1})), &[]).await;
    eve.post("/v1/orders", wish("gold")).await;
    let mut order = wish("ok");
    order["shipping_method"] = "pigeon".into();
    order["shipping_address"]["country"] = "Atlantis".into();
    order["shipping_address"]["city"] = "".into();
    eve.post("/v1/orders", order).await;
    let mut order = wish("ok");
    order["expected_total"] = json!({"amount": 1, "currency": "EUR"});
    eve.post("/v1/orders", order).await;
    shop.note("Keys and versions that make no sense.");
    eve.clone().with("idempotency-key", &"x".repeat(300)).post("/v1/orders", wish("ok")).await;
    eve.clone().with("if-match", "seven").patch("/v1/cart/items/CUP", json!({"quantity": 1})).await;
    shop.note("Webhooks from nobody.");
    guest.post("/v1/payments/webhooks/test", json!({"id": "evt_1"})).await;
    guest.post("/v1/payments/webhooks/nobody", json!({})).await;
}
