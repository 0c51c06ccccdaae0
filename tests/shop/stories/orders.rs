use std::path::Path;

use kernel::testing::found;
use reqwest::Method;
use serde_json::{Value, json};

use super::{product, wish};
use crate::{actor::Actor, world::Shop};

/// A shop with cups and towels, and Ada with two of each in her cart.
async fn ada_with_a_full_cart(shop: &Shop) -> (Actor<'_>, Actor<'_>) {
    let staff = shop.staff("sam", "staff").await;
    product(&staff, "clay-cup", &[("CUP", 1250, 10)]).await;
    product(&staff, "linen-towel", &[("TOWEL", 1995, 10)]).await;
    let ada = shop.customer("ada").await;
    fill(&ada, "CUP", 2).await;
    fill(&ada, "TOWEL", 2).await;
    (staff, ada)
}

async fn fill(actor: &Actor<'_>, sku: &str, quantity: i64) {
    let added = actor.send(Method::POST, "/v1/cart/items", Some(&json!({"sku": sku, "quantity": quantity})), &[]).await;
    assert!(added.status < 300, "{added:?}");
}

async fn available(actor: &Actor<'_>, slug: &str) -> i64 {
    actor.send(Method::GET, &format!("/v1/products/{slug}"), None, &[]).await.number("/variants/0/available")
}

/// The one mail that contains `text`, once it is there.
async fn mail(mailbox: &Path, text: &str) -> String {
    found(async || {
        let mails = std::fs::read_dir(mailbox).into_iter().flatten().flatten();
        let mails = mails.filter(|file| file.path().extension().is_some_and(|kind| kind == "eml"));
        let mut with: Vec<_> = mails
            .filter_map(|file| std::fs::read_to_string(file.path()).ok())
            .filter(|mail| mail.contains(text))
            .collect();
        assert!(with.len() <= 1, "one mail with {text}, not {}", with.len());
        with.pop().ok_or_else(|| format!("no mail with {text} in {}", mailbox.display()))
    })
    .await
}

pub(super) async fn an_order_that_is_paid_shipped_and_mailed(shop: &Shop) {
    let (staff, ada) = ada_with_a_full_cart(shop).await;
    let quote = ada.post("/v1/orders/quote", json!({"country": "DE", "shipping_method": "standard"})).await;
    let order = ada.clone().with("idempotency-key", "order-1").post("/v1/orders", wish("ok")).await;
    assert_eq!(order.status, 201);
    assert_eq!(order.body["totals"], quote.body["totals"], "what is charged is what was shown");
    let path = format!("/v1/orders/{}", order.text("/id"));
    assert_eq!((available(&ada, "clay-cup").await, available(&ada, "linen-towel").await), (8, 8));
    ada.get("/v1/cart").await;
    ada.get("/v1/orders").await;
    ada.get(&format!("{path}/payment")).await;
    shop.note("Staff sends it.");
    let parcel = json!({"carrier": "DHL", "tracking_number": "00340434161094042557"});
    ada.post(&format!("{path}/shipments"), parcel.clone()).await;
    staff.clone().with("idempotency-key", "parcel-1").post(&format!("{path}/shipments"), parcel).await;
    ada.get(&format!("{path}/events")).await;
    shop.note("One mail for each, and the list of them.");
    let told = |kind: &'static str| {
        move |body: &Value| {
            body["items"].as_array().is_some_and(|all| all.iter().any(|n| n["kind"] == kind && n["status"] == "sent"))
        }
    };
    ada.until("/v1/notifications", |body| told("order_confirmed")(body) && told("order_shipped")(body)).await;
    let mailbox = shop.data().join("mailbox");
    let mail = mail(&mailbox, "00340434161094042557").await;
    assert!(
        mail.contains("To: ada@example.com") && mail.contains("text/html") && mail.contains("text/plain"),
        "{mail}"
    );
    staff.get("/v1/deliveries").await;
}

