use super::*;
use crate::{Error, ImportReport, ImportedProduct, ProductPatch};

fn imported(slug: &str, sku: &str, price: i64, on_hand: i64) -> ImportedProduct {
    let product = NewProduct {
        slug: Some(slug.into()),
        category: Some("men".into()),
        variants: vec![NewVariant { on_hand, ..sized(sku, "Small", price) }],
        ..product("Imported")
    };
    ImportedProduct { product, category_name: Some("For Men".into()) }
}

fn counts(report: &ImportReport) -> (i64, i64, i64, usize) {
    (report.created, report.updated, report.unchanged, report.refused.len())
}

#[tokio::test]
async fn an_import_brings_in_what_is_new_and_leaves_alone_what_is_the_same() {
    for shop in shops().await {
        let import = async |products| shop.import(staff(), products).await.unwrap();
        let first = import(vec![imported("a", "A", 100, 5), imported("b", "B", 200, 5)]).await;
        assert_eq!(counts(&first), (2, 0, 0, 0));
        let category = &shop.categories().await.unwrap()[0];
        assert_eq!((&*category.slug, &*category.name, category.products), ("men", "For Men", 2));
        let second = import(vec![imported("a", "A", 100, 9), imported("b", "B", 250, 9)]).await;
        assert_eq!(counts(&second), (0, 1, 1, 0));
        let version = async |slug: &str| shop.get(staff(), slug.into()).await.unwrap().version;
        assert_eq!((version("a").await, version("b").await), (1, 2));
        assert_eq!((shop.levels("A").await, shop.levels("B").await), ((5, 0), (5, 0)), "what was counted stays");
    }
}

#[tokio::test]
async fn an_import_adds_variants_with_their_stock_and_does_not_bring_back_what_is_archived() {
    for shop in shops().await {
        let mut one = imported("a", "A", 100, 5);
        shop.import(staff(), vec![one.clone()]).await.unwrap();
        let status = Some(crate::ProductStatus::Archived);
        shop.update(staff(), "a".into(), ProductPatch { status, ..Default::default() }, None).await.unwrap();
        one.product.variants.push(NewVariant { on_hand: 3, ..sized("A-L", "Large", 120) });
        let report = shop.import(Caller::System, vec![one]).await.unwrap();
        assert_eq!(counts(&report), (0, 1, 0, 0));
        let product = shop.get(staff(), "a".into()).await.unwrap();
        assert_eq!((skus(&product), product.status), (vec!["A", "A-L"], crate::ProductStatus::Archived));
        assert_eq!(shop.levels("A-L").await, (3, 0));
    }
}

#[tokio::test]
async fn what_an_import_refuses_keeps_nothing_else_out_and_leaves_nothing_behind() {
    for shop in shops().await {
        let mut bad = imported("bad", "BAD", -1, 0);
        bad.product.category = Some("women".into());
        let mut thief = imported("thief", "THIEF", 1, 0);
        thief.product.category = Some("children".into());
        thief.product.variants.push(sized("A", "Large", 1));
        let report = shop.import(staff(), vec![imported("a", "A", 1, 1), bad, thief, imported("b", "B", 1, 1)]).await;
        let report = report.unwrap();
        assert_eq!(counts(&report), (2, 0, 0, 2));
        let refused: Vec<_> = report.refused.iter().map(|one| (&*one.slug, &*one.pointer, &*one.detail)).collect();
        assert_eq!(
            refused,
            [
                ("bad", "/variants/0/price", "must be 0 to 1000000000000"),
                ("thief", "/variants/1/sku", "the SKU `A` is taken"),
            ]
        );
        assert_eq!(shop.categories().await.unwrap().len(), 1, "no category of a refused product");
        let many = vec![imported("a", "A", 1, 1); 1001];
        assert!(matches!(shop.import(staff(), many).await, Err(Error::Refusal(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_imports_of_one_catalogue_at_once_create_it_once() {
    for shop in shops().await {
        let catalogue: Vec<_> = (0..10).map(|n| imported(&format!("p{n}"), &format!("P{n}"), 100, 5)).collect();
        let import = || shop.import(staff(), catalogue.clone());
        let (first, second) = tokio::join!(import(), import());
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first.created + second.created, 10);
        assert_eq!(first.unchanged + second.unchanged, 10, "{first:?} {second:?}");
    }
}
