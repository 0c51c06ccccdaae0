//! Processes die. Nothing is lost, nothing happens twice.
use std::time::Duration;

use kernel::testing::found;
use reqwest::Method;
use serde_json::Value;

use crate::{
    stories::{product, wish},
    trade::order,
    world::{
        Engine::{self, Postgres, Sqlite},
        Shop,
        Topology::{self, Apart, Together},
    },
};

/// A lease that is short enough to wait for.
const SETTINGS: [(&str, &str); 2] = [("STOA_ORDERS__LEASE_SECONDS", "3"), ("STOA_PAYMENTS__TEST_SLOW_MS", "1500")];

/// Kills `role` in the middle of an order, starts it again, and looks how the order ends.
async fn killed_in_the_middle(topology: Topology, engine: Engine, role: &str) {
    let mut shop = Shop::open(topology, engine, &SETTINGS).await;
    product(&shop.staff("sam", "staff").await, "clay-cup", &[("CUP", 1250, 5)]).await;
    let (order, key) = (order("slow"), "order-1");
    let guest = shop.guest("guest").with_cart(&[("CUP", 2)]).await.with("idempotency-key", key);
    let token = guest.header("cart-token");
    // The provider takes a while; the process dies meanwhile.
    let lost = guest.request(Method::POST, "/v1/orders", Some(&order)).send();
    let died = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        shop.kill(role);
        shop.start();
        shop.ready().await;
    };
    let (_, ()) = tokio::join!(lost, died);

    let guest = shop.guest("guest").with("cart-token", &token).with("idempotency-key", key);
    let placed = found(async || {
        let placed = guest.send(Method::POST, "/v1/orders", Some(&order), &[]).await;
        // 409 while the first request may still run, 503 or 504 while a lease runs out.
        assert!(matches!(placed.status, 201 | 202 | 409 | 503 | 504), "{placed:?}");
        if placed.status < 300 { Ok(placed) } else { Err(format!("{placed:?}")) }
    })
    .await;
    let path = format!("/v1/orders/{}", placed.text("/id"));
    let ended =
        guest.until(&path, |body| body["status"] == "confirmed" && body["payment"]["status"] == "captured").await;
    assert_eq!(ended.number("/payment/amount/amount"), ended.number("/totals/total/amount"));

    let sam = shop.guest("sam").session().await;
    let stock = sam.send(Method::GET, "/v1/variants/CUP/stock", None, &[]).await;
    assert_eq!((stock.number("/on_hand"), stock.number("/reserved")), (3, 0), "sold once, nothing kept");
    let orders = sam.send(Method::GET, "/v1/orders", None, &[]).await;
    assert_eq!(orders.body["items"].as_array().map(Vec::len), Some(1), "one order");
    let confirmations = |body: &Value| {
        let all = body["items"].as_array().cloned().unwrap_or_default();
        all.iter().filter(|mail| mail["kind"] == "order_confirmed" && mail["status"] == "sent").count()
    };
    let mails = sam.until("/v1/deliveries", |body| confirmations(body) > 0).await;
    assert_eq!(confirmations(&mails.body), 1, "one mail");
}

macro_rules! killed {
    ($($test:ident: $topology:ident $engine:ident $role:literal),* $(,)?) => { $(
        #[tokio::test]
        async fn $test() { killed_in_the_middle($topology, $engine, $role).await; }
    )* };
}

killed! {
    the_whole_shop_dies_on_sqlite: Together Sqlite "all",
    the_whole_shop_dies_on_postgres: Together Postgres "all",
    orders_dies_on_sqlite: Apart Sqlite "orders",
    orders_dies_on_postgres: Apart Postgres "orders",
    payments_dies_on_sqlite: Apart Sqlite "payments",
    payments_dies_on_postgres: Apart Postgres "payments",
    products_dies_on_postgres: Apart Postgres "products",
    the_gateway_dies_on_postgres: Apart Postgres "gateway",
}

#[tokio::test]
async fn a_shop_that_is_asked_to_end_finishes_what_it_began() {
    let mut shop = Shop::open(Together, Sqlite, &SETTINGS).await;
    let staff = shop.staff("sam", "staff").await;
    product(&staff, "clay-cup", &[("CUP", 1250, 5)]).await;
    staff.put_in("CUP", 1).await;
    let order = tokio::spawn(staff.request(Method::POST, "/v1/orders", Some(&wish("slow"))).send());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let ended = tokio::task::spawn_blocking(move || shop.terminate("all")).await.unwrap();
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
    assert_eq!(order.await.unwrap().unwrap().status(), 201, "the answer came before the end");
}
