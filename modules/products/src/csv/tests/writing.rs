use kernel::Money;
use proptest::prelude::*;

use super::*;
use crate::{Category, Image, NewProduct, OptionValue, StockPolicy};

#[test]
fn the_demo_is_as_an_export_would_write_it() {
    let products: Vec<Product> = demo(euro()).into_iter().map(stored).collect();
    let names = [("olive-pantry", "Olive & Pantry"), ("home", "Home"), ("ceramics", "Ceramics")];
    let names = [&names[..], &[("textiles", "Textiles"), ("stationery", "Stationery")]].concat();
    let category = |(slug, name): (&str, &str)| Category { slug: slug.into(), name: name.into(), products: 0 };
    let categories: Vec<Category> = names.into_iter().map(category).collect();
    let mut file = Vec::new();
    assert_eq!(write(&mut file, &products, &categories, euro()).unwrap(), []);
    assert_eq!(String::from_utf8(file).unwrap(), include_str!("../../../demo.csv"));
}

#[test]
fn an_export_names_what_it_cannot_hold_and_keeps_the_rest() {
    let good = stored(demo(euro()).remove(0));
    let with = |change: &dyn Fn(&mut Product)| {
        let mut product = good.clone();
        change(&mut product);
        product
    };
    let option = |name: &str| OptionValue { name: name.into(), value: "x".into() };
    for bad in [
        with(&|product| product.variants.clear()),
        with(&|product| product.variants[0].options = ["a", "b", "c", "d", "e", "f"].map(option).into()),
        with(&|product| product.variants[0].price.currency = "USD".parse().unwrap()),
        with(&|product| product.slug = "not a slug".into()),
        with(&|product| product.images[0].url = "ftp://x.example/1.jpg".into()),
    ] {
        let mut file = Vec::new();
        let unwritable = write(&mut file, [&bad, &good], &[], euro()).unwrap();
        assert_eq!(unwritable.len(), 1, "{bad:?}");
        assert_eq!(unwritable[0].slug, bad.slug);
        assert_eq!(read(file.as_slice(), euro()).products.len(), 1, "{bad:?}");
    }
}

#[test]
fn a_category_is_written_by_its_name() {
    let mut product = stored(demo(euro()).remove(0));
    let category = |slug: &str, name: &str| Category { slug: slug.into(), name: name.into(), products: 1 };
    let categories = [category("kitchen", "All for the Cook"), category("tang", "汤"), category("tang-2", "糖")];
    for Category { slug, name, .. } in &categories {
        product.category = Some(slug.clone());
        let mut file = Vec::new();
        assert_eq!(write(&mut file, [&product], &categories, euro()).unwrap(), []);
        assert_eq!(only(read(file.as_slice(), euro())).category_name.as_ref(), Some(name));
    }
    let twins = [category("green", "Tea"), category("black", "Tea")];
    let missing = |slug: &str| {
        let product = Product { category: Some(slug.into()), ..product.clone() };
        write(Vec::new(), [&product], &twins, euro()).unwrap().len()
    };
    assert_eq!((missing("black"), missing("green")), (0, 1), "an import would take the one for the other");
}

/// Text of one line, with all that a CSV must quote and a spreadsheet would run.
fn text() -> impl Strategy<Value = String> {
    "[=+@a-zα-ω<>&\",;'\u{a0} -]{0,24}[a-zΩ\"]".prop_map(|text| text.trim().to_owned())
}

fn image() -> impl Strategy<Value = Image> {
    ("https://[a-z]{1,8}\\.example/[a-z0-9,@-]{0,9}", prop_oneof![Just(String::new()), text()])
        .prop_map(|(url, alt)| Image { url, alt })
}

prop_compose! {
    fn a_variant()(
        options in prop::collection::vec(text(), 3),
        price in 0..=999_999_999_999_i64,
        before in prop::option::of(1..=999_999_999_999_i64),
        weight_g in 0..=10_000_000_i64,
        barcode in prop::option::of("[0-9A-Z]{1,14}"),
        available in 0..=1_000_000_000_i64,
        stock_policy in prop::sample::select(vec![StockPolicy::Deny, StockPolicy::Continue]),
        (taxable, on_sale) in any::<(bool, bool)>(),
    ) -> Variant {
        let options = options.into_iter().map(|value| OptionValue { name: String::new(), value }).collect();
        let (price, compare_at_price) = (Money::new(price, euro()), before.map(|before| Money::new(before, euro())));
        Variant {
            sku: "A".parse().unwrap(), name: String::new(), options, price, compare_at_price, weight_g, barcode, available,
            stock_policy, taxable, on_sale,
        }
    }
}