pub(super) async fn a_guests_order(shop: &Shop) {
    let staff = shop.staff("sam", "staff").await;
    product(&staff, "clay-cup", &[("CUP", 1250, 10)]).await;
    let guest = shop.guest("guest");
    let added = guest.post("/v1/cart/items", json!({"sku": "CUP", "quantity": 1})).await;
    let guest = guest.with("cart-token", &added.header("cart-token"));
    shop.note("A guest has to say where mail goes.");
    guest.post("/v1/orders", wish("ok")).await;
    let mut order = wish("ok");
    order["email"] = "guest@example.com".into();
    order["shipping_method"] = "express".into();
    let placed = guest.post("/v1/orders", order).await;
    let path = format!("/v1/orders/{}", placed.text("/id"));
    shop.note("The token that placed it reads it; nobody else does.");
    guest.get(&path).await;
    shop.guest("stranger").get(&path).await;
    let eve = shop.customer("eve").await;
    eve.get(&path).await;
    eve.post(&format!("{path}/cancel"), json!({})).await;
    shop.note("The token goes on with a new cart.");
    guest.get("/v1/cart").await;
    guest.post("/v1/cart/items", json!({"sku": "CUP", "quantity": 1})).await;
}

pub(super) async fn a_declined_payment(shop: &Shop) {
    let (_, ada) = ada_with_a_full_cart(shop).await;
    ada.post("/v1/orders", wish("declined")).await;
    ada.post("/v1/orders", wish("insufficient_funds")).await;
    assert_eq!(available(&ada, "clay-cup").await, 10, "its stock came back");
    shop.note("The cart is still there to try again.");
    ada.get("/v1/cart").await;
    ada.post("/v1/orders", wish("ok")).await;
    ada.get("/v1/orders").await;
}

pub(super) async fn sold_out(shop: &Shop) {
    let staff = shop.staff("sam", "staff").await;
    product(&staff, "clay-cup", &[("CUP", 1250, 3)]).await;
    product(&staff, "linen-towel", &[("TOWEL", 1995, 1)]).await;
    product(&staff, "olive-oil", &[("OIL", 890, 100)]).await;
    let ada = shop.customer("ada").await;
    fill(&ada, "CUP", 4).await;
    fill(&ada, "TOWEL", 2).await;
    fill(&ada, "OIL", 5).await;
    shop.note("All or nothing: which lines are short, and how many are left.");
    ada.post("/v1/orders", wish("ok")).await;
    assert_eq!(available(&ada, "olive-oil").await, 100, "nothing is kept");
    ada.patch("/v1/cart/items/CUP", json!({"quantity": 3})).await;
    ada.patch("/v1/cart/items/TOWEL", json!({"quantity": 1})).await;
    ada.post("/v1/orders", wish("ok")).await;
    ada.get("/v1/products/clay-cup").await;
}

pub(super) async fn two_customers_and_the_last_one(shop: &Shop) {
    let staff = shop.staff("sam", "staff").await;
    product(&staff, "last-amphora", &[("AMPHORA", 9900, 1)]).await;
    let (ada, bob) = (shop.customer("ada").await, shop.customer("bob").await);
    fill(&ada, "AMPHORA", 1).await;
    fill(&bob, "AMPHORA", 1).await;
    shop.note("Both order at once: one gets it.");
    let wish = wish("ok");
    let (a, b) = tokio::join!(
        ada.send(Method::POST, "/v1/orders", Some(&wish), &[]),
        bob.send(Method::POST, "/v1/orders", Some(&wish), &[])
    );
    let (won, lost) = if a.status == 201 { (a, b) } else { (b, a) };
    let somebody = shop.guest("somebody");
    assert_eq!((won.status, lost.status), (201, 409), "{won:?} {lost:?}");
    let mut order = won.body.clone();
    order["email"] = "somebody@example.com".into();
    somebody.tell("POST", "/v1/orders", Some(&wish), &crate::actor::Reply { body: order, ..won });
    somebody.tell("POST", "/v1/orders", Some(&wish), &lost);
    assert_eq!(available(&somebody, "last-amphora").await, 0);
    staff.get("/v1/variants/AMPHORA/ledger").await;
}

pub(super) async fn a_cancelled_order_is_paid_back(shop: &Shop) {
    let (staff, ada) = ada_with_a_full_cart(shop).await;
    let order = ada.post("/v1/orders", wish("ok")).await;
    let path = format!("/v1/orders/{}", order.text("/id"));
    let cancelled = ada.post(&format!("{path}/cancel"), json!({})).await;
    assert_eq!(cancelled.status, 200);
    shop.note("Again: it is cancelled already.");
    ada.post(&format!("{path}/cancel"), json!({})).await;
    assert_eq!((available(&ada, "clay-cup").await, available(&ada, "linen-towel").await), (10, 10));
    ada.get(&format!("{path}/payment")).await;
    ada.get(&format!("{path}/events")).await;
    staff.get("/v1/variants/CUP/ledger").await;
    staff.post(&format!("{path}/shipments"), json!({"carrier": "DHL"})).await;
    ada.until("/v1/notifications", |body| {
        body["items"].as_array().is_some_and(|all| all.len() == 2 && all.iter().all(|n| n["status"] == "sent"))
    })
    .await;
}

