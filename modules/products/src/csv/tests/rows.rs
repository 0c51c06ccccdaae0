use kernel::{Money, Patch};

use super::*;
use crate::{OptionValue, ProductPatch, StockPolicy, VariantPatch};

#[test]
fn a_bad_variant_costs_itself_alone() {
    let read = rows(&[
        "tee,Tee,,Size,S,A,1.005,https://x.example/1.jpg,1",
        "tee,,,,M,B,5,,",
        "tee,,,,L,C,free,,",
        "cup,Cup,,,,D,,,",
        "cap,Cap,,,,E,3,,",
    ]);
    assert_eq!(skus(&read), ["B", "E"]);
    assert_eq!((read.products[0].product.name.as_str(), read.products[0].product.images.len()), ("Tee", 1));
    assert_eq!(
        codes(&read),
        [
            (2, "Variant Price", "too_many_decimals"),
            (4, "Variant Price", "malformed_price"),
            (5, "Variant Price", "required"),
            (5, "", "no_variant"),
        ]
    );
    assert_eq!(read.refused[2].to_string(), "line 5, Variant Price: a variant needs a price");
    assert!(read.refused.iter().map(|report| &*report.handle).eq(["tee", "tee", "cup", "cup"]));
}

#[test]
fn a_bad_product_cell_costs_the_product_and_is_told_once() {
    let read = rows(&["tee,,,Size,S,A,5,,", "tee,,,,M,B,x,,", "cap,Cap,,,,E,3,,"]);
    assert_eq!((skus(&read), codes(&read)), (vec!["E"], vec![(2, "Title", "required")]));
}

#[test]
fn a_handle_that_comes_again_is_refused_row_by_row() {
    let read =
        rows(&["tee,Tee,,Size,S,A,5,,", "cap,Cap,,,,B,3,,", "tee,,,,M,C,5,,", "TEE,Tee,,,,D,5,,", "tee,,,,L,E,5,,"]);
    assert_eq!(skus(&read), ["A", "B", "D"]);
    let repeated = |line| (line, "Handle", "handle_repeated");
    assert_eq!(codes(&read), [repeated(4), repeated(6)]);
}

#[test]
fn a_handle_is_the_slug_as_it_is_given() {
    let long = "x".repeat(150);
    let handles = [
        "Κεραμική_κούπα",
        "笔记",
        "笔迹",
        "maß",
        "mass",
        "  Tee ",
        "tee",
        "☆☆",
        &format!("{long}a"),
        &format!("{long}b"),
    ];
    let file: Vec<_> = handles.iter().map(|handle| format!("{handle},Cup,,Size,S,,5,,")).collect();
    let read = rows(&file.iter().map(String::as_str).collect::<Vec<_>>());
    let slugs: Vec<_> = read.products.iter().map(|imported| imported.product.slug.as_deref().unwrap()).collect();
    assert_eq!((slugs, codes(&read)), (handles.map(str::trim).to_vec(), vec![]));
    let mut made = skus(&read);
    assert!(made.contains(&"mass-s") && made.contains(&"tee-s"), "{made:?}");
    made.sort_unstable();
    made.dedup();
    assert_eq!(made.len(), handles.len(), "each has SKUs of its own");
    let again = super::rows(&[&*file[2]]);
    assert_eq!(skus(&again), [skus(&read)[2]], "whatever else is in the file");
}

#[test]
fn a_handle_that_no_address_takes_is_refused_with_one_that_would_do() {
    let read = rows(&[",Nobody,,,,B,5,,", "Red Tee,Tee,,,,C,5,,", "a/b,Tee,,,,D,5,,", "..,Tee,,,,E,5,,"]);
    let malformed = |line| (line, "Handle", "malformed_handle");
    assert_eq!(
        (skus(&read), codes(&read)),
        (vec![], vec![(2, "Handle", "required"), malformed(3), malformed(4), malformed(5)])
    );
    assert!(read.refused[1].detail.contains("`red-tee` would do"), "{}", read.refused[1]);
}

