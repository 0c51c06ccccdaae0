use serde_json::json;

use super::product;
use crate::world::Shop;

pub(super) async fn browsing(shop: &Shop) {
    let visitor = shop.guest("visitor");
    shop.note("The demo catalogue is there from the first start.");
    visitor.get("/v1/categories").await;
    let first = visitor.get("/v1/products?limit=2&sort=name").await;
    visitor.get(&format!("/v1/products?limit=2&sort=name&cursor={}", first.text("/next"))).await;
    let dear = visitor.get("/v1/products?sort=-price&limit=1").await;
    let cheap = visitor.get("/v1/products?sort=price&limit=1").await;
    let price = "/items/0/variants/0/price/amount";
    assert!(dear.number(price) >= cheap.number(price));
    let slug = first.text("/items/0/slug");
    let by_slug = visitor.get(&format!("/v1/products/{slug}")).await;
    let by_id = visitor.get(&format!("/v1/products/{}", by_slug.text("/id"))).await;
    assert_eq!(by_slug.body, by_id.body);
    let category = by_slug.text("/category");
    let shelf = visitor.get(&format!("/v1/products?category={category}&limit=1&sort=name")).await;
    assert_eq!(shelf.text("/items/0/category"), category);
    shop.note("Searching does not care for case.");
    let word = by_slug.text("/name").split(' ').next().unwrap().to_uppercase();
    let found = visitor.get(&format!("/v1/products?q={word}&limit=1&sort=name")).await;
    assert!(!found.body["items"].as_array().unwrap().is_empty());
    visitor.get("/v1/products?q=zyzzyva").await;
    visitor.get("/v1/products/no-such-product").await;
}

pub(super) async fn running_the_catalogue(shop: &Shop) {
    let staff = shop.staff("sam", "staff").await;
    let visitor = shop.guest("visitor");
    shop.note("Staff puts a product on sale, in a category of its own.");
    staff.post("/v1/categories", json!({"name": "Lanterns"})).await;
    let made = staff
        .post(
            "/v1/products",
            json!({
                "name": "Brass Lantern <b>", "category": "lanterns", "tags": ["light", "brass"], "vendor": "Hephaistos",
                "description": "<p onclick=\"x()\">Bright<script>alert(1)</script></p>",
                "images": [{"url": "https://images.example.com/lantern.jpg", "alt": "A lantern"}],
                "variants": [
                    {"sku": "LANTERN-S", "price": {"amount": 2490, "currency": "EUR"}, "on_hand": 5, "weight_g": 700, "options": [{"name": "Size", "value": "Small"}]},
                    {"sku": "LANTERN-L", "price": {"amount": 3990, "currency": "EUR"}, "on_hand": 0, "options": [{"name": "Size", "value": "Large"}]},
                ],
            }),
        )
        .await;
    let path = format!("/v1/products/{}", made.text("/slug"));
    visitor.get(&path).await;
    shop.note("Two people change it; the second has not seen the first's change.");
    let careful = staff.clone().with("if-match", "\"1\"");
    careful.patch(&path, json!({"name": "Brass Lantern"})).await;
    careful.patch(&path, json!({"name": "Copper Lantern"})).await;
    shop.note("Stock is counted; the ledger tells why there are so many.");
    staff.put("/v1/variants/LANTERN-S/stock", json!({"on_hand": 12})).await;
    staff.put("/v1/variants/LANTERN-S/stock", json!({"on_hand": 12})).await;
    staff.get("/v1/variants/LANTERN-S/ledger").await;
    shop.note("A draft is for staff only, and so is what is archived.");
    staff.patch(&path, json!({"status": "draft"})).await;
    visitor.get(&path).await;
    staff.get(&path).await;
    staff.delete(&path).await;
    visitor.get(&path).await;
    shop.note("Nobody else may do any of this.");
    product(&staff, "bell", &[("BELL", 900, 3)]).await;
    let eve = shop.customer("eve").await;
    eve.post("/v1/products", json!({"name": "X", "variants": []})).await;
    eve.patch("/v1/products/bell", json!({"name": "X"})).await;
    eve.delete("/v1/products/bell").await;
    eve.put("/v1/variants/BELL/stock", json!({"on_hand": 1})).await;
    eve.get("/v1/variants/BELL/stock").await;
    visitor.put("/v1/variants/BELL/stock", json!({"on_hand": 1})).await;
}
