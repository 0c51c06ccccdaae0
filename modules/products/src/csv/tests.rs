use std::io;

use kernel::{Currency, Money};
use proptest::prelude::*;

use super::*;
use crate::{Category, Image, NewVariant, OptionValue, Product, ProductId, ProductStatus, Variant};

fn euro() -> Currency {
    "EUR".parse().unwrap()
}

/// Reads rows under the columns that matter most.
fn rows(rows: &[&str]) -> Read {
    let header = "Handle,Title,Tags,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src,Image Position";
    read([&[header], rows].concat().join("\n").as_bytes(), euro())
}

/// A product of one variant, with one column more.
fn with(column: &str, cell: &str) -> Read {
    let file = format!("Handle,Title,Variant Price,Product Category,{column}\ntee,Tee,5,,\"{cell}\"\n");
    read(file.as_bytes(), euro())
}

fn only(read: Read) -> ImportedProduct {
    assert_eq!((read.products.len(), &*read.refused), (1, [].as_slice()));
    read.products.into_iter().next().unwrap()
}

fn variant(read: Read) -> NewVariant {
    only(read).product.variants.remove(0)
}

fn codes(read: &Read) -> Vec<(u64, &str, &str)> {
    read.refused.iter().map(|report| (report.line, &*report.column, &*report.code)).collect()
}

fn skus(read: &Read) -> Vec<&str> {
    read.products.iter().flat_map(|imported| &imported.product.variants).map(|variant| &*variant.sku).collect()
}

#[test]
fn every_product_of_a_real_export_comes_in() {
    let read = read(include_bytes!("../../../../tests/data/apparel.csv").as_slice(), euro());
    let products = || read.products.iter().map(|imported| &imported.product);
    assert_eq!(read.refused, []);
    assert_eq!(products().count(), 20);
    assert_eq!(products().map(|product| product.variants.len()).sum::<usize>(), 22);
    assert_eq!(products().map(|product| product.images.len()).sum::<usize>(), 20);
    assert_eq!(products().filter(|product| product.category.as_deref() == Some("women")).count(), 14);
    assert_eq!(products().filter(|product| product.category.as_deref() == Some("men")).count(), 6);
    assert!(products().all(|product| product.status == Some(ProductStatus::Active)));
    let varsity = products().nth(1).unwrap();
    let told: Vec<_> = varsity.variants.iter().map(|v| (&*v.sku, &*v.options[0].value, v.price.amount)).collect();
    assert_eq!(
        told,
        [
            ("classic-varsity-top-small", "Small", 6000),
            ("classic-varsity-top-medium", "Medium", 6000),
            ("classic-varsity-top-large", "Large", 6000),
        ]
    );
    let shirt = products().next().unwrap();
    assert_eq!((&*shirt.variants[0].sku, &*shirt.variants[0].options), ("ocean-blue-shirt", [].as_slice()));
}

#[test]
fn the_demo_is_a_whole_shop() {
    let read = read(include_bytes!("../../demo.csv").as_slice(), euro());
    assert_eq!(read.refused, []);
    let products = demo(euro());
    assert_eq!(products, read.products);
    let shelves: std::collections::BTreeSet<_> =
        products.iter().filter_map(|imported| imported.product.category.as_deref()).collect();
    let expected = ["ceramics", "home", "olive-pantry", "stationery", "textiles"];
    assert!(shelves.iter().eq(&expected) && products.len() >= 28);
    let variants: Vec<_> = products.iter().flat_map(|imported| &imported.product.variants).collect();
    assert!(variants.iter().all(|variant| (3..=200).contains(&variant.on_hand) && variant.weight_g > 0));
    assert!(variants.iter().all(|variant| variant.price.amount >= 100 && variant.price.currency == euro()));
    assert_eq!(variants.iter().filter(|variant| variant.compare_at_price.is_some()).count(), 1);
    assert!(products.iter().all(|imported| imported.product.images.iter().all(|image| !image.alt.is_empty())));
    let yen: Currency = "JPY".parse().unwrap();
    assert_eq!(demo(yen)[0].product.variants[0].price, Money::new(1290, yen));
}