#[test]
fn an_empty_sku_is_made_and_every_sku_is_there_once() {
    let file = [
        "tee,Tee,,Size,S,,5,,",
        "tee,,,,s,,5,,",
        "tee,,,,M,tee-s,5,,",
        "tee,,,,L,no good,5,,",
        "tee,,,,XL,'0042,5,,",
        "cap,Cap,,,,0042,3,,",
    ];
    let read = rows(&file);
    assert_eq!(skus(&read)[0], "tee-s");
    assert!(skus(&read)[1].starts_with("tee-s-") && skus(&read)[2] == "0042");
    assert_eq!(
        codes(&read),
        [
            (4, "Variant SKU", "sku_repeated"),
            (5, "Variant SKU", "malformed_sku"),
            (7, "Variant SKU", "sku_repeated"),
            (7, "", "no_variant"),
        ]
    );
    assert_eq!(rows(&file), read);
}

#[test]
fn options_are_named_once_and_told_apart() {
    let read = rows(&[
        "tee,Tee,,Size,S,A,5,,",
        "tee,,,,S,B,5,,",
        "tee,,,Colour,Red,C,5,,",
        "tee,,,,,D,5,,",
        "tee,,,Size,M,E,5,,",
        "cup,Cup,,,Blue,F,5,,",
        "cap,Cap,,Title,Default Title,G,5,,",
        "hat,Hat,,,,H,5,,",
        "hat,,,,,I,5,,",
    ]);
    assert_eq!(skus(&read), ["A", "E", "G", "H"]);
    assert_eq!(read.products[0].product.variants[1].options, [OptionValue { name: "Size".into(), value: "M".into() }]);
    assert_eq!(read.products[1].product.variants[0].options, []);
    assert_eq!(
        codes(&read),
        [
            (3, "Option1 Value", "duplicate_variant"),
            (4, "Option1 Name", "option_renamed"),
            (5, "Option1 Value", "required"),
            (7, "Option1 Name", "required"),
            (7, "", "no_variant"),
            (10, "Option1 Value", "duplicate_variant"),
        ]
    );
}

#[test]
fn the_same_choices_in_another_order_are_refused_by_their_line() {
    let columns =
        "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Option4 Name,Variant SKU,Variant Price";
    let file = [
        columns,
        "tee,Tee,Size,S,Colour,Red,,A,5",
        "tee,,Colour,Red,Size,S,,B,5",
        "tee,,Colour,S,Size,Red,,C,5",
        "tee,,Colour, Blue ,Size,S,,D,5",
    ];
    let read = super::read(file.join("\n").as_bytes(), euro());
    assert_eq!((skus(&read), codes(&read)), (vec!["A", "C", "D"], vec![(3, "Option1 Value", "duplicate_variant")]));
}

#[test]
fn what_is_one_line_has_no_line_break_in_its_cell() {
    for column in ["Vendor", "Type", "Tags", "Variant Barcode", "Option1 Name", "Option1 Value", "Image Src"] {
        for cell in ["a\nb", "a\tb", "a\r\nb", "a\u{2028}b"] {
            let read = with(column, cell);
            assert!(codes(&read).contains(&(2, column, "control_character")), "{column} {cell:?}: {:?}", read.refused);
        }
    }
    let alt = "Handle,Title,Variant Price,Image Src,Image Alt Text\ntee,Tee,5,https://x.example/1.jpg,\"a\nb\"\n";
    assert_eq!(codes(&super::read(alt.as_bytes(), euro())), [(2, "Image Alt Text", "control_character")]);
    let two = "Handle,Title,Body (HTML),Variant Price\ntee,\"Te\ne\",\"<p>a\nb</p>\",5\n";
    assert_eq!(codes(&super::read(two.as_bytes(), euro())), [(2, "Title", "control_character")]);
    let around = "Handle,Title,Body (HTML),Variant Price\ntee,\"Tee\n\",\"<p>a\nb</p>\",5\n";
    let read = only(super::read(around.as_bytes(), euro()));
    assert_eq!((&*read.product.name, &*read.product.description), ("Tee", "<p>a\nb</p>"));
}

