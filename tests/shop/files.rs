//! Product files in and out, with the binary itself.
use std::{
    io::Write,
    process::{Child, Command, Output},
    time::Duration,
};

use reqwest::Method;

use crate::world::{
    Engine::{Postgres, Sqlite},
    Shop,
    Topology::{Apart, Together},
};

const EMPTY: [(&str, &str); 1] = [("STOA_PRODUCTS__DEMO", "false")];

/// The exit code, and what was said on standard output and on standard error.
fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("it ends by itself"), text(&output.stdout), text(&output.stderr))
}

/// The counts of an import: created, updated, unchanged, refused, flaws.
fn counts(said: &str) -> [usize; 5] {
    let numbers = said.split(|letter: char| !letter.is_ascii_digit()).filter_map(|word| word.parse().ok());
    numbers.collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("no counts: {said}"))
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

/// A file of so many products, each with this description.
fn file(count: usize, body: &str) -> String {
    let rows = (0..count).map(|n| format!("p{n},P{n},{body},SKU-{n},{n}.50\n"));
    format!("Handle,Title,Body (HTML),Variant SKU,Variant Price\n{}", rows.collect::<String>())
}

#[tokio::test]
async fn a_file_is_imported_once_and_exported_whole() {
    for engine in [Sqlite, Postgres] {
        let shop = Shop::open(Apart, engine, &[("STOA_PRODUCTS__DEMO", "false")]).await;
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/apparel.csv");
        let first = shop.stoa("products", &["import", file], "");
        let said = String::from_utf8_lossy(&first.stdout).into_owned();
        assert!(first.status.success(), "{said}{}", String::from_utf8_lossy(&first.stderr));
        assert!(said.contains("0 updated, 0 unchanged; 0 refused, 0 flaws"), "{said}");
        let again = String::from_utf8_lossy(&shop.stoa("products", &["import", file], "").stdout).into_owned();
        assert!(again.starts_with("0 products created, 0 updated"), "{again}");
        let page = shop.guest("visitor").send(Method::GET, "/v1/products?limit=100", None, &[]).await;
        assert!(page.body["items"].as_array().is_some_and(|items| items.len() > 10), "{page:?}");

        let exported = shop.stoa("products", &["export"], "");
        assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
        let exported = String::from_utf8(exported.stdout).unwrap();
        let again = shop.stoa("products", &["import", "-"], &exported);
        let said = String::from_utf8_lossy(&again.stdout).into_owned();
        assert!(said.starts_with("0 products created, 0 updated"), "{said}");

        let bad = "Handle,Title,Variant SKU,Variant Price\ngood,Good,GOOD,1.50\nbad,Bad,BAD,much\n";
        let bad = shop.stoa("products", &["import", "-"], bad);
        let (said, told) = (String::from_utf8_lossy(&bad.stdout), String::from_utf8_lossy(&bad.stderr));
        assert!(
            !bad.status.success() && said.starts_with("1 products created") && told.contains("line 3"),
            "{said}{told}"
        );
    }
}