pub(super) async fn a_payment_that_needs_an_action(shop: &Shop) {
    let (_, ada) = ada_with_a_full_cart(shop).await;
    let order = ada.post("/v1/orders", wish("action_required")).await;
    assert_eq!(order.status, 202);
    let path = format!("/v1/orders/{}", order.text("/id"));
    assert_eq!(available(&ada, "clay-cup").await, 8, "the stock is kept meanwhile");
    shop.note("The customer's bank says yes.");
    let page = order.text("/payment/action/url");
    ada.post(&format!("{page}/approve"), json!({})).await;
    ada.until(&path, |body| body["status"] == "confirmed" && body["payment"]["status"] == "captured").await;
    shop.note("Another customer's bank says no.");
    let bob = shop.customer("bob").await;
    fill(&bob, "CUP", 1).await;
    let order = bob.post("/v1/orders", wish("action_required")).await;
    let page = order.text("/payment/action/url");
    bob.post(&format!("{page}/decline"), json!({})).await;
    bob.until(&format!("/v1/orders/{}", order.text("/id")), |body| body["status"] == "cancelled").await;
    assert_eq!(available(&ada, "clay-cup").await, 8);
}

pub(super) async fn a_reply_that_got_lost(shop: &Shop) {
    let (_, ada) = ada_with_a_full_cart(shop).await;
    shop.note("The provider charged, but its answer never came: it is asked again, and charges once.");
    let order = ada.send(Method::POST, "/v1/orders", Some(&wish("lost_reply")), &[]).await;
    assert!(matches!(order.status, 201 | 202), "{order:?}");
    let path = format!("/v1/orders/{}", order.text("/id"));
    ada.until(&path, |body| body["status"] == "confirmed" && body["payment"]["status"] == "captured").await;
    ada.get(&format!("{path}/events")).await;
}

pub(super) async fn one_key_one_order(shop: &Shop) {
    let (_, ada) = ada_with_a_full_cart(shop).await;
    let keyed = ada.clone().with("idempotency-key", "order-1");
    let order = keyed.post("/v1/orders", wish("ok")).await;
    let again = keyed.post("/v1/orders", wish("ok")).await;
    assert_eq!(order.body, again.body);
    shop.note("The same key for something else.");
    let mut other = wish("ok");
    other["shipping_method"] = "express".into();
    keyed.post("/v1/orders", other).await;
    shop.note("Another customer's key is another key.");
    let bob = shop.customer("bob").await;
    fill(&bob, "CUP", 1).await;
    bob.with("idempotency-key", "order-1").post("/v1/orders", wish("ok")).await;
    shop.note("What was refused and changed nothing is not remembered: put right, the same request is done.");
    let eve = shop.customer("eve").await.with("idempotency-key", "order-1");
    eve.post("/v1/orders", wish("ok")).await;
    fill(&eve.clone().without("idempotency-key"), "CUP", 9).await;
    eve.post("/v1/orders", wish("ok")).await;
    eve.patch("/v1/cart/items/CUP", json!({"quantity": 7})).await;
    eve.post("/v1/orders", wish("ok")).await;
    eve.get("/v1/orders").await;
}

pub(super) async fn refunds(shop: &Shop) {
    let (staff, ada) = ada_with_a_full_cart(shop).await;
    let order = ada.post("/v1/orders", wish("ok")).await;
    let path = format!("/v1/orders/{}/refunds", order.text("/id"));
    let some = json!({"amount": {"amount": 500, "currency": "EUR"}, "reason": "a scratch"});
    ada.post(&path, some.clone()).await;
    let keyed = staff.clone().with("idempotency-key", "refund-1");
    keyed.post(&path, some.clone()).await;
    keyed.post(&path, some.clone()).await;
    shop.note("Another amount under one's own key; and the same key of somebody else.");
    keyed.post(&path, json!({"amount": {"amount": 400, "currency": "EUR"}})).await;
    let pat = shop.staff("pat", "staff").await.with("idempotency-key", "refund-1");
    pat.post(&path, some).await;
    staff.post(&path, json!({"amount": {"amount": 100_000, "currency": "EUR"}})).await;
    shop.note("What is left.");
    staff.post(&path, json!({})).await;
    staff.post(&path, json!({})).await;
    ada.get(&format!("/v1/orders/{}/payment", order.text("/id"))).await;
}