#[test]
fn pictures_come_in_the_order_of_their_positions() {
    let read = rows(&[
        "tee,Tee,,,,A,5,https://x.example/last.jpg,",
        "tee,,,,,,,https://x.example/2.jpg,2",
        "tee,,,,,,,http://x.example/1.jpg,1",
        "tee,,,,,,,http://x.example/1.jpg,1",
        "tee,,,,,,,javascript:alert(1),3",
        "tee,,,,,,,https://x.example/4.jpg,four",
        "tee,,,,,,,,5",
    ]);
    let urls: Vec<_> = read.products[0].product.images.iter().map(|image| &*image.url).collect();
    assert_eq!(urls, ["http://x.example/1.jpg", "https://x.example/2.jpg", "https://x.example/last.jpg"]);
    assert_eq!(
        codes(&read),
        [
            (6, "Image Src", "malformed_url"),
            (7, "Image Position", "malformed_number"),
            (8, "Variant Price", "empty_row"),
        ]
    );
}

#[test]
fn the_category_is_the_type_or_the_end_of_the_taxonomy_or_an_only_tag() {
    let category = |file: &str| {
        let imported = only(read(file.as_bytes(), euro()));
        (imported.product.category, imported.category_name)
    };
    let named = |slug: &str, name: &str| (Some(slug.to_owned()), Some(name.to_owned()));
    let head = "Handle,Title,Variant Price,Tags";
    assert_eq!(category(&format!("{head},Type\ntee,Tee,5,men,Tops & Tees")), named("tops-tees", "Tops & Tees"));
    assert_eq!(category(&format!("{head},Type\ntee,Tee,5,men,")), named("men", "men"));
    assert_eq!(category(&format!("{head},Type\ntee,Tee,5,\"men,sale\",")), (None, None));
    assert_eq!(category(&format!("{head},Type\ntee,Tee,5,\"men,sale\",-")), (None, None));
    assert_eq!(category(&format!("{head},Product Category\ntee,Tee,5,men,")), (None, None));
    let standard = "Apparel & Accessories > Clothing > Shirts";
    assert_eq!(category(&format!("{head},Product Category\ntee,Tee,5,men,{standard}")), named("shirts", "Shirts"));
    assert_eq!(
        category(&format!("{head},Product Category,Type\ntee,Tee,5,men,{standard},Μπλούζες")),
        named("mplouzes", "Μπλούζες")
    );
    assert_eq!(category(&format!("{head},Type\ntee,Tee,5,men,𒀀")), named("", "𒀀"));
}

#[test]
fn cells_are_read_by_their_rules() {
    assert_eq!(only(with("Tags", " a, b c ,,a,")).product.tags, ["a", "b c"]);
    assert_eq!(only(with("Vendor", "  ")).product.vendor, None);
    assert_eq!(only(with("Body (HTML)", "<p>\"\"a\"\"\r\nb,</p> ")).product.description, "<p>\"a\"\nb,</p> ");
    assert_eq!(variant(with("Variant Compare At Price", "0.00")).compare_at_price, None);
    assert_eq!(variant(with("Variant Compare At Price", "7.5")).compare_at_price, Some(Money::new(750, euro())));
    assert_eq!(variant(with("Variant Barcode", "'0123")).barcode.as_deref(), Some("0123"));
    for (cell, grams) in [("", 0), ("0.0", 0), ("453.592", 454), ("99.4", 99), ("250", 250)] {
        assert_eq!(variant(with("Variant Grams", cell)).weight_g, grams, "{cell}");
    }
    for (cell, on_hand) in [("", 0), ("-3", 0), ("12", 12)] {
        assert_eq!(variant(with("Variant Inventory Qty", cell)).on_hand, on_hand, "{cell}");
    }
    for (column, cell, code) in [
        ("Variant Grams", "-1", "malformed_number"),
        ("Variant Grams", "1 kg", "malformed_number"),
        ("Variant Grams", "1.", "malformed_number"),
        ("Variant Grams", "9223372036854775807", "malformed_number"),
        ("Variant Inventory Qty", "1.5", "malformed_number"),
        ("Variant Inventory Qty", "1,000", "malformed_number"),
        ("Variant Inventory Qty", "-9223372036854775808", "malformed_number"),
        ("Variant Compare At Price", "-7", "negative_price"),
        ("Status", "sold", "unknown_value"),
        ("Published", "perhaps", "unknown_value"),
        ("Vendor", "a\u{0}b", "control_character"),
        ("Body (HTML)", "a\u{0}b", "control_character"),
        ("Tags", "a\u{7}b", "control_character"),
    ] {
        let read = with(column, cell);
        assert_eq!(codes(&read)[0], (2, column, code), "{cell}");
        assert_eq!(read.products, [], "{cell}");
    }
}