#[tokio::test]
async fn a_backup_of_everything_comes_back_byte_for_byte() {
    for engine in [Sqlite, Postgres] {
        let (shop, other) = (Shop::open(Apart, engine, &EMPTY).await, Shop::open(Together, engine, &EMPTY).await);
        let all = "Handle,Title,Body (HTML),Status,Published,Tags,Option1 Name,Option1 Value,Variant SKU,Variant Price\n\
            zebra,=1+1,\"<p>a</p>\n\n<p>b</p>\",active,TRUE,\"-x, y\",Size,@S,-1,5\n\
            apple,''=1,+,draft,FALSE,,Title,Default Title,B,0.5\n\
            笔记,\"say \"\"hi\"\"\",,archived,TRUE,,Größe,S,C,1\n\
            笔记,,,,,,,\"M, L\",D,2\n";
        assert_eq!(told(&shop.stoa("products", &["import", "-"], all)).0, 0);
        let first = shop.data().join("backup.csv");
        std::fs::write(&first, "the one before").unwrap();
        let (code, _, said) = told(&shop.stoa("products", &["export", first.to_str().unwrap()], ""));
        assert_eq!((code, said.lines().last()), (0, Some("3 products written")), "{said}");
        let (code, said, _) = told(&other.stoa("products", &["import", first.to_str().unwrap()], ""));
        assert_eq!((code, counts(&said)), (0, [3, 0, 0, 0, 0]), "{said}");
        let second = told(&other.stoa("products", &["export"], "")).1;
        assert_eq!(second, std::fs::read_to_string(&first).unwrap());
        for cell in ["'=1+1", "''=1", "'-1", "'@S", "'+", "\"'-x, y\""] {
            assert!(second.contains(&format!(",{cell},")), "{cell}: {second}");
        }
        let left: Vec<_> = std::fs::read_dir(shop.data()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_said_with_its_line_and_the_rest_is_in() {
    let shop = Shop::open(Together, Sqlite, &EMPTY).await;
    let head = "Handle,Title,Variant Price";
    for (file, created, line) in [
        (format!("{head}\na,A,1\nb,\"B,2\nc,C,3\n"), 2, "line 3, b, Title: "),
        (format!("{head}\rd,D,1\re,E,x\r"), 1, "line 3, e, Variant Price: "),
        ("Handle,Variant SKU,Variant Price\nc,c,4\nnew,N,1\n".into(), 0, "line 3, new/name: "),
        (format!("{head}\r\n"), 0, "line 1: there is nothing below the header"),
        (format!("{head}\n,,\n\n"), 0, "line 1: there is nothing below the header"),
        (String::new(), 0, "line 1: there is nothing in the file"),
        ("\n \n".into(), 0, "line 1: there is nothing in the file"),
        ("Handle;Title;Variant Price\na;A;1\n".into(), 0, "semicolons"),
    ] {
        let (code, said, errors) = told(&shop.stoa("products", &["import", "-"], &file));
        assert_eq!((code, counts(&said)[0]), (1, created), "{file:?} {said}");
        assert!(errors.contains(line), "{file:?} {errors}");
    }
}

#[tokio::test]
async fn an_import_that_is_stopped_says_what_is_in_and_goes_on_the_second_time() {
    for (engine, name, code) in [(Sqlite, "-TERM", 143), (Postgres, "-INT", 130)] {
        let shop = Shop::open(Together, engine, &EMPTY).await;
        let file = file(300, "");
        let mut child = shop.start_stoa("products", &["import", "-"]);
        let input = child.stdin.as_mut().unwrap();
        let half = file.lines().take(201).fold(String::new(), |half, line| half + line + "\n");
        input.write_all(half.as_bytes()).unwrap();
        let visitor = shop.guest("visitor");
        visitor.look("/v1/products?limit=100", |page| page["items"][49].is_object()).await;
        signal(&child, name);
        // Its input is still open: it ends although there may be more.
        let held = child.stdin.take();
        let (ended, said, errors) = told(&child.wait_with_output().unwrap());
        drop(held);
        let [created, .., flaws] = counts(&said);
        assert_eq!((ended, flaws), (code, 0), "{said}{errors}");
        assert!((50..=200).contains(&created) && errors.contains("stopped by SIG"), "{said}{errors}");
        let (ended, said, errors) = told(&shop.stoa("products", &["import", "-"], &file));
        assert_eq!((ended, counts(&said)), (0, [300 - created, 0, created, 0, 0]), "{errors}");
    }
}

#[tokio::test]
async fn an_export_that_is_stopped_leaves_the_file_before_it() {
    let shop = Shop::open(Together, Sqlite, &EMPTY).await;
    assert_eq!(told(&shop.stoa("products", &["import", "-"], &file(300, &"x".repeat(5_000)))).0, 0);
    // Nobody reads what it writes: it waits, and is stopped.
    let child = shop.start_stoa("products", &["export"]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    signal(&child, "-TERM");
    let (code, part, errors) = told(&child.wait_with_output().unwrap());
    assert!(code == 143 && part.len() < 1_500_000 && errors.contains("is not all there is"), "{code} {errors}");
    // A reader that goes away, or a full disk, is an error, and no file.
    let full = shop.stoa("products", &["export", "/dev/full"], "");
    let (code, _, errors) = told(&full);
    assert!(code == 1 && errors.contains("No space left"), "{errors}");
    let place = shop.data().join("none").join("backup.csv");
    let (code, _, errors) = told(&shop.stoa("products", &["export", place.to_str().unwrap()], ""));
    assert!(code == 1 && errors.contains("cannot be written"), "{errors}");
}

#[tokio::test]
async fn an_import_that_fails_says_what_is_in() {
    let mut shop = Shop::open(Apart, Sqlite, &EMPTY).await;
    let file = file(300, "");
    let half = file.lines().take(201).fold(String::new(), |half, line| half + line + "\n");
    // From the cart's process the products are called over HTTP.
    let mut child = shop.start_stoa("cart", &["import", "-"]);
    child.stdin.as_mut().unwrap().write_all(half.as_bytes()).unwrap();
    let visitor = shop.guest("visitor");
    visitor.look("/v1/products?limit=100", |page| page["items"][49].is_object()).await;
    shop.kill("products");
    child.stdin.take().unwrap().write_all(&file.as_bytes()[half.len()..]).unwrap();
    let (code, said, errors) = told(&child.wait_with_output().unwrap());
    assert!(code == 1 && errors.contains("what is in stays; import the file again"), "{said}{errors}");
    let created = counts(&said)[0];
    shop.start();
    shop.ready().await;
    let (code, said, errors) = told(&shop.stoa("products", &["import", "-"], &file));
    let [more, updated, unchanged, ..] = counts(&said);
    assert_eq!((code, more + unchanged, updated), (0, 300, 0), "{errors}");
    // A call whose answer was lost may have brought in more than was counted.
    assert!(unchanged >= created, "{created} {unchanged}");
}
