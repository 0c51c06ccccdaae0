//! Databases go away, are busy, or are full. The shop says so, loses nothing, and goes on by itself.
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use kernel::{
    Executor,
    testing::{Server, address},
};
use reqwest::Method;
use serde_json::json;

use crate::{
    crowd::{Crowd, is_patient, patience},
    stories::product,
    trade::{Tally, revenue},
    world::{
        Engine::{Postgres, Sqlite},
        Shop,
        Topology::{self, Apart, Together},
        roles,
    },
};

async fn postgres_restarts_under_load(topology: Topology) {
    let server = Server::start().await;
    let shop = Shop::open(topology, Sqlite, &patience(&address(&[&server.host]))).await;
    let sam = shop.staff("sam", "staff").await;
    let crowd = Crowd::gather(&shop, &sam).await;
    let restart = async {
        server.told("stop").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        server.told("start").await;
    };
    println!("restarted under load, {topology:?}: {}", crowd.rush(restart).await);
    crowd.has_its_orders(&shop, &sam).await;
}

#[tokio::test]
async fn postgres_restarts_under_a_shop_in_one_process() {
    postgres_restarts_under_load(Together).await;
}

#[tokio::test]
async fn postgres_restarts_under_a_shop_in_seven_processes() {
    postgres_restarts_under_load(Apart).await;
}

#[tokio::test]
async fn a_pool_that_is_exhausted_makes_nobody_wait_for_long() {
    let settings = [("STOA_DATABASE__CONNECTIONS", "2"), ("STOA_GATEWAY__TIMEOUT_MS", "8000")];
    let shop = Shop::open(Together, Postgres, &settings).await;
    let sam = shop.staff("sam", "staff").await;
    product(&sam, "cup", &[("CUP", 1250, 10)]).await;
    let visitor = shop.guest("visitor");

    // Somebody who never ends: whoever reads the table keeps a connection.
    let db = shop.database("products").await;
    let mut tx = db.begin().await.unwrap();
    tx.query("LOCK TABLE products IN ACCESS EXCLUSIVE MODE").execute().await.unwrap();
    let begun = Instant::now();
    // Each asks for something else: who asks for the same waits for one who reads.
    let look = async |limit: usize| visitor.send(Method::GET, &format!("/v1/products?limit={limit}"), None, &[]).await;
    let replies = join_all((1..=12).map(look)).await;
    let mut answers = Tally::default();
    for reply in &replies {
        assert!(is_patient(reply) && reply.status >= 500, "{reply:?}");
        answers.note(reply);
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(9) && answers.count("503 unavailable") > 0, "{took:?} {answers}");
    println!("a pool exhausted: {:.1} s; {answers}", took.as_secs_f32());
    let neighbour = sam.send(Method::GET, "/v1/users/me", None, &[]).await;
    assert_eq!(neighbour.status, 200, "its neighbours serve on");

    drop(tx);
    db.close().await;
    visitor.look("/v1/products", |body| body["items"].is_array()).await;
    let order = visitor.with_cart(&[("CUP", 1)]).await.order("ok", "order").await;
    assert_eq!(order.status, 201, "{order:?}");
}

/// Whether every file of the shop is as sound as SQLite can tell.
async fn are_sound(shop: &Shop) {
    for module in roles().iter().map(|role| role.name) {
        let db = shop.database(module).await;
        let (verdict,): (String,) = db.query("PRAGMA integrity_check").fetch_one().await.unwrap();
        assert_eq!(verdict, "ok", "{module}");
        db.close().await;
    }
}