prop_compose! {
    fn a_product()(
        names in prop::collection::btree_set(text(), 0..=3),
        variants in prop::collection::vec(a_variant(), 1..6),
        texts in (text(), "[ -~\nα-ω]{0,200}", prop::option::of(text())),
        category in prop::option::of("[a-z]{1,9}(-[a-z0-9]{1,9})?"),
        tags in prop::collection::btree_set("[=a-zα-ω\"]{1,9}( [a-z]{1,5})?", 0..5),
        images in prop::collection::vec(image(), 0..9),
        status in prop_oneof![Just(ProductStatus::Active), Just(ProductStatus::Draft), Just(ProductStatus::Archived)],
    ) -> Whole {
        let mut seen = std::collections::HashSet::new();
        let mut told = Vec::new();
        for mut variant in variants {
            variant.options.truncate(names.len());
            variant.options.iter_mut().zip(&names).for_each(|(option, name)| option.name.clone_from(name));
            let (stock_policy, taxable, on_sale) = (Some(variant.stock_policy), Some(variant.taxable), Some(variant.on_sale));
            let Variant { options, price, compare_at_price, weight_g, barcode, available: on_hand, .. } = variant;
            if seen.insert(options.iter().map(|option| option.value.clone()).collect::<Vec<_>>()) {
                told.push(NewVariant {
                    sku: String::new(), options, price, compare_at_price, weight_g, barcode, on_hand,
                    stock_policy, taxable, on_sale,
                });
            }
        }
        let (name, description, vendor) = texts;
        let product = NewProduct {
            slug: None, name, description, vendor, category: category.clone(), tags: tags.into_iter().collect(),
            images, variants: told, status: Some(status),
        };
        Whole { product, category_name: category }
    }
}

proptest! {
    #[test]
    fn an_export_comes_back_as_it_was(mut imported in prop::collection::vec(a_product(), 1..6)) {
        for (number, imported) in imported.iter_mut().enumerate() {
            imported.product.slug = Some(format!("product-{number}"));
            for (place, variant) in imported.product.variants.iter_mut().enumerate() {
                variant.sku = format!("SKU-{number}-{place}");
            }
        }
        let products: Vec<Product> = imported.iter().cloned().map(stored).collect();
        let mut file = Vec::new();
        prop_assert_eq!(write(&mut file, &products, &[], euro()).unwrap(), []);
        let read = read(file.as_slice(), euro());
        prop_assert_eq!(read.refused, []);
        prop_assert_eq!(read.products, imported);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let read = read(bytes.as_slice(), euro());
        prop_assert!(read.products.is_empty() && read.refused.len() == 1);
    }

    #[test]
    fn any_cells_are_read_without_a_panic_and_what_comes_in_can_go_out(
        cells in prop::collection::vec(prop::collection::vec(cell(), 24), 1..12),
        junk in prop::collection::vec(any::<u8>(), 0..60),
        windows: bool,
    ) {
        let mut file = b"Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Status,Option1 Name,Option1 Value,\
            Option2 Name,Option2 Value,Option3 Name,Option3 Value,Variant SKU,Variant Grams,Variant Inventory Qty,\
            Variant Price,Variant Compare At Price,Variant Barcode,Image Src,Image Position,Image Alt Text\n".to_vec();
        for row in &cells {
            file.extend(row.join(",").bytes());
            file.extend(if windows { b"\r\n".as_slice() } else { b"\n" });
        }
        file.extend(junk);
        let read = read(file.as_slice(), euro());
        prop_assert_eq!(&super::read(OneByOne(&file), euro()), &read);
        let mut skus = skus(&read);
        let count = skus.len();
        skus.sort_unstable();
        skus.dedup();
        prop_assert_eq!(skus.len(), count);
        prop_assert!(read.products.iter().all(|imported| !imported.product.variants.is_empty()));
        let mut out = Vec::new();
        let products: Vec<Product> = read.products.into_iter().map(stored).collect();
        prop_assert_eq!(write(&mut out, &products, &[], euro()).unwrap(), []);
    }
}

fn cell() -> impl Strategy<Value = String> {
    let usual =
        ["", "", "", "a", "a", "b", "Size", "Title", "Default Title", "5", "1.50", "-1", "true", "draft", "\"x\ny\""];
    let odd = [
        "\"",
        "\"\"",
        "https://x.example/1.jpg",
        "é",
        "\u{0}",
        "a > b",
        "\"a,b\"",
        "=1+1",
        "99999999999999999999",
        "'7",
    ];
    prop_oneof![6 => prop::sample::select(usual.to_vec()), 1 => prop::sample::select(odd.to_vec())]
        .prop_map(str::to_owned)
}
