use super::*;
use crate::{Error, Image, NewCategory, ProductPatch, ProductStatus, VariantPatch, catalogue::ensure_currency};

fn shirt() -> NewProduct {
    NewProduct {
        description: "<p>Blue<script>alert(1)</script></p>".into(),
        vendor: Some("Stoa".into()),
        tags: vec!["men".into(), "Summer".into()],
        images: vec![Image { url: "https://example.com/a.jpg".into(), alt: "A shirt".into() }],
        variants: vec![sized("TEE-S", "Small", 1999), sized("TEE-L", "Large", 2499)],
        ..product("Ocean Blue Shirt")
    }
}

#[tokio::test]
async fn a_product_is_found_as_it_was_created_by_either_name() {
    for shop in shops().await {
        let created = shop.create(staff(), shirt()).await.unwrap();
        assert_eq!((&*created.slug, created.version), ("ocean-blue-shirt", 1));
        assert_eq!(created.description, "<p>Blue</p>");
        assert_eq!(skus(&created), ["TEE-S", "TEE-L"]);
        assert_eq!(created.variants[1].name, "Large");
        for name in [created.slug.clone(), created.id.to_string()] {
            assert_eq!(shop.get(Caller::Anonymous, name).await.as_ref(), Ok(&created));
        }
    }
}

#[tokio::test]
async fn one_name_makes_several_slugs_but_a_given_slug_is_taken_once() {
    for shop in shops().await {
        let named = async |sku: &str, slug: Option<&str>| {
            let variants = vec![variant(sku, 1, 0)];
            shop.create(staff(), NewProduct { slug: slug.map(Into::into), variants, ..product("Käse") }).await
        };
        assert_eq!(named("A", None).await.unwrap().slug, "kase");
        assert_eq!(named("B", None).await.unwrap().slug, "kase-2");
        for number in 3..=9 {
            assert_eq!(named(&format!("N{number}"), None).await.unwrap().slug, format!("kase-{number}"));
        }
        let (tenth, eleventh) = (named("TENTH", None).await.unwrap(), named("ELEVENTH", None).await.unwrap());
        assert_eq!(tenth.slug[5..], tenth.id.to_string()[24..], "from the tenth on nobody is refused");
        assert_ne!(tenth.slug, eleventh.slug);
        assert_eq!(named("C", Some("kase")).await, Err(Error::SlugTaken { slug: "kase".into() }));
        assert_eq!(named("A", Some("other")).await, Err(Error::SkuTaken { sku: "A".parse().unwrap() }));
        assert!(shop.get(staff(), "other".into()).await.is_err(), "nothing of it was kept");
    }
}

#[tokio::test]
async fn a_change_counts_once_and_only_if_it_changes_something() {
    for shop in shops().await {
        let before = shop.create(staff(), shirt()).await.unwrap();
        let update = async |patch: ProductPatch, version: Option<i64>| {
            let if_match = version.map(Condition::version).unwrap_or_default();
            shop.update(staff(), before.slug.clone(), patch, if_match).await
        };
        let same = ProductPatch {
            name: Patch::Value(" Ocean Blue Shirt ".into()),
            description: Patch::Value("<p>Blue</p>".into()),
            variants: Patch::Value(vec![NewVariant { on_hand: 7, ..sized("TEE-L", "Large", 2499) }.into()]),
            ..ProductPatch::default()
        };
        assert_eq!(update(same, Some(1)).await.unwrap(), before);
        let change = ProductPatch {
            name: Patch::Value("Sea Shirt".into()),
            vendor: Patch::Value(String::new()),
            variants: Patch::Value(vec![
                VariantPatch { price: Patch::Value(euro(999)), ..named("TEE-S") },
                NewVariant { on_hand: 7, ..sized("TEE-XL", "Huge", 2999) }.into(),
            ]),
            ..ProductPatch::default()
        };
        let after = update(change.clone(), Some(1)).await.unwrap();
        assert_eq!((&*after.name, &after.vendor, after.version), ("Sea Shirt", &None, 2));
        assert_eq!((&after.tags, &after.images, after.created_at), (&before.tags, &before.images, before.created_at));
        assert_eq!(skus(&after), ["TEE-S", "TEE-L", "TEE-XL"]);
        assert_eq!((after.variants[0].price, after.variants[2].available), (euro(999), 7));
        assert_eq!(shop.get(staff(), before.slug.clone()).await.unwrap(), after);
        assert_eq!(update(change, Some(1)).await, Err(Error::Stale { version: 2 }));
        let found = shop.list(customer(), crate::ProductQuery { q: Some("sea".into()), ..Default::default() }).await;
        assert_eq!(found.unwrap().items, [after], "it is found by its new name");
    }
}