#[test]
fn customers_see_what_is_active_and_published() {
    use ProductStatus::{Active, Archived, Draft};
    for (status, published, expected) in [
        ("", "", None),
        ("", "true", Some(Active)),
        ("", "FALSE", Some(Draft)),
        ("active", "", Some(Active)),
        ("Active", "TRUE", Some(Active)),
        ("active", "false", Some(Draft)),
        ("draft", "true", Some(Draft)),
        ("unlisted", "true", Some(Draft)),
        ("archived", "true", Some(Archived)),
        ("archived", "false", Some(Archived)),
    ] {
        let file = format!("Handle,Title,Variant Price,Status,Published\ntee,Tee,5,{status},{published}\n");
        assert_eq!(only(read(file.as_bytes(), euro())).product.status, expected, "{status} {published}");
    }
}

#[test]
fn a_row_of_another_width_is_refused_before_its_cells_are_misread() {
    let read = rows(&["tee,Tee,,,,A,5,,", "cap,Cap,,,,B", "cup,Cup, with handle,,,,C,5,,", "hat,Hat,,,,D,5,,"]);
    assert_eq!(skus(&read), ["A", "D"]);
    assert_eq!(codes(&read), [(3, "Handle", "wrong_width"), (4, "Handle", "wrong_width")]);
}

