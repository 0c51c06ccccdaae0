use reqwest::Method;
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

pub(super) async fn an_address_that_was_wrong(shop: &Shop) {
    let staff = shop.staff("sam", "staff").await;
    product(&staff, "clay-cup", &[("CUP", 1250, 10)]).await;
    let guest = shop.guest("guest");
    let added = guest.send(Method::POST, "/v1/cart/items", Some(&json!({"sku": "CUP", "quantity": 1})), &[]).await;
    let guest = guest.with("cart-token", &added.header("cart-token"));
    let mut order = wish("ok");
    order["email"] = "gust@exmaple.com".into();
    let placed = guest.post("/v1/orders", order).await;
    let path = format!("/v1/orders/{}", placed.text("/id"));
    let sent = |body: &serde_json::Value| body["items"][0]["status"] == "sent";
    let delivery = staff.until("/v1/deliveries", sent).await;
    let resend = format!("/v1/deliveries/{}/resend", delivery.text("/items/0/id"));
    shop.note("The mail reached somebody else. Sent again, it would reach them again: nothing happens.");
    staff.post(&resend, json!({})).await;
    shop.note("Staff corrects the address, of the version that they saw; nobody else may.");
    let seen = guest.get(&path).await;
    guest.patch(&path, json!({"email": "guest@example.com"})).await;
    staff.patch(&path, json!({"email": "guest@example"})).await;
    let tagged = staff.clone().with("if-match", &seen.header("etag"));
    tagged.patch(&path, json!({"email": "guest@example.com"})).await;
    tagged.patch(&path, json!({"email": "another@example.com"})).await;
    shop.note("The same again is done already.");
    tagged.patch(&path, json!({"email": "guest@example.com"})).await;
    guest.get(&format!("{path}/events")).await;
    shop.note("The mail is sent again, to where the order's mail goes now.");
    guest.post(&resend, json!({})).await;
    let queued = staff.send(Method::POST, &resend, Some(&json!({})), &[]).await;
    assert_eq!((queued.status, queued.text("/recipient")), (202, "guest@example.com".into()));
    staff.until("/v1/deliveries", sent).await;
    shop.note("So is what comes later.");
    let parcel = staff.send(Method::POST, &format!("{path}/shipments"), Some(&json!({"carrier": "DHL"})), &[]).await;
    assert_eq!(parcel.status, 201);
    staff
        .until("/v1/deliveries", |body| body["items"].as_array().is_some_and(|all| all.len() == 2) && sent(body))
        .await;
    let mailbox = std::fs::read_dir(shop.data().join("mailbox")).unwrap();
    let mails: Vec<_> = mailbox.map(|mail| std::fs::read_to_string(mail.unwrap().path()).unwrap()).collect();
    assert!(mails.len() == 2 && mails.iter().all(|mail| mail.contains("To: guest@example.com\r\n")), "{mails:?}");
    staff.post("/v1/deliveries/019376b1-7c4e-7c4e-9d2b-3f1e5a6b7c8d/resend", json!({})).await;
}