#[tokio::test]
async fn a_slug_and_a_sku_of_somebody_else_are_refused_in_a_change_too() {
    for shop in shops().await {
        shop.stocked("A", 0).await;
        shop.stocked("B", 0).await;
        let update = async |patch: ProductPatch| shop.update(staff(), "a".into(), patch, Condition::default()).await;
        let slug = ProductPatch { slug: Patch::Value("b".into()), ..ProductPatch::default() };
        assert_eq!(update(slug).await, Err(Error::SlugTaken { slug: "b".into() }));
        let variants =
            ProductPatch { variants: Patch::Value(vec![sized("B", "Small", 1).into()]), ..ProductPatch::default() };
        assert_eq!(update(variants).await, Err(Error::SkuTaken { sku: "B".parse().unwrap() }));
        let moved = update(ProductPatch { slug: Patch::Value("c".into()), ..ProductPatch::default() }).await.unwrap();
        assert_eq!(shop.get(staff(), "c".into()).await.unwrap(), moved);
        assert_eq!(shop.get(staff(), "a".into()).await, Err(Error::ProductNotFound { product: "a".into() }));
    }
}

#[tokio::test]
async fn customers_see_what_is_on_sale_and_staff_see_everything() {
    for shop in shops().await {
        let draft =
            NewProduct { status: Some(ProductStatus::Draft), variants: vec![variant("A", 1, 5)], ..product("Secret") };
        shop.create(staff(), draft).await.unwrap();
        let offers = async || shop.offers(vec!["A".parse().unwrap()]).await.unwrap();
        for caller in [Caller::Anonymous, customer(), Caller::Guest { cart: String::new() }] {
            let hidden = shop.get(caller, "secret".into()).await;
            assert_eq!(hidden, Err(Error::ProductNotFound { product: "secret".into() }));
        }
        assert!(shop.get(staff(), "secret".into()).await.is_ok() && offers().await.is_empty());
        let listed = async |caller, status| {
            let page = shop.list(caller, crate::ProductQuery { status, ..Default::default() }).await;
            page.map(|page| page.items.len())
        };
        assert_eq!(listed(staff(), None).await, Ok(0));
        assert_eq!(listed(staff(), Some(ProductStatus::Draft)).await, Ok(1));
        assert_eq!(listed(customer(), Some(ProductStatus::Draft)).await, Err(kernel::Refusal::Forbidden.into()));
        let active = ProductPatch { status: Patch::Value(ProductStatus::Active), ..ProductPatch::default() };
        shop.update(staff(), "secret".into(), active, Condition::default()).await.unwrap();
        assert_eq!((listed(customer(), None).await, offers().await.len()), (Ok(1), 1));
        for _ in 0..2 {
            shop.archive(staff(), "secret".into(), Condition::default()).await.unwrap();
        }
        let archived = shop.get(staff(), "secret".into()).await.unwrap();
        assert_eq!((archived.status, archived.version), (ProductStatus::Archived, 3));
        assert!(offers().await.is_empty() && shop.get(customer(), "secret".into()).await.is_err());
    }
}