#[tokio::test]
async fn a_file_that_another_process_locks_is_waited_for_and_then_said_to_be_busy() {
    let shop = Shop::open(Together, Sqlite, &[]).await;
    let sam = shop.staff("sam", "staff").await;
    product(&sam, "cup", &[("CUP", 1250, 10)]).await;
    let guest = shop.guest("guest").with_cart(&[("CUP", 1)]).await;

    let db = shop.database("orders").await;
    let lock = db.begin().await.unwrap();
    let begun = Instant::now();
    let refused = guest.order("ok", "order").await;
    let took = begun.elapsed();
    println!("a file locked: {:.1} s; {} {}", took.as_secs_f32(), refused.status, refused.text("/code"));
    assert_eq!((refused.status, refused.text("/code")), (503, "unavailable".into()));
    assert!(!refused.header("retry-after").is_empty() && took < Duration::from_secs(10), "{took:?}");
    let read = sam.send(Method::GET, "/v1/orders", None, &[]).await;
    assert_eq!((read.status, read.body["items"].as_array().map(Vec::len)), (200, Some(0)), "reading goes on");
    // Locked for a moment only, it is waited for.
    let brief = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        drop(lock);
        db.close().await;
    };
    let (placed, ()) = join(guest.order("ok", "order"), brief).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    guest.settled(&placed.text("/id")).await;
    assert_eq!((sam.stock("CUP").await, shop.closed_books().await.taken), (9, 1));
    are_sound(&shop).await;
}

async fn the_disk_is_full(restarts: bool) {
    let mut shop = Shop::open(Together, Sqlite, &[("STOA_PRODUCTS__DEMO", "false")]).await;
    {
        let sam = shop.staff("sam", "staff").await;
        product(&sam, "cup", &[("CUP", 1250, 10_000)]).await;
    }
    // Begun anew, so that what was written so far is in the files and their logs are empty.
    assert!(shop.terminate("all").is_some_and(|status| status.success()));
    shop.limit_files("all", Some(600 * 1024));
    shop.start();
    shop.ready().await;

    let (mut tokens, mut answers, mut failures) = (Vec::new(), Tally::default(), 0);
    {
        let guest = shop.guest("guest");
        while failures < 10 {
            assert!(tokens.len() < 300, "the disk is never full: {answers}");
            let item = json!({"sku": "CUP", "quantity": 1});
            let added = guest.send(Method::POST, "/v1/cart/items", Some(&item), &[]).await;
            assert!(is_patient(&added), "{added:?}");
            if added.status == 201 {
                let token = added.header("cart-token");
                let placed = guest.clone().with("cart-token", &token).order("ok", "order").await;
                assert!(is_patient(&placed), "{placed:?}");
                failures += usize::from(placed.status >= 500);
                answers.note(&placed);
                tokens.push(token);
            } else {
                failures += 1;
                answers.note(&added);
            }
        }
        let shown = guest.send(Method::GET, "/v1/products", None, &[]).await;
        assert_eq!(shown.status, 200, "reading goes on");
    }
    println!("a disk full, restarts: {restarts}: {answers}");
    assert!(answers.count("503 unavailable") > 0 && answers.count("201") > 0, "{answers}");

    if restarts {
        shop.kill("all");
        shop.limit_files("all", None);
        shop.start();
        shop.ready().await;
    } else {
        shop.make_room("all");
    }
    let sam = shop.guest("sam").session().await;
    for token in &tokens {
        let guest = shop.guest("guest").with("cart-token", token);
        let placed = guest.insist("ok", "order", &mut answers).await;
        guest.settled(&placed.text("/id")).await;
        assert_eq!(guest.all("/v1/orders").await.len(), 1, "one order for each cart");
    }
    let all = i64::try_from(tokens.len()).unwrap();
    let orders = sam.all("/v1/orders").await;
    let books = shop.closed_books().await;
    assert_eq!((sam.stock("CUP").await, books.taken, books.income), (10_000 - all, all, revenue(&orders)));
    assert_eq!(sam.mails("order_confirmed", tokens.len()).await, tokens.len());
    are_sound(&shop).await;
}

#[tokio::test]
async fn a_shop_whose_disk_was_full_goes_on_once_there_is_room() {
    the_disk_is_full(false).await;
}

#[tokio::test]
async fn a_shop_that_dies_with_its_disk_full_goes_on_where_there_is_room() {
    the_disk_is_full(true).await;
}
