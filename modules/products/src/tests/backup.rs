//! An export is a backup: what it holds comes into an empty shop, and out of it again, as it was.
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::*;
use crate::{Image, ImportReport, NewCategory, ProductPatch, ProductStatus, StockPolicy, csv};

/// What `stoa export` writes.
async fn export(shop: &Shop) -> Vec<u8> {
    let (categories, mut file) = (shop.categories().await.unwrap(), Vec::new());
    let mut writer = csv::Writer::new(&mut file, &categories, shop.currency).unwrap();
    let mut page = PageQuery { limit: Some(3), cursor: None };
    loop {
        let Page { items, next } = shop.every(Caller::System, page).await.unwrap();
        for product in &items {
            writer.write(product).unwrap();
        }
        match next {
            Some(cursor) => page = PageQuery { limit: Some(3), cursor: Some(cursor) },
            None => break,
        }
    }
    assert_eq!(writer.finish().unwrap(), []);
    file
}

/// What `stoa import` does.
async fn import(shop: &Shop, file: &[u8]) -> ImportReport {
    let csv::Read { products, refused, .. } = csv::read(file, shop.currency);
    assert_eq!(refused, []);
    let mut report = ImportReport::default();
    for part in products.chunks(2) {
        let ImportReport { created, updated, unchanged, refused } =
            shop.import(Caller::System, part.to_vec()).await.unwrap();
        assert_eq!(refused, []);
        report.created += created;
        report.updated += updated;
        report.unchanged += unchanged;
    }
    report
}

/// What of a product a backup keeps.
fn kept(product: Product) -> Product {
    Product {
        id: crate::ProductId(Uuid::nil()),
        version: 0,
        created_at: chrono::DateTime::UNIX_EPOCH,
        updated_at: chrono::DateTime::UNIX_EPOCH,
        ..product
    }
}

/// Text that breaks files: every script, quotes, line ends, formulas, and what looks as if it had been made safe.
fn text() -> impl Strategy<Value = String> {
    let nasty = [
        "=1+1",
        "'=1",
        "''-1",
        "\"",
        "\"\"",
        ",",
        ";",
        "a - b",
        "'",
        "@x",
        "Default Title",
        "'Default Title",
        "＝",
        "笔记",
    ];
    prop_oneof![
        3 => "\\PC{1,12}",
        2 => "['\"=+@\u{a0}, -]{0,3}[a-zΩ茶]{1,6}[\"',;=]{0,2}",
        2 => prop::sample::select(nasty.to_vec()).prop_map(str::to_owned),
    ]
    .prop_map(|text| text.replace(['\u{2028}', '\u{2029}'], " ").trim().to_owned())
    .prop_filter("there is something", |text| !text.is_empty())
}

fn html() -> impl Strategy<Value = String> {
    "(<(/?(p|b|ul|li|table|a|script))( href=\"x\")?>|[a-c&<>\"'=, \t\n-]|\\PC){0,30}"
}

prop_compose! {
    fn a_variant()(
        names in prop::sample::subsequence(vec!["Size", "Title", "=Colour", "Cut", "Größe"], 0..=5).prop_shuffle(),
        values in prop::collection::vec(text(), 5),
        price in 0..=999_999_999_999_i64,
        before in prop::option::of(0..=999_999_999_999_i64),
        weight_g in 0..=10_000_000_i64,
        barcode in prop::option::of("['=0-9A-Z]{1,14}"),
        on_hand in 0..=1_000_000_000_i64,
        policy in prop::sample::select(vec![StockPolicy::Deny, StockPolicy::Continue]),
        (taxable, on_sale) in any::<(bool, bool)>(),
    ) -> NewVariant {
        let options = names.into_iter().zip(values).map(|(name, value)| OptionValue { name: name.into(), value });
        NewVariant {
            options: options.collect(), compare_at_price: before.map(euro), weight_g, barcode,
            stock_policy: Some(policy), taxable: Some(taxable), on_sale: Some(on_sale), ..variant("", price, on_hand)
        }
    }
}