#[tokio::test]
async fn only_staff_change_anything() {
    for shop in shops().await {
        let sku = shop.stocked("A", 1).await;
        for (caller, refusal) in
            [(Caller::Anonymous, kernel::Refusal::Unauthenticated), (customer(), kernel::Refusal::Forbidden)]
        {
            let refused = Some(Error::from(refusal));
            let who = || caller.clone();
            let name = || "a".to_owned();
            assert_eq!(shop.create(who(), product("X")).await.err(), refused);
            assert_eq!(shop.update(who(), name(), ProductPatch::default(), Condition::default()).await.err(), refused);
            assert_eq!(shop.archive(who(), name(), Condition::default()).await.err(), refused);
            assert_eq!(shop.create_category(who(), NewCategory { slug: None, name: name() }).await.err(), refused);
            assert_eq!(shop.import(who(), vec![]).await.err(), refused);
            assert_eq!(shop.service.stock(who(), sku.clone()).await.err(), refused);
            assert_eq!(shop.set_stock(who(), sku.clone(), 9, Condition::default()).await.err(), refused);
            assert_eq!(shop.ledger(who(), sku.clone(), kernel::PageQuery::default()).await.err(), refused);
        }
    }
}

#[tokio::test]
async fn categories_count_what_is_on_sale() {
    for shop in shops().await {
        let create =
            async |name: &str| shop.create_category(staff(), NewCategory { slug: None, name: name.into() }).await;
        assert_eq!(create("Öle & Käse").await.unwrap().slug, "ole-kase");
        create("apparel").await.unwrap();
        assert_eq!(create("apparel").await, Err(Error::SlugTaken { slug: "apparel".into() }));
        for (sku, status) in [("A", ProductStatus::Active), ("B", ProductStatus::Draft)] {
            let category = Some("apparel".into());
            let variants = vec![variant(sku, 1, 0)];
            let one = NewProduct { category, variants, status: Some(status), ..product(sku) };
            shop.create(staff(), one).await.unwrap();
        }
        let categories: Vec<_> = shop.categories().await.unwrap().into_iter().map(|c| (c.name, c.products)).collect();
        assert_eq!(categories, [("apparel".into(), 1), ("Öle & Käse".into(), 0)]);
    }
}

#[tokio::test]
async fn names_that_are_alike_in_latin_letters_only_are_two_categories() {
    for shop in shops().await {
        let create = async |name: &str| {
            let made = shop.create_category(staff(), NewCategory { slug: None, name: name.into() }).await;
            made.map(|category| category.slug)
        };
        for (name, slug) in [
            ("汤", "tang"),
            ("糖", "tang-2"),
            ("maß", "mass"),
            ("mass", "mass-2"),
            ("Mass", "mass-3"),
            ("☆", "category"),
            ("---", "category-2"),
            ("Olive & Pantry", "olive-pantry"),
            ("Olive Pantry", "olive-pantry-2"),
        ] {
            assert_eq!(create(name).await.as_deref(), Ok(slug), "{name}");
            assert_eq!(create(&format!(" {name} ")).await, Err(Error::SlugTaken { slug: slug.into() }), "{name}");
        }
        assert_eq!(create("Cafe\u{301}").await.as_deref(), Ok("cafe"));
        assert_eq!(create("Café").await, Err(Error::SlugTaken { slug: "cafe".into() }));
        let given = NewCategory { slug: Some("汤".into()), name: "Suppe".into() };
        assert_eq!(shop.create_category(staff(), given).await.unwrap().slug, "汤");
    }
}

#[tokio::test]
async fn offers_leave_out_what_there_is_not_and_cost_what_is_shown() {
    for shop in shops().await {
        shop.create(staff(), shirt()).await.unwrap();
        let order = Uuid::now_v7();
        shop.set_stock(staff(), "TEE-S".parse().unwrap(), 5, Condition::default()).await.unwrap();
        shop.reserve(order, vec![line("TEE-S", 2)]).await.unwrap();
        let ask = |skus: &[&str]| skus.iter().map(|sku| sku.parse().unwrap()).collect::<Vec<Sku>>();
        let offers = shop.offers(ask(&["TEE-S", "NONE", "TEE-L", "TEE-S"])).await.unwrap();
        let shown: Vec<_> =
            offers.iter().map(|offer| (offer.sku.as_str(), &*offer.variant, offer.price, offer.available)).collect();
        assert_eq!(shown, [("TEE-L", "Large", euro(2499), 0), ("TEE-S", "Small", euro(1999), 3)]);
        assert_eq!(offers[0].image.as_ref().unwrap().alt, "A shirt");
        assert_eq!(shop.offers(vec![]).await, Ok(vec![]));
        let too_many = (0..1001).map(|n| n.to_string().parse().unwrap()).collect();
        assert!(matches!(shop.offers(too_many).await, Err(Error::Refusal(_))));
    }
}