#[test]
fn a_product_has_bounds() {
    let many = |count: usize, row: &dyn Fn(usize) -> String| -> Vec<String> {
        std::iter::once("tee,Tee,,Size,S,A,5,,".into()).chain((0..count).map(row)).collect()
    };
    let variants = many(limits::VARIANTS, &|n| format!("tee,,,,v{n},,5,,"));
    let read = rows(&variants.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((skus(&read).len(), codes(&read).len()), (limits::VARIANTS, 1));
    assert_eq!(read.refused[0].code, "too_many_variants");
    let images = many(limits::IMAGES + 1, &|n| format!("tee,,,,,,,https://x.example/{n}.jpg,"));
    let read = rows(&images.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((read.products[0].product.images.len(), &*read.refused[0].code), (limits::IMAGES, "too_many_images"));
}

#[test]
fn a_column_that_is_absent_says_nothing_and_one_that_is_blank_empties() {
    let patch = |file: &str| {
        let super::Read { mut products, refused, .. } = super::super::read(file.as_bytes(), euro());
        assert_eq!((products.len(), refused), (1, vec![]), "{file}");
        products.remove(0)
    };
    let prices = patch("Handle,Variant SKU,Variant Price\ntee,A,5\ntee,B,6\n");
    let price = |sku: &str, amount| VariantPatch {
        sku: sku.into(),
        price: Patch::Value(Money::new(amount, euro())),
        ..VariantPatch::default()
    };
    let named = ProductPatch {
        slug: Patch::Value("tee".into()),
        variants: Patch::Value(vec![price("A", 500), price("B", 600)]),
        ..ProductPatch::default()
    };
    assert_eq!(prices, ImportedProduct { product: named, ..ImportedProduct::default() });

    let tags = patch("Handle,Tags\ntee,men\ntee,\n").product;
    let named = ProductPatch {
        slug: Patch::Value("tee".into()),
        tags: Patch::Value(vec!["men".into()]),
        ..ProductPatch::default()
    };
    assert_eq!(tags, named, "neither the category nor the variants are meant");

    let head = "Handle,Title,Body (HTML),Vendor,Type,Tags,Status,Option1 Name,Option1 Value,Variant SKU,Variant Grams";
    let blank =
        format!("{head},Variant Price,Variant Compare At Price,Variant Barcode,Image Src\ntee,Tee,,,,,,,,A,,5,,,\n");
    let product = patch(&blank).product;
    assert_eq!((product.description, product.tags), (Patch::Value(String::new()), Patch::Value(vec![])));
    assert_eq!((product.vendor, product.category, product.images), (Patch::Empty, Patch::Empty, Patch::Value(vec![])));
    assert_eq!(product.status, Patch::Absent, "a product has one");
    let variant = product.variants.value().unwrap().remove(0);
    assert_eq!((variant.options, variant.weight_g), (Patch::Value(vec![]), Patch::Value(0)));
    assert_eq!((variant.compare_at_price, variant.barcode), (Patch::Empty, Patch::Empty));
    assert_eq!(variant.on_hand, Patch::Absent);
}

#[test]
fn prices_may_come_in_any_order_and_without_skus() {
    let list = |file: &str| super::super::read(file.as_bytes(), euro());
    let apart = list("Handle,Variant SKU,Variant Price\ntee,A,5\ncap,C,1\ntee,B,6\n");
    assert_eq!((apart.products.len(), apart.refused), (3, vec![]));
    let made = list("Handle,Option1 Name,Option1 Value,Variant Price\ntee,Size,S,5\ntee,,M,6\n").products.remove(0);
    assert_eq!(made.made_skus, ["tee-s", "tee-m"]);
    let unclear = list("Handle,Variant Price\ntee,5\ntee,6\n");
    assert_eq!((unclear.products.len(), &*unclear.refused[0].column, unclear.refused[0].line), (1, "Variant SKU", 3));
    let blank = list("Handle,Variant SKU,Variant Price\ntee,A,\n");
    let codes: Vec<_> = blank.refused.iter().map(|report| &*report.code).collect();
    assert_eq!(codes, ["required", "no_variant"], "a price cannot be emptied");
}

#[test]
fn what_a_variant_is_sold_without_is_carried() {
    let file = "Handle,Title,Variant SKU,Variant Price,Variant Inventory Tracker,Variant Inventory Policy,Variant Taxable\n\
                a,A,A-1,1,shopify,deny,TRUE\n\
                b,B,B-1,1,shopify,CONTINUE,false\n\
                c,C,C-1,1,,deny,\n\
                d,D,D-1,1,shopify,,\n\
                e,E,E-1,1,shopify,never,\n";
    let read = super::super::read(file.as_bytes(), euro());
    let told: Vec<_> =
        read.products.iter().flat_map(|imported| imported.product.variants.as_ref().value().unwrap()).collect();
    let policies: Vec<_> = told.iter().map(|variant| variant.stock_policy.as_ref().value().copied()).collect();
    assert_eq!(
        policies,
        [Some(StockPolicy::Deny), Some(StockPolicy::Continue), Some(StockPolicy::Continue), None],
        "what nobody counts is never out of stock"
    );
    let taxed: Vec<_> = told.iter().map(|variant| variant.taxable.as_ref().value().copied()).collect();
    assert_eq!(taxed, [Some(true), Some(false), None, None]);
    let refused: Vec<_> = read.refused.iter().map(|report| (report.line, &*report.column, &*report.code)).collect();
    assert_eq!(refused, [(6, "Variant Inventory Policy", "unknown_value"), (6, "", "no_variant")]);
}

#[test]
fn what_has_no_place_here_is_noted_and_a_gift_card_refused() {
    let file = "Handle,Title,Variant SKU,Variant Price,Variant Requires Shipping,Gift Card,SEO Title,SEO Description,Variant Weight Unit\n\
                a,A,A-1,1,true,false,Best A,,kg\n\
                b,B,B-1,1,FALSE,false,,,g\n\
                c,C,C-1,1,true,TRUE,,,g\n";
    let read = super::super::read(file.as_bytes(), euro());
    let told = |reports: &[super::super::RowReport]| -> Vec<_> {
        reports.iter().map(|report| (report.line, report.code.clone(), report.note)).collect()
    };
    assert_eq!(told(&read.refused), [(4, "gift_card".into(), false)]);
    assert_eq!(told(&read.notes), [(3, "always_shipped".into(), true), (1, "columns_not_read".into(), true)]);
    assert_eq!(read.notes[1].detail, "not read: SEO Title");
    assert_eq!(read.products.len(), 2);
}
