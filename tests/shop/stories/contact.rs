use serde_json::json;

use super::{product, wish};
use crate::{actor::PASSWORD, world::Shop};

pub(super) async fn where_parcels_and_mail_can_go(shop: &Shop) {
    let staff = shop.staff("sam", "staff").await;
    product(&staff, "clay-cup", &[("CUP", 1250, 10)]).await;
    let guest = shop.guest("guest");
    let added = guest.post("/v1/cart/items", json!({"sku": "CUP", "quantity": 1})).await;
    let guest = guest.with("cart-token", &added.header("cart-token"));
    shop.note("A country is one that there is, for a quote as for an order.");
    for country in ["de", "ZZ", "UK"] {
        guest.post("/v1/orders/quote", json!({"country": country, "shipping_method": "standard"})).await;
        let mut order = wish("ok");
        order["shipping_address"]["country"] = country.into();
        guest.post("/v1/orders", order).await;
    }
    shop.note("Mail can reach an address, or neither an order nor an account has it.");
    for email in ["Ada <ada@example.com>", "ada@[127.0.0.1]", "a@b", "\"ada\"@example.com", "j\u{fc}rgen@example.com"] {
        let mut order = wish("ok");
        order["email"] = email.into();
        guest.post("/v1/orders", order).await;
        guest.post("/v1/users", json!({"email": email, "password": PASSWORD, "name": "Ada"})).await;
    }
    shop.note("Jamaica has no postal codes; a telephone number is taken as people write it.");
    let mut order = wish("ok");
    order["email"] = "Ada@B\u{fc}cher.example".into();
    order["shipping_address"] = json!({"name": "Ada Lovelace", "line1": "1 Harbour Street", "city": "Kingston",
        "country": "jm", "phone": "+1 (876) 555\u{2013}0100\u{a0}ext. 89"});
    let mut there = order.clone();
    there["shipping_address"]["country"] = "DE".into();
    guest.post("/v1/orders", there).await;
    let placed = guest.post("/v1/orders", order).await;
    assert_eq!(placed.status, 201);
}
