use super::*;
use crate::csv;
use crate::{Error, ImportReport, ImportedProduct, ProductPatch, VariantPatch};

fn imported(slug: &str, sku: &str, price: i64, on_hand: i64) -> ImportedProduct {
    let product = NewProduct {
        slug: Some(slug.into()),
        category: Some("men".into()),
        variants: vec![NewVariant { on_hand, ..sized(sku, "Small", price) }],
        ..product("Imported")
    };
    ImportedProduct { product: product.into(), category_name: Some("For Men".into()), made_skus: Vec::new() }
}

/// Puts one variant more into it.
fn add(imported: &mut ImportedProduct, variant: VariantPatch) {
    let mut variants = imported.product.variants.clone().value().unwrap_or_default();
    variants.push(variant);
    imported.product.variants = Patch::Value(variants);
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
        let status = Patch::Value(crate::ProductStatus::Archived);
        shop.update(staff(), "a".into(), ProductPatch { status, ..Default::default() }, Condition::default())
            .await
            .unwrap();
        let large = NewVariant { on_hand: 3, ..sized("A-L", "Large", 120) };
        add(&mut one, large.into());
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
        bad.product.category = Patch::Value("women".into());
        let mut thief = imported("thief", "THIEF", 1, 0);
        thief.product.category = Patch::Value("children".into());
        add(&mut thief, sized("A", "Large", 1).into());
        let report = shop.import(staff(), vec![imported("a", "A", 1, 1), bad, thief, imported("b", "B", 1, 1)]).await;
        let report = report.unwrap();
        assert_eq!(counts(&report), (2, 0, 0, 2));
        let refused: Vec<_> = report.refused.iter().map(|one| (&*one.slug, &*one.pointer, &*one.detail)).collect();
        assert_eq!(
            refused,
            [
                ("bad", "/variants/0/price", "must be 0 to 999999999999"),
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

/// A product as the CSV brings it.
fn called(handle: &str, sku: &str, kind: &str) -> ImportedProduct {
    let mut imported = imported(handle, sku, 100, 1);
    imported.product.category = Patch::Value(crate::forms::slug::from_name(kind));
    imported.category_name = Some(kind.into());
    imported
}

#[tokio::test]
async fn what_is_alike_in_latin_letters_only_stays_two() {
    let long = "x".repeat(150);
    let (one, other) = (format!("{long}a"), format!("{long}b"));
    let pairs = [
        ("笔记", "笔迹", "汤", "糖"),
        ("maß", "mass", "Maß", "Mass"),
        ("TEE", "tee", "TEE", "tee"),
        ("a_b", "a-b", "A & B", "A B"),
        ("☆☆", "☆", "𒀀", "𒀁"),
        (&one, &other, "½", "1/2"),
    ];
    for shop in shops().await {
        let files = [0, 1].map(|side| {
            let file = pairs.iter().enumerate().map(|(n, (a, b, x, y))| {
                let (handle, kind) = if side == 0 { (a, x) } else { (b, y) };
                called(handle, &format!("S{n}-{side}"), kind)
            });
            file.collect::<Vec<_>>()
        });
        for file in &files {
            let report = shop.import(staff(), file.clone()).await.unwrap();
            assert_eq!(counts(&report), (6, 0, 0, 0), "{report:?}");
        }
        for file in files.iter().rev() {
            let again = shop.import(staff(), file.clone()).await.unwrap();
            assert_eq!(counts(&again), (0, 0, 6, 0), "the same file finds the same ones: {again:?}");
        }
        let categories = shop.categories().await.unwrap();
        assert_eq!(categories.len(), 12, "{categories:?}");
        assert!(categories.iter().all(|category| category.products == 1), "{categories:?}");
        for (handle, sku) in [("笔记", "S0-0"), ("笔迹", "S0-1"), ("mass", "S1-1"), (&*other, "S5-1")] {
            assert_eq!(skus(&shop.get(Caller::Anonymous, handle.into()).await.unwrap()), [sku]);
        }
    }
}

#[tokio::test]
async fn what_the_last_release_spelled_in_latin_letters_is_found_by_a_sku() {
    for shop in shops().await {
        shop.import(staff(), vec![called("bi-ji", "A", "Tang")]).await.unwrap();
        let report =
            shop.import(staff(), vec![called("笔记", "A", "Tang"), called("笔迹", "B", "Tang")]).await.unwrap();
        assert_eq!(counts(&report), (1, 0, 1, 0), "{report:?}");
        assert_eq!(skus(&shop.get(staff(), "bi-ji".into()).await.unwrap()), ["A"], "its address stays");
        assert_eq!(skus(&shop.get(staff(), "笔迹".into()).await.unwrap()), ["B"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_at_once_put_up_each_category_once() {
    for shop in shops().await {
        let file = |side: usize| {
            let file = (0..8).map(|n| called(&format!("p{side}-{n}"), &format!("P{side}-{n}"), ["汤", "糖"][n % 2]));
            shop.import(staff(), file.collect())
        };
        let (a, b, c) = tokio::join!(file(0), file(1), file(2));
        assert!([a, b, c].iter().all(|report| counts(report.as_ref().unwrap()) == (8, 0, 0, 0)));
        let categories = shop.categories().await.unwrap();
        assert!(categories.len() == 2 && categories.iter().all(|category| category.products == 12), "{categories:?}");
    }
}

#[tokio::test]
async fn what_a_file_does_not_say_stays_and_what_it_empties_goes() {
    for shop in shops().await {
        let mut full = imported("a", "A", 100, 5);
        full.product.vendor = Patch::Value("Stoa".into());
        full.product.tags = Patch::Value(vec!["men".into()]);
        shop.import(staff(), vec![full]).await.unwrap();
        let before = shop.get(staff(), "a".into()).await.unwrap();
        let price = Patch::Value(euro(120));
        let product = ProductPatch {
            slug: Patch::Value("a".into()),
            variants: Patch::Value(vec![VariantPatch { price, ..named("A") }]),
            ..ProductPatch::default()
        };
        let prices = ImportedProduct { product, category_name: None, made_skus: Vec::new() };
        assert_eq!(counts(&shop.import(staff(), vec![prices.clone()]).await.unwrap()), (0, 1, 0, 0));
        let after = shop.get(staff(), "a".into()).await.unwrap();
        let mut expected = before.clone();
        expected.variants[0].price = euro(120);
        (expected.version, expected.updated_at) = (2, after.updated_at);
        assert_eq!(after, expected, "nothing else changed");
        let mut emptied = prices;
        (emptied.product.vendor, emptied.product.category, emptied.product.tags) =
            (Patch::Empty, Patch::Empty, Patch::Empty);
        shop.import(staff(), vec![emptied]).await.unwrap();
        let after = shop.get(staff(), "a".into()).await.unwrap();
        assert_eq!((after.vendor, after.category, after.tags), (None, None, vec![]));
        assert_eq!(after.name, before.name);
    }
}

#[tokio::test]
async fn a_product_that_is_new_needs_a_name_a_variant_and_its_price() {
    for shop in shops().await {
        let mut nameless = imported("a", "A", 100, 5);
        nameless.product.name = Patch::Absent;
        let mut bare = imported("b", "B", 100, 5);
        bare.product.variants = Patch::Absent;
        let mut free = imported("c", "C", 100, 5);
        free.product.variants = Patch::Value(vec![named("C")]);
        let report = shop.import(staff(), vec![nameless, bare, free]).await.unwrap();
        let at: Vec<_> = report.refused.iter().map(|one| (&*one.slug, &*one.pointer)).collect();
        assert_eq!(at, [("a", "/name"), ("b", "/variants"), ("c", "/variants/0/price")]);
        assert!(shop.categories().await.unwrap().is_empty());
    }
}

/// What a file makes of the catalogue: counts, and what was refused.
async fn file(shop: &Shop, file: &str) -> (ImportReport, Vec<u64>) {
    let csv::Read { products, refused, .. } = csv::read(file.as_bytes(), shop.currency);
    let report = shop.import(Caller::System, products).await.unwrap();
    (report, refused.into_iter().map(|report| report.line).collect())
}

#[tokio::test]
async fn a_file_of_some_columns_leaves_what_the_others_hold() {
    for shop in shops().await {
        let whole = "Handle,Title,Body (HTML),Vendor,Type,Tags,Status,Option1 Name,Option1 Value,Variant SKU,Variant Grams,\
            Variant Inventory Qty,Variant Price,Variant Compare At Price,Variant Barcode,Image Src,Image Alt Text\n\
            tee,Tee,<p>a</p>,Stoa,Men,\"a, b\",draft,Size,S,A,100,3,5,9,123,https://x.example/1.jpg,One\n\
            tee,,,,,,,,M,B,200,4,6,8,456,,\n\
            笔记,Note,,,,,active,,,N,1,1,1,,,,\n\
            笔迹,Hand,,,,,active,,,H,1,1,2,,,,\n";
        assert_eq!(counts(&file(&shop, whole).await.0), (3, 0, 0, 0));
        let before = shop.get(staff(), "tee".into()).await.unwrap();
        let after = async |text: &str| {
            let (report, lines) = file(&shop, text).await;
            assert_eq!((report.refused.len(), lines), (0, vec![]), "{text} {report:?}");
            shop.get(staff(), "tee".into()).await.unwrap()
        };
        let same = |product: Product| Product { version: before.version, updated_at: before.updated_at, ..product };
        let priced = |a: i64, b: i64| {
            let mut product = before.clone();
            (product.variants[0].price, product.variants[1].price) = (euro(a), euro(b));
            product
        };
        // In bulk, and back again; by SKU, by choices, and in any order.
        let prices = "Handle,Variant SKU,Variant Price\ntee,B,16\n笔记,N,7\ntee,A,15\n";
        assert_eq!(same(after(prices).await), priced(1500, 1600));
        let note = async |slug: &str| shop.get(staff(), slug.into()).await.unwrap().variants[0].price.amount;
        assert_eq!((note("笔记").await, note("笔迹").await), (700, 200));
        let chosen = "Handle,Option1 Name,Option1 Value,Variant Price\ntee,Size,M,6\ntee,,S,5\n笔迹,,,3\n";
        assert_eq!(same(after(chosen).await), before);
        assert_eq!(note("笔迹").await, 300);
        assert_eq!(same(after("Handle,Variant Price\n笔迹,2\n").await), before);
        assert_eq!(note("笔迹").await, 200, "it has but one");
        let mut sought = before.clone();
        sought.tags = vec!["x".into()];
        assert_eq!(same(after("Handle,Tags\ntee,x\n").await), sought);
        assert_eq!(same(after("Handle,Tags\ntee,\"a,b\"\n").await), before);
        let (report, _) = file(&shop, prices).await;
        assert_eq!(counts(&report), (0, 2, 1, 0));
        assert_eq!(counts(&file(&shop, prices).await.0), (0, 0, 3, 0));
        // What is there and blank is emptied; of a product that is new, something is needed.
        let blank = "Handle,Vendor,Type,Variant SKU,Variant Compare At Price,Variant Barcode,Image Src\ntee,,,A,,,\n";
        let emptied = after(blank).await;
        let (a, b) = (&emptied.variants[0], &emptied.variants[1]);
        assert_eq!((emptied.vendor, emptied.category, emptied.images), (None, None, vec![]));
        assert_eq!((a.compare_at_price, a.barcode.as_deref()), (None, None));
        assert_eq!((b.compare_at_price, b.barcode.as_deref()), (Some(euro(800)), Some("456")));
        assert_eq!(emptied.description, "<p>a</p>");
        let (report, _) = file(&shop, "Handle,Variant SKU,Variant Price\nnew,X,1\ntee,C,5\n").await;
        assert_eq!(counts(&report), (0, 1, 0, 1));
        assert_eq!((&*report.refused[0].slug, &*report.refused[0].pointer), ("new", "/name"));
        let (report, _) = file(&shop, "Handle,Variant Price\ntee,1\n").await;
        assert_eq!(&*report.refused[0].pointer, "/variants/0/sku", "which of them?");
    }
}
