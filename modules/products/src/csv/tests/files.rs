use kernel::Money;

use super::*;

#[test]
fn every_product_of_a_real_export_comes_in() {
    let read = read(include_bytes!("../../../../../tests/data/apparel.csv").as_slice(), euro());
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
    let read = read(include_bytes!("../../../demo.csv").as_slice(), euro());
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
fn every_end_of_line_is_read_alike() {
    let file = "Handle,Variant Price,Title,Body (HTML)\ntee,5,\"Tee\",\"<p>\n\n</p>\"\n\ncap,3,Cap,<p>\n";
    let unix = read(file.as_bytes(), euro());
    assert_eq!((unix.products.len(), codes(&unix)), (2, vec![]));
    for end in ["\r\n", "\r"] {
        let file = file.replace('\n', end);
        assert_eq!(read(file.as_bytes(), euro()), unix, "{end:?}");
        assert_eq!(read(OneByOne(file.trim_end().as_bytes()), euro()), unix, "{end:?}");
    }
}

#[test]
fn a_quote_that_is_never_closed_costs_its_product_alone() {
    let head = "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Variant Price";
    for (rows, kept, told) in [
        // To the end of the file.
        ("tee,Tee,,,,5\ncap,\"Cap,<p>,,,3\nhat,Hat,,,,4\n", vec!["tee", "hat"], vec![(3, "Title")]),
        // Until the next quote, which is then one within a cell.
        ("cap,Cap,\"<p>\n</p>,,,3\nhat,\"Hat\",,,,4\n", vec!["hat"], vec![(2, "Body (HTML)"), (3, "Handle")]),
        // In a further row of a product, after a cell with line breaks of its own.
        ("tee,Tee,\"a\nb\",Size,S,5\ntee,,,,\"M,5\ntee,,,,L,5\nhat,Hat,,,,4", vec!["hat"], vec![(4, "Option1 Value")]),
        // In the handle, which is still known.
        (
            "\"tee,Tee,,Size,S,5\ntee,,,,M,5\nhat,Hat,,,,4\ntee,Tee,,,,5",
            vec!["hat"],
            vec![(2, "Handle"), (5, "Handle")],
        ),
    ] {
        for end in ["\n", "\r\n", "\r"] {
            for close in ["", end] {
                let file = format!("{head}\n{}", rows.trim_end()).replace('\n', end) + close;
                let read = read(file.as_bytes(), euro());
                let slugs: Vec<_> = read.products.iter().filter_map(|one| one.product.slug.as_deref()).collect();
                let codes = codes(&read);
                assert_eq!(slugs, kept, "{file:?}");
                assert_eq!(codes[0].2, "unclosed_quote", "{file:?}");
                assert!(codes.iter().map(|(line, column, _)| (*line, *column)).eq(told.clone()), "{codes:?} {file:?}");
            }
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_at_all_gives_one_report() {
    for (file, column, code) in [
        (b"".as_slice(), "", "empty_file"),
        (b"\xef\xbb\xbf", "", "empty_file"),
        (b"\xef\xbb\xbf\xef\xbb\xbf", "", "empty_file"),
        (b"\n\r\n", "", "empty_file"),
        (b" ,\t,\n,,,\r,", "", "empty_file"),
        (b"Handle,Title,Variant Price", "", "no_rows"),
        (b"Handle,Title,Variant Price\r\n\r\n,,\r\n", "", "no_rows"),
        (b"Handle,\"Title,Variant Price\na,b,1\n", "", "unclosed_quote"),
        (b"Title,Variant Price\na,1", "Handle", "missing_column"),
        (b"Handle;Title;Variant Price\na;b;1", "Handle", "missing_column"),
        (b"\xff\xfeH\0a\0n\0d\0l\0e\0", "", "not_utf8"),
        (b"H\0a\0n\0d\0l\0e\0", "", "not_utf8"),
    ] {
        let read = read(file, euro());
        assert_eq!(read.refused.len(), 1, "{file:?}");
        assert_eq!((&*read.refused[0].column, &*read.refused[0].code), (column, code), "{file:?}");
    }
    let wide = read("x,".repeat(1_000_000).as_bytes(), euro());
    assert_eq!(codes(&wide), [(1, "", "too_many_columns")]);
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

    let swallowed =
        format!("{head}cap,Cap,\"<p>,5\n{}hat,Hat,,5\n", format!("hat,Hat,,5{}\n", " ".repeat(1000)).repeat(20_000));
    let found = read(swallowed.as_bytes(), euro());
    assert_eq!((skus(&found), codes(&found)[0]), (vec!["tee", "hat"], (3, "Body (HTML)", "unclosed_quote")));

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

/// A source that fails.
struct Broken;

impl io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}
