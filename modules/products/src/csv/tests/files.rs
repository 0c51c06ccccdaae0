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

/// A source that fails.
struct Broken;

impl io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}
