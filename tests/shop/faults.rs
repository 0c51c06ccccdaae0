//! The network between processes misbehaves. Whoever asks again is answered, and nothing happens twice.
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kernel::Executor;

use crate::{
    invariants::{audit, furnish},
    matrix,
    proxy::{Proxy, Trouble},
    shopper::{Story, Visit},
    stories::product,
    trade::{Tally, count, revenue},
    world::{
        Engine::{self, Postgres, Sqlite},
        Shop,
        Topology::Apart,
    },
};

/// Time limits short enough to be waited for.
const SETTINGS: [(&str, &str); 3] = [
    ("STOA_ORDERS__LEASE_SECONDS", "3"),
    ("STOA_GATEWAY__TIMEOUT_MS", "2500"),
    ("STOA_PAYMENTS__RECONCILE_AFTER_SECONDS", "1"),
];
const SHOPPERS: usize = 8;

/// Orders while every second request from `from` to `to` meets each trouble in turn.
async fn on_the_road(from: &str, to: &str, engine: Engine, seed: u64) {
    let mut shop = Shop::plan(Apart, engine, &SETTINGS).await;
    let proxy = Proxy::before(&shop.internal(to), seed).await;
    shop.only(from, &format!("STOA_PEERS__{}", to.to_uppercase()), &proxy.base);
    shop.start();
    shop.ready().await;
    let sam = shop.staff("sam", "staff").await;
    let mut placed = 0;
    for trouble in Trouble::ALL {
        let begun = Instant::now();
        let sku = format!("{trouble:?}").to_uppercase();
        product(&sam, &sku.to_lowercase(), &[(&sku, 1250, 100)]).await;
        let fill = (0..SHOPPERS).map(|_| async { shop.guest("guest").with_cart(&[(&*sku, 2)]).await });
        let guests = join_all(fill).await;

        proxy.misbehave(Some(trouble));
        let mut first = Tally::default();
        for reply in join_all(guests.iter().map(|guest| guest.order("ok", "order"))).await {
            first.note_passing(&reply);
        }
        proxy.misbehave(None);
        let struck = proxy.struck();
        assert!(struck > 0, "{trouble:?} was met by nobody");

        let orders =
            join_all(guests.iter().map(async |guest| guest.insist("ok", "order", &mut Tally::default()).await)).await;
        for (guest, order) in guests.iter().zip(&orders) {
            let settled = guest.settled(&order.text("/id")).await;
            assert_eq!((&settled["status"], &settled["payment"]["status"]), (&"confirmed".into(), &"captured".into()));
            assert_eq!(guest.all("/v1/orders").await.len(), 1, "{trouble:?}: one order");
        }
        placed += SHOPPERS;
        assert_eq!(sam.stock(&sku).await, 84, "{trouble:?}: sold once, nothing kept");
        let road = format!("{from} → {to} {engine:?}");
        println!(
            "{road:<30} {:<12} {struck:>3} struck {:>5.1} s  {first}",
            format!("{trouble:?}"),
            begun.elapsed().as_secs_f32()
        );
    }
    let books = shop.closed_books().await;
    let orders = sam.all("/v1/orders").await;
    assert_eq!((orders.len(), count(&orders, "confirmed")), (placed, placed));
    let all = i64::try_from(placed).unwrap();
    assert_eq!((books.taken, books.returned, books.income), (all, 0, revenue(&orders)), "one charge for each");
    assert_eq!(operations(&shop).await, all, "each taken once");
    assert_eq!(sam.mails("order_confirmed", placed).await, placed, "one mail for each");
}

/// Every command there is, each with its story, while every second request from `from` to `to` meets each trouble.
async fn every_command(from: &str, to: &str, engine: Engine, seed: u64) {
    let begun = Instant::now();
    let settings: Vec<_> = matrix::SETTINGS.into_iter().chain([("STOA_PAYMENTS__TEST_SLOW_MS", "400")]).collect();
    let mut shop = Shop::plan(Apart, engine, &settings).await;
    let proxy = if from == "client" {
        let proxy = Proxy::before(&shop.base, seed).await;
        shop.bases = vec![proxy.base.clone()];
        proxy
    } else {
        let proxy = Proxy::before(&shop.internal(to), seed).await;
        shop.only(from, &format!("STOA_PEERS__{}", to.to_uppercase()), &proxy.base);
        proxy
    };
    shop.start();
    shop.ready().await;
    let staff = furnish(&shop).await;
    let mut struck = 0;
    for trouble in Trouble::ALL {
        proxy.misbehave(Some(trouble));
        let visit = |story| Visit {
            bases: shop.bases.clone(),
            staff: staff.clone(),
            sku: "CUP",
            name: format!("{trouble:?}-{story:?}"),
        };
        let stories = join_all(Story::ALL.map(|story| story.play(visit(story))));
        tokio::pin!(stories);
        // Not so long that an order is given up for a person to look at; what is under way then must end well.
        let told = tokio::select! {
            told = &mut stories => told,
            () = tokio::time::sleep(Duration::from_secs(8)) => {
                proxy.misbehave(None);
                stories.await
            }
        };
        let failed: Vec<_> = told.into_iter().filter_map(Result::err).collect();
        assert!(failed.is_empty(), "{trouble:?}: {failed:#?}");
        struck += proxy.struck();
    }
    proxy.misbehave(None);
    let facts = audit(&shop, Duration::from_mins(1), false).await.unwrap_or_else(|found| panic!("{found}"));
    let (orders, stories) = (facts.orders.len(), Trouble::ALL.len() * Story::ALL.len());
    assert!(orders == stories && struck >= Trouble::ALL.len(), "{orders} orders, {struck} struck");
    let took = begun.elapsed();
    println!("{from} → {to} {engine:?}: {stories} stories, {struck} struck, {took:.1?}, each as if nothing had been");
}

macro_rules! every_command {
    ($($test:ident: $from:literal $to:literal $engine:ident;)*) => { $(
        #[tokio::test]
        async fn $test() { every_command($from, $to, $engine, 7).await; }
    )* };
}

every_command! {
    every_command_on_the_way_from_the_client: "client" "gateway" Sqlite;
    every_command_on_the_way_to_orders: "gateway" "orders" Postgres;
    every_command_on_the_way_to_the_cart: "gateway" "cart" Sqlite;
    every_command_on_the_way_to_payments: "orders" "payments" Postgres;
    every_command_on_the_way_to_the_stock: "orders" "products" Sqlite;
    every_webhook_on_its_way: "gateway" "payments" Postgres;
    every_event_on_its_way: "notifications" "orders" Sqlite;
}

/// How many commands the provider has carried out.
async fn operations(shop: &Shop) -> i64 {
    let db = shop.database("payments").await;
    let (operations,): (i64,) = db.query("SELECT COUNT(*) FROM test_operations").fetch_one().await.unwrap();
    db.close().await;
    operations
}

#[tokio::test]
async fn the_edge_does_not_reach_orders() {
    on_the_road("gateway", "orders", Postgres, 1).await;
}

#[tokio::test]
async fn orders_do_not_reach_products() {
    on_the_road("orders", "products", Postgres, 2).await;
}

#[tokio::test]
async fn orders_do_not_reach_payments() {
    on_the_road("orders", "payments", Sqlite, 3).await;
}

#[tokio::test]
async fn orders_do_not_reach_carts() {
    on_the_road("orders", "cart", Postgres, 4).await;
}
