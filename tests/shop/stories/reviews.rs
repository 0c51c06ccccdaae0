use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::{product, wish};
use crate::{actor::Actor, world::Shop};

/// Buys the cup, and waits until reviews have heard of it: a review of theirs is taken, and taken back.
async fn buy(customer: &Actor<'_>) {
    customer.send(Method::POST, "/v1/cart/items", Some(&json!({"sku": "CUP", "quantity": 1})), &[]).await;
    let placed = customer.send(Method::POST, "/v1/orders", Some(&wish("ok")), &[]).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    let (path, early) = ("/v1/products/clay-cup/reviews", json!({"rating": 3, "text": "Not yet.", "author": "-"}));
    let patience = Instant::now() + Duration::from_secs(40);
    let known = loop {
        let known = customer.send(Method::POST, path, Some(&early), &[]).await;
        if known.status == 201 {
            break known.text("/id");
        }
        assert!(known.status == 403 && Instant::now() < patience, "{known:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    customer.send(Method::DELETE, &format!("/v1/reviews/{known}"), None, &[]).await;
}

/// The product, once this is what its reviews add up to.
async fn rated(visitor: &Actor<'_>, average: i64, count: i64) {
    let rating = json!({"average": average, "count": count});
    visitor.until("/v1/products/clay-cup", |product: &Value| product["rating"] == rating).await;
}

pub(super) async fn what_customers_say_of_what_they_bought(shop: &Shop) {
    let staff = shop.staff("sam", "staff").await;
    product(&staff, "clay-cup", &[("CUP", 1250, 10)]).await;
    let visitor = shop.guest("visitor");
    let (ada, bob) = (shop.customer("ada").await, shop.customer("bob").await);
    let path = "/v1/products/clay-cup/reviews";
    shop.note("Who did not buy it may not say how it is.");
    visitor.get(path).await;
    let holds_tea = json!({"rating": 5, "text": "Holds tea.\nEvery day.", "author": "Ada L."});
    visitor.post(path, holds_tea.clone()).await;
    bob.post(path, holds_tea.clone()).await;
    bob.post("/v1/products/no-such-cup/reviews", holds_tea.clone()).await;
    shop.note("Who bought it does so once, by a name of their own, however often it is sent.");
    buy(&ada).await;
    let named = ada.clone().with("idempotency-key", "of-the-cup");
    let made = named.post(path, holds_tea.clone()).await;
    named.post(path, holds_tea).await;
    let review = format!("/v1/reviews/{}", made.text("/id"));
    ada.post(path, json!({"rating": 1, "text": "Again.", "author": "Ada"})).await;
    bob.post(path, json!({"rating": 6, "text": " ", "author": "Bob\nB.", "product_id": 1})).await;
    bob.post(path, json!({"rating": 6, "text": " ", "author": "Bob\nB."})).await;
    buy(&bob).await;
    bob.post(path, json!({"rating": 2, "text": "Too small.", "author": "Bob"})).await;
    shop.note("The product shows what they think of it, and anyone reads why, the latest first.");
    rated(&visitor, 350, 2).await;
    let page = visitor.get(&format!("{path}?limit=1")).await;
    visitor.get(&format!("{path}?limit=1&cursor={}", page.text("/next"))).await;
    shop.note("It is hers to change, if it is as she saw it, and nobody else's.");
    let seen = ada.get(&review).await.header("etag");
    let careful = ada.clone().with("if-match", &seen);
    careful.patch(&review, json!({"rating": 4})).await;
    careful.patch(&review, json!({"rating": 3})).await;
    bob.patch(&review, json!({"rating": 1})).await;
    bob.delete(&review).await;
    shop.note("Staff answers, and hides what nobody should read; then it does not count.");
    staff.put(&format!("{review}/answer"), json!({"text": "Thank you, Ada."})).await;
    ada.put(&format!("{review}/answer"), json!({"text": "You are welcome."})).await;
    staff.put(&format!("{review}/visibility"), json!({"visibility": "hidden"})).await;
    ada.put(&format!("{review}/visibility"), json!({"visibility": "visible"})).await;
    rated(&visitor, 200, 1).await;
    visitor.get(path).await;
    visitor.get(&review).await;
    ada.get(&review).await;
    staff.get(path).await;
    shop.note("It is shown again, until she takes it back; once more is as good as once.");
    staff.put(&format!("{review}/visibility"), json!({"visibility": "visible"})).await;
    rated(&visitor, 300, 2).await;
    ada.delete(&review).await;
    ada.delete(&review).await;
    rated(&visitor, 200, 1).await;
}