prop_compose! {
    fn a_product()(
        name in text(),
        description in html(),
        vendor in prop::option::of(text()),
        shelf in prop::option::of(0..3_usize),
        tags in prop::collection::vec(text(), 0..4),
        alts in prop::collection::vec(prop_oneof![Just(String::new()), text()], 0..4),
        mut variants in prop::collection::vec(a_variant(), 1..4),
        status in prop::sample::select(vec![ProductStatus::Active, ProductStatus::Draft, ProductStatus::Archived]),
    ) -> (NewProduct, Option<usize>) {
        let mut seen = std::collections::HashSet::new();
        let choices = |variant: &NewVariant| {
            let pairs = variant.options.iter().map(|option| (option.name.clone(), option.value.clone()));
            pairs.collect::<std::collections::BTreeSet<_>>()
        };
        variants.retain(|variant| seen.insert(choices(variant)));
        // Something of a product must be on sale.
        variants[0].on_sale = Some(true);
        let image = |(place, alt)| Image { url: format!("https://x.example/{}.jpg?a=1,2", place / 2), alt };
        let images = alts.into_iter().enumerate().map(image).collect();
        (NewProduct { description, vendor, tags, images, variants, status: Some(status), ..product(&name) }, shelf)
    }
}

#[tokio::test]
async fn an_export_is_a_backup() {
    let mut runner = TestRunner::deterministic();
    let shelves = ["Käse & Wein", "=Formulas", "汤"];
    for round in 0..3 {
        let catalogue = prop::collection::vec(a_product(), 20..30).new_tree(&mut runner).unwrap().current();
        let (from, to) = (shops().await, shops().await);
        for (from, to) in from.iter().zip(&to) {
            let mut slugs = Vec::new();
            for name in shelves {
                let category = from.create_category(staff(), NewCategory { slug: None, name: name.into() }).await;
                slugs.push(category.unwrap().slug);
            }
            for (number, (mut product, shelf)) in catalogue.clone().into_iter().enumerate() {
                product.slug = Some(format!("p{number}"));
                product.category = shelf.map(|shelf| slugs[shelf].clone());
                for (place, variant) in product.variants.iter_mut().enumerate() {
                    variant.sku = format!("-{number}.{place}");
                }
                // What the catalogue itself refuses is in no export.
                let created = from.create(staff(), product.clone()).await;
                created.unwrap_or_else(|error| panic!("{error}: {product:?}"));
            }
            let first = export(from).await;
            assert_eq!(
                import(from, &first).await.unchanged,
                i64::try_from(catalogue.len()).unwrap(),
                "it is what there is"
            );
            assert_eq!(import(to, &first).await.created, i64::try_from(catalogue.len()).unwrap());
            let second = export(to).await;
            assert_eq!(String::from_utf8_lossy(&second), String::from_utf8_lossy(&first), "round {round}");
            assert_eq!(import(to, &second).await.unchanged, i64::try_from(catalogue.len()).unwrap());
            let page = |limit| PageQuery { limit: Some(limit), cursor: None };
            let before = from.every(staff(), page(100)).await.unwrap().items.into_iter().map(kept);
            let after = to.every(staff(), page(100)).await.unwrap().items.into_iter().map(kept);
            assert!(before.eq(after));
        }
    }
}

#[tokio::test]
async fn everything_is_staffs_to_see_and_never_changes_places() {
    for shop in shops().await {
        for name in ["Z", "Ä", "b"] {
            shop.stocked(name.replace('Ä', "A").as_str(), 1).await;
        }
        let page = |cursor| PageQuery { limit: Some(2), cursor };
        let first = shop.every(staff(), page(None)).await.unwrap();
        let moved = ProductPatch {
            status: Patch::Value(ProductStatus::Draft),
            slug: Patch::Value("0".into()),
            ..Default::default()
        };
        shop.update(staff(), "b".into(), moved, Condition::default()).await.unwrap();
        let second = shop.every(staff(), page(first.next.clone())).await.unwrap();
        let all: Vec<_> = [first.items, second.items].concat().into_iter().map(|product| product.name).collect();
        assert_eq!((all, second.next), (vec!["Z".to_owned(), "A".into(), "b".into()], None));
        assert!(shop.every(customer(), page(None)).await.is_err());
        assert!(shop.every(Caller::Anonymous, page(None)).await.is_err());
    }
}