#[tokio::test]
async fn another_currency_than_that_of_the_prices_stops_the_start() {
    for shop in shops().await {
        let abroad = Service { currency: "USD".parse().unwrap(), ..(*shop.service).clone() };
        assert!(ensure_currency(&abroad).await.is_ok(), "an empty catalogue fits any");
        shop.stocked("A", 1).await;
        let refused = ensure_currency(&abroad).await.unwrap_err().to_string();
        assert!(refused.contains("`currency`"), "{refused}");
    }
}

/// What a request with one absurd value says is wrong.
async fn flaws(shop: &Shop, spoil: impl Fn(&mut NewProduct)) -> Vec<(String, String)> {
    let mut given = shirt();
    spoil(&mut given);
    match shop.create(staff(), given).await {
        Err(Error::Refusal(kernel::Refusal::InvalidInput { errors })) => {
            errors.into_iter().map(|error| (error.pointer, error.code)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_absurd_product_is_refused_with_a_pointer() {
    type Spoil = fn(&mut NewProduct);
    let matrix: &[(Spoil, &str, &str)] = &[
        (|p| p.name = " ".into(), "/name", "required"),
        (|p| p.name = "x".repeat(201), "/name", "too_long"),
        (|p| p.name = "a\0b".into(), "/name", "control_character"),
        (|p| p.slug = Some("Not A Slug".into()), "/slug", "malformed_slug"),
        (|p| p.slug = Some(Uuid::nil().to_string()), "/slug", "malformed_slug"),
        (|p| p.description = "\0".into(), "/description", "control_character"),
        (|p| p.description = "x".repeat(50_001), "/description", "too_long"),
        (|p| p.vendor = Some("x".repeat(101)), "/vendor", "too_long"),
        (|p| p.category = Some("no-such-category".into()), "/category", "unknown_category"),
        (|p| p.category = Some("a\0".into()), "/category", "malformed_slug"),
        (|p| p.tags[1] = String::new(), "/tags/1", "required"),
        (|p| p.tags = vec!["x".into(); 51], "/tags", "too_many"),
        (|p| p.images[0].url = "javascript:alert(1)".into(), "/images/0/url", "malformed_url"),
        (|p| p.images[0].alt = "x".repeat(501), "/images/0/alt", "too_long"),
        (|p| p.images = vec![p.images[0].clone(); 51], "/images", "too_many"),
        (|p| p.variants.clear(), "/variants", "required"),
        (
            |p| p.variants = (0..101).map(|n| sized(&n.to_string(), &n.to_string(), 1)).collect(),
            "/variants",
            "too_many",
        ),
        (|p| p.variants[1].sku = "a b".into(), "/variants/1/sku", "malformed_sku"),
        (|p| p.variants[1].sku = "TEE-S".into(), "/variants/1/sku", "duplicate_sku"),
        (|p| p.variants[0].price = euro(-1), "/variants/0/price", "out_of_range"),
        (|p| p.variants[0].price = euro(i64::MAX), "/variants/0/price", "out_of_range"),
        (|p| p.variants[0].price.currency = "USD".parse().unwrap(), "/variants/0/price", "wrong_currency"),
        (|p| p.variants[0].compare_at_price = Some(euro(i64::MIN)), "/variants/0/compare_at_price", "out_of_range"),
        (|p| p.variants[0].weight_g = i64::MAX, "/variants/0/weight_g", "out_of_range"),
        (|p| p.variants[0].on_hand = -1, "/variants/0/on_hand", "out_of_range"),
        (|p| p.variants[0].on_hand = i64::MAX, "/variants/0/on_hand", "out_of_range"),
        (|p| p.variants[0].barcode = Some("x".repeat(65)), "/variants/0/barcode", "too_long"),
        (|p| p.variants[0].options[0].value = String::new(), "/variants/0/options/0/value", "required"),
        (|p| p.variants[0].options[0].name = "\u{7}".into(), "/variants/0/options/0/name", "control_character"),
        (
            |p| p.variants[0].options = vec![p.variants[0].options[0].clone(); 2],
            "/variants/0/options/1/name",
            "duplicate_option",
        ),
        (|p| p.variants[1].options = p.variants[0].options.clone(), "/variants/0/options", "duplicate_options"),
        (|p| p.name = "Soft\nShirt".into(), "/name", "control_character"),
        (|p| p.vendor = Some("A\tB".into()), "/vendor", "control_character"),
        (|p| p.tags[0] = "a\nb".into(), "/tags/0", "control_character"),
        (|p| p.images[0].alt = "A\u{2028}B".into(), "/images/0/alt", "control_character"),
        (|p| p.images[0].url += "?a\tb", "/images/0/url", "control_character"),
        (|p| p.variants[0].barcode = Some("1\n2".into()), "/variants/0/barcode", "control_character"),
        (|p| p.variants[0].options[0].name = "Si\nze".into(), "/variants/0/options/0/name", "control_character"),
        (|p| p.variants[0].options[0].value = "S\tM".into(), "/variants/0/options/0/value", "control_character"),
    ];
    for shop in shops().await {
        for (spoil, pointer, code) in matrix {
            let flaws = flaws(&shop, spoil).await;
            assert_eq!(flaws[0], ((*pointer).into(), (*code).into()), "{flaws:?}");
        }
        let both = flaws(&shop, |p| {
            p.name.clear();
            p.variants[1].price = euro(-1);
        });
        assert_eq!(both.await.len(), 2, "every flaw is named");
        for name in ["a\0b", "", "NONE", "%", "019376b1-7c4e-7c4e-9d2b-3f1e5a6b7c8d", &"x".repeat(10_000)] {
            assert_eq!(shop.get(staff(), name.into()).await, Err(Error::ProductNotFound { product: name.into() }));
            assert!(shop.update(staff(), name.into(), ProductPatch::default(), Condition::default()).await.is_err());
        }
    }
}

#[tokio::test]
async fn through_serde_and_with_every_call_repeated_nothing_changes() {
    for shop in shops().await {
        let api: std::sync::Arc<dyn Products> = shop.service.clone();
        let checked = kernel::Local::new(&shop.context, true, 8, 8);
        let api = <dyn Products as kernel::Wire>::local(api, checked);
        let created = api.create(staff(), shirt()).await.unwrap();
        assert_eq!(api.get(staff(), created.id.to_string()).await.unwrap().value(), Ok(created.clone()));
        let sku: Sku = "TEE-S".parse().unwrap();
        assert_eq!(api.set_stock(staff(), sku.clone(), 5, Condition::default()).await.unwrap().available, 5);
        let found = api.adjust_stock(staff(), sku.clone(), "1".into(), 2, Condition::default()).await.unwrap();
        let lost = api.adjust_stock(staff(), sku.clone(), "2".into(), -2, Condition::default()).await.unwrap();
        assert_eq!((found.available, lost.available), (7, 5));
        let order = Uuid::now_v7();
        api.reserve(order, vec![line("TEE-S", 2)]).await.unwrap();
        api.commit(order).await.unwrap();
        assert_eq!(api.offers(vec![sku.clone()]).await.unwrap()[0].available, 3);
        api.release(order).await.unwrap();
        assert_eq!(api.commit(order).await, Err(Error::Released));
        assert_eq!(api.stock(staff(), sku.clone()).await.unwrap().available, 5);
        let short = crate::Shortage { sku, requested: 6, available: 5 };
        let refused = api.reserve(Uuid::now_v7(), vec![line("TEE-S", 6)]).await;
        assert_eq!(refused, Err(Error::SoldOut { lines: vec![short] }));
        api.archive(staff(), created.slug.clone(), Condition::default()).await.unwrap();
        assert_eq!(api.get(staff(), created.slug).await.unwrap().value().unwrap().version, 2);
        shop.audit("TEE-S").await;
    }
}

#[tokio::test]
async fn the_module_starts_with_the_settings_of_the_shop() {
    for shop in shops().await {
        let api = Module::start(shop.context.clone(), ()).await.unwrap();
        assert!(api.categories().await.is_ok());
        assert!(shop.context.tasks.shutdown(std::time::Duration::from_secs(5)).await, "the sweep ends");
    }
}
