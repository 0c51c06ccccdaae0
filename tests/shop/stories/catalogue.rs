use reqwest::Method;
use serde_json::json;

use super::product;
use crate::{actor::Actor, world::Shop};

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
    shop.note("Three are broken: that is a difference, made once however often it is sent.");
    let seen = staff.get("/v1/variants/LANTERN-S/stock").await.header("etag");
    let (broken, adjust) = (json!({"delta": -3}), "/v1/variants/LANTERN-S/stock/adjustments");
    let named = staff.clone().with("idempotency-key", "broken-lanterns");
    named.post(adjust, broken.clone()).await;
    named.post(adjust, broken).await;
    staff.clone().with("idempotency-key", "broken-lanterns").post(adjust, json!({"delta": -4})).await;
    staff.post(adjust, json!({"delta": -10})).await;
    staff.post(adjust, json!({"delta": 0})).await;
    shop.note("Whoever counted before that is told so.");
    staff.clone().with("if-match", &seen).put("/v1/variants/LANTERN-S/stock", json!({"on_hand": 20})).await;
    staff.clone().with("if-match", "*").put("/v1/variants/LANTERN-S/stock", json!({"on_hand": 20})).await;
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
    eve.post("/v1/variants/BELL/stock/adjustments", json!({"delta": 1})).await;
    visitor.put("/v1/variants/BELL/stock", json!({"on_hand": 1})).await;
}

pub(super) async fn finding(shop: &Shop) {
    let (staff, visitor) = (shop.staff("sam", "staff").await, shop.guest("visitor"));
    shop.note("What is alike in Latin letters only is two, and each is found under what it is called.");
    for (name, slug) in [("汤", "tang"), ("糖", "tang-2")] {
        let made = staff.send(Method::POST, "/v1/categories", Some(&json!({"name": name})), &[]).await;
        assert_eq!((made.status, &*made.text("/slug")), (201, slug), "{made:?}");
    }
    staff.post("/v1/categories", json!({"name": "Tea", "slug": "茶"})).await;
    for (slug, name, more) in [
        ("笔记", "Notebook", json!({"category": "茶", "description": "<p>For <b>t</b>ea &amp; ideas.</p>"})),
        ("笔迹", "Handwriting", json!({"category": "tang"})),
        ("maß", "Maß", json!({"vendor": "CHAlkos"})),
        ("mass", "Olive Mass", json!({"tags": ["Wachs", "Kerze"]})),
        ("käse", "Käse", json!({"tags": ["茶"]})),
        ("glas", "Gläser (set of 4)", json!({})),
        ("towel", "Linen Tea-Towel", json!({"vendor": "O'Hara & Söhne"})),
    ] {
        let price = json!({"amount": 100, "currency": "EUR"});
        let variant = json!({"sku": format!("FIND-{}-1L", name.len()), "price": price});
        let mut body = json!({"slug": slug, "name": name, "variants": [variant]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = staff.send(Method::POST, "/v1/products", Some(&body), &[]).await;
        assert_eq!((made.status, &*made.text("/slug")), (201, slug), "{made:?}");
    }
    visitor.get("/v1/products/%E7%AC%94%E8%AE%B0").await;
    visitor.get("/v1/products?category=%E8%8C%B6&limit=1").await;
    visitor.get("/v1/products/bi-ji").await;
    let variants = json!([{"sku": "X", "price": {"amount": 100, "currency": "EUR"}}]);
    staff.post("/v1/products", json!({"slug": "a/b", "name": "X", "variants": variants})).await;
    shop.note("Words are found however they are written, and whatever stands around them.");
    for q in [
        "kase",
        "KÄSE",
        "ka\u{308}se",
        "kaese",
        "chá",
        "mass",
        "茶",
        "olive,",
        "(olive)",
        "\"olive mass\"",
        "olives",
        "glas",
        "Gläser",
        "kerzen",
        "tea-towel",
        "tea",
        "o’hara",
        "ohara",
        "soehne",
        "FIND-8-1L",
        "find-8",
        "ideas",
        "strong",
    ] {
        shop.note(&format!("`{q}` finds {}", found(&visitor, q).await.join(", ")));
    }
    shop.note("Where there is nothing to look for, nothing is found; only blanks ask for everything.");
    for q in ["𒀀", "\u{200b}", "%", "_", "—", "\u{301}", "x".repeat(200).as_str()] {
        assert_eq!(found(&visitor, q).await, [""; 0], "{q:?}");
    }
    assert!(found(&visitor, "\u{3000}").await.len() > 7);
    visitor.get("/v1/products?q=%F0%92%80%80").await;
}

/// The slugs of what `q` finds.
async fn found(visitor: &Actor<'_>, q: &str) -> Vec<String> {
    let q: String = q.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let page = visitor.send(Method::GET, &format!("/v1/products?sort=name&limit=100&q={q}"), None, &[]).await;
    assert_eq!(page.status, 200, "{page:?}");
    page.body["items"].as_array().unwrap().iter().map(|one| one["slug"].as_str().unwrap().to_owned()).collect()
}