#[test]
fn the_demo_is_as_an_export_would_write_it() {
    let products: Vec<Product> = demo(euro()).into_iter().map(stored).collect();
    let names = [("olive-pantry", "Olive & Pantry"), ("home", "Home"), ("ceramics", "Ceramics")];
    let names = [&names[..], &[("textiles", "Textiles"), ("stationery", "Stationery")]].concat();
    let category = |(slug, name): (&str, &str)| Category { slug: slug.into(), name: name.into(), products: 0 };
    let categories: Vec<Category> = names.into_iter().map(category).collect();
    let mut file = Vec::new();
    assert_eq!(write(&mut file, &products, &categories, euro()).unwrap(), []);
    assert_eq!(String::from_utf8(file).unwrap(), include_str!("../../demo.csv"));
}

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
    assert_eq!(skus(&read), ["A", "B"]);
    let repeated = |line| (line, "Handle", "handle_repeated");
    assert_eq!(codes(&read), [repeated(4), repeated(5), repeated(6)]);
}

#[test]
fn handles_become_slugs() {
    let read = rows(&["Κεραμική_κούπα,Cup,,,,A,5,,", ",Nobody,,,,B,5,,", "  Red Tee ,Tee,,,,C,5,,"]);
    let slugs: Vec<_> = read.products.iter().map(|imported| imported.product.slug.as_deref().unwrap()).collect();
    assert_eq!((slugs, codes(&read)), (vec!["keramiki-koypa", "red-tee"], vec![(3, "Handle", "required")]));
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
    assert_eq!(category(&format!("{head},Product Category\ntee,Tee,5,men,")), (None, None));
    let standard = "Apparel & Accessories > Clothing > Shirts";
    assert_eq!(category(&format!("{head},Product Category\ntee,Tee,5,men,{standard}")), named("shirts", "Shirts"));
    assert_eq!(
        category(&format!("{head},Product Category,Type\ntee,Tee,5,men,{standard},Μπλούζες")),
        named("mployzes", "Μπλούζες")
    );
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
fn lines_are_counted_as_an_editor_counts_them() {
    let file =
        "\u{feff}Handle,Title,Body (HTML),Variant Price\n\n\na,A,\"one\ntwo\nthree\",x\n,,,\n   \nb,B,,y\n\nc,C,,z";
    for file in [file.to_owned(), format!("{file}\n"), file.replace('\n', "\r\n")] {
        for one_by_one in [false, true] {
            let read = if one_by_one { read(OneByOne(file.as_bytes()), euro()) } else { read(file.as_bytes(), euro()) };
            let bad: Vec<_> = codes(&read).into_iter().filter(|(.., code)| *code != "no_variant").collect();
            let price = |line| (line, "Variant Price", "malformed_price");
            // A line of blanks has too few cells, but nothing in them either.
            assert_eq!(bad, [price(4), price(9), price(11)], "{file:?}");
        }
    }
}

#[test]
fn windows_files_read_like_others() {
    let file = "Handle,Variant Price,Title\r\ntee,5,\"Tee\"\r\ncap,3,Cap\r\n";
    let names = |file: &str| -> Vec<String> {
        let read = read(file.as_bytes(), euro());
        assert_eq!(read.refused, []);
        read.products.into_iter().map(|imported| imported.product.name).collect()
    };
    assert_eq!(names(file), ["Tee", "Cap"]);
    assert_eq!(names(&file.replace("\r\n", "\n")), ["Tee", "Cap"]);
    let last = "Handle,Variant Price,Title,Body (HTML)\r\ntee,5,Tee,<p>\r\n";
    assert_eq!(only(read(last.as_bytes(), euro())).product.description, "<p>");
}

#[test]
fn a_file_that_cannot_be_read_at_all_gives_one_report() {
    for (file, column, code) in [
        (b"".as_slice(), "", "empty_file"),
        (b"\xef\xbb\xbf", "", "empty_file"),
        (b"\n\r\n", "Handle", "missing_column"),
        (b"Title,Variant Price\na,1", "Handle", "missing_column"),
        (b"Handle;Title;Variant Price\na;b;1", "Handle", "missing_column"),
        (b"\xff\xfeH\0a\0n\0d\0l\0e\0", "", "not_utf8"),
    ] {
        let read = read(file, euro());
        assert_eq!(read.refused.len(), 1, "{file:?}");
        assert_eq!((&*read.refused[0].column, &*read.refused[0].code), (column, code), "{file:?}");
    }
    assert_eq!(read(b"Handle,Title,Variant Price\n".as_slice(), euro()), Read::default());
}

#[test]
fn a_row_of_another_width_is_refused_before_its_cells_are_misread() {
    let read = rows(&["tee,Tee,,,,A,5,,", "cap,Cap,,,,B", "cup,Cup, with handle,,,,C,5,,", "hat,Hat,,,,D,5,,"]);
    assert_eq!(skus(&read), ["A", "D"]);
    assert_eq!(codes(&read), [(3, "Handle", "wrong_width"), (4, "Handle", "wrong_width")]);
}

#[test]
fn a_row_that_is_not_utf8_is_refused_alone() {
    let file = b"Handle,Title,Variant Price,Odd\ntee,T\xe9e,5,\ncap,Cap,5,\xff\nh\xe9t,Hat,5,\n";
    let read = read(file.as_slice(), euro());
    assert_eq!(skus(&read), ["cap"]);
    assert_eq!(codes(&read), [(2, "Title", "not_utf8"), (4, "Handle", "not_utf8")]);
}

#[test]
fn a_cell_of_ten_megabytes_is_refused_and_an_endless_row_ends_the_file() {
    let head = "Handle,Title,Body (HTML),Variant Price\ntee,Tee,,5\n";
    let huge = format!("{head}cap,Cap,{},5\nhat,Hat,,5\n", "x".repeat(10_000_000));
    let whole = read(huge.as_bytes(), euro());
    assert_eq!((skus(&whole), codes(&whole)), (vec!["tee", "hat"], vec![(3, "Body (HTML)", "too_long")]));

    let endless = io::Read::chain(format!("{head}cap,Cap,\"").into_bytes().leak() as &[u8], io::repeat(b'x'));
    let part = read(endless, euro());
    assert_eq!((skus(&part), codes(&part)), (vec!["tee"], vec![(3, "", "row_too_long")]));
}

#[test]
fn what_came_before_a_broken_source_is_kept() {
    let head = b"Handle,Title,Variant Price\ntee,Tee,5\ncap,Cap,5\nhat,Ha".as_slice();
    let read = read(io::Read::chain(head, Broken), euro());
    assert_eq!(skus(&read), ["tee", "cap"]);
    assert_eq!(codes(&read), [(4, "", "unreadable")]);
}

#[test]
fn a_long_file_comes_in_piece_by_piece_and_tells_how_far_it_is() {
    let file: Vec<String> = (0..5000).map(|n| format!("p{n},P,{n}\n")).collect();
    let file = format!("\u{feff}Handle,Title,Variant Price\n{}", file.concat());
    let mut reader = Reader::new(file.as_bytes(), euro()).unwrap();
    let mut before = reader.bytes();
    for _ in 0..5000 {
        assert!(reader.next().unwrap().is_ok());
        assert!(reader.bytes() >= before && reader.bytes() - before < 64);
        before = reader.bytes();
    }
    assert!(reader.next().is_none() && reader.next().is_none());
    assert_eq!(reader.bytes(), file.len() as u64);
}

#[test]
fn a_product_has_bounds() {
    let many = |count: usize, row: &dyn Fn(usize) -> String| -> Vec<String> {
        std::iter::once("tee,Tee,,Size,S,A,5,,".into()).chain((0..count).map(row)).collect()
    };
    let variants = many(VARIANTS, &|n| format!("tee,,,,v{n},,5,,"));
    let read = rows(&variants.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((skus(&read).len(), codes(&read).len()), (VARIANTS, 1));
    assert_eq!(read.refused[0].code, "too_many_variants");
    let images = many(LIST + 1, &|n| format!("tee,,,,,,,https://x.example/{n}.jpg,"));
    let read = rows(&images.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((read.products[0].product.images.len(), &*read.refused[0].code), (LIST, "too_many_images"));
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
        with(&|product| product.tags = vec!["a,b".into()]),
        with(&|product| product.variants.clear()),
        with(&|product| product.variants[1].options = vec![option("Colour")]),
        with(&|product| product.variants[0].options.extend(["b", "c", "d"].map(option))),
        with(&|product| product.variants[0].price.currency = "USD".parse().unwrap()),
        with(&|product| product.slug = "Not_A_Slug".into()),
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
fn a_category_is_written_by_its_name_if_that_leads_back_to_it() {
    let mut product = stored(demo(euro()).remove(0));
    product.category = Some("kitchen".into());
    for (name, written) in [("Kitchen", "Kitchen"), ("All for the Cook", "kitchen")] {
        let category = Category { slug: "kitchen".into(), name: name.into(), products: 1 };
        let mut file = Vec::new();
        assert_eq!(write(&mut file, [&product], &[category], euro()).unwrap(), []);
        let imported = only(read(file.as_slice(), euro()));
        assert_eq!(
            (imported.product.category.as_deref(), imported.category_name.as_deref()),
            (Some("kitchen"), Some(written))
        );
    }
}

/// What the catalogue makes of an import.
fn stored(ImportedProduct { product, .. }: ImportedProduct) -> Product {
    let variants = product.variants.into_iter().map(|variant| Variant {
        sku: variant.sku.parse().unwrap(),
        name: String::new(),
        options: variant.options,
        price: variant.price,
        compare_at_price: variant.compare_at_price,
        weight_g: variant.weight_g,
        barcode: variant.barcode,
        available: variant.on_hand,
    });
    Product {
        id: ProductId::new(),
        slug: product.slug.unwrap(),
        name: product.name,
        description: product.description,
        vendor: product.vendor,
        category: product.category,
        tags: product.tags,
        images: product.images,
        variants: variants.collect(),
        status: product.status.unwrap_or(ProductStatus::Active),
        version: 1,
        created_at: chrono::DateTime::UNIX_EPOCH,
        updated_at: chrono::DateTime::UNIX_EPOCH,
    }
}

/// A source that gives one byte at a time.
struct OneByOne<'a>(&'a [u8]);

impl io::Read for OneByOne<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

/// A source that fails.
struct Broken;

impl io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}

/// Text of a line or more, with all that a CSV must quote and a spreadsheet would run.
fn text() -> impl Strategy<Value = String> {
    "[=+@a-zα-ω<>&\",;'\n\t -]{0,24}[a-zΩ\"]".prop_map(|text| text.trim().to_owned())
}

fn image() -> impl Strategy<Value = Image> {
    ("https://[a-z]{1,8}\\.example/[a-z0-9,\"]{0,9}", prop_oneof![Just(String::new()), text()])
        .prop_map(|(url, alt)| Image { url, alt })
}

prop_compose! {
    fn a_variant()(
        options in prop::collection::vec(text(), 3),
        price in 0..=1_000_000_000_000_i64,
        before in prop::option::of(1..=1_000_000_000_000_i64),
        weight_g in 0..=1_000_000_000_i64,
        barcode in prop::option::of("[0-9A-Z]{1,14}"),
        available in 0..=1_000_000_000_i64,
    ) -> Variant {
        let options = options.into_iter().map(|value| OptionValue { name: String::new(), value }).collect();
        let (price, compare_at_price) = (Money::new(price, euro()), before.map(|before| Money::new(before, euro())));
        Variant {
            sku: "A".parse().unwrap(), name: String::new(), options, price, compare_at_price, weight_g, barcode, available,
        }
    }
}

prop_compose! {
    fn a_product()(
        names in prop::collection::vec(text(), 0..=3),
        variants in prop::collection::vec(a_variant(), 1..6),
        texts in (text(), "[ -~\nα-ω]{0,200}", prop::option::of(text())),
        category in prop::option::of("[a-z]{1,9}(-[a-z0-9]{1,9})?"),
        tags in prop::collection::btree_set("[=a-zα-ω\"]{1,9}( [a-z]{1,5})?", 0..5),
        images in prop::collection::vec(image(), 0..9),
        status in prop_oneof![Just(ProductStatus::Active), Just(ProductStatus::Draft), Just(ProductStatus::Archived)],
    ) -> ImportedProduct {
        let mut seen = std::collections::HashSet::new();
        let mut told = Vec::new();
        for mut variant in variants {
            variant.options.truncate(names.len());
            variant.options.iter_mut().zip(&names).for_each(|(option, name)| option.name.clone_from(name));
            let Variant { options, price, compare_at_price, weight_g, barcode, available: on_hand, .. } = variant;
            if seen.insert(options.iter().map(|option| option.value.clone()).collect::<Vec<_>>()) {
                told.push(NewVariant { sku: String::new(), options, price, compare_at_price, weight_g, barcode, on_hand });
            }
        }
        let (name, description, vendor) = texts;
        let product = crate::NewProduct {
            slug: None, name, description, vendor, category: category.clone(), tags: tags.into_iter().collect(),
            images, variants: told, status: Some(status),
        };
        ImportedProduct { product, category_name: category }
    }
}

proptest! {
    #[test]
    fn an_export_comes_back_as_it_was(mut imported in prop::collection::vec(a_product(), 0..6)) {
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
