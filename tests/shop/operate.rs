//! What does not get on by itself, seen and repaired from the command line, beside the shop that serves.
use std::time::Duration;

use kernel::{CloudEvent, Db, Executor, testing::until};
use reqwest::Method;
use serde_json::json;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{
    actor::{Actor, client},
    stories::product,
    trade::order,
    world::{
        Engine::{Postgres, Sqlite},
        Shop,
        Topology::{Apart, Together},
    },
};

/// What `stoa ARGS` printed; it must succeed.
fn stoa(shop: &Shop, role: &str, args: &[&str]) -> String {
    let output = shop.stoa(role, args, "");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Somebody with a cup in the cart, of a shop with five.
async fn guest_with_a_cup(shop: &Shop) -> Actor<'_> {
    product(&shop.staff("sam", "staff").await, "clay-cup", &[("CUP", 1250, 5)]).await;
    shop.guest("guest").with_cart(&[("CUP", 1)]).await
}

/// Payments die while an order is being paid: it needs a person, who turns it back.
#[tokio::test]
async fn an_order_that_is_stuck_is_turned_back() {
    let settings =
        [("STOA_ORDERS__ATTEMPTS", "1"), ("STOA_ORDERS__LEASE_SECONDS", "3"), ("STOA_PAYMENTS__TEST_SLOW_MS", "1500")];
    let mut shop = Shop::open(Apart, Postgres, &settings).await;
    assert_eq!(stoa(&shop, "orders", &["orders", "stuck"]), "");
    let guest = guest_with_a_cup(&shop).await;
    let token = guest.header("cart-token");
    let placing = tokio::spawn(guest.request(Method::POST, "/v1/orders", Some(&order("slow"))).send());
    tokio::time::sleep(Duration::from_millis(700)).await;
    shop.kill("payments");
    until("the order is stuck", async || stoa(&shop, "orders", &["orders", "stuck"]).contains("waits for a person"))
        .await;
    placing.await.unwrap().ok();
    let listed = stoa(&shop, "orders", &["orders", "stuck"]);
    assert_eq!(listed.lines().count(), 1, "{listed}");
    let id = listed.split('\t').next().unwrap().to_owned();
    let metrics = client().get(format!("{}/metrics", shop.internal("orders"))).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("stoa_sagas_exhausted_total 1") && metrics.contains("stoa_orders_stuck"), "{metrics}");

    // A module that is away stops nobody from looking at the others.
    shop.kill("notifications");
    let partly = shop.stoa("orders", &["events", "dead"], "");
    let told = String::from_utf8_lossy(&partly.stderr);
    assert!(told.contains("notifications cannot be asked") && told.contains("reviews could not handle 0"), "{told}");
    assert!(!partly.status.success());

    let forced = stoa(&shop, "orders", &["orders", "force", &id, "--outcome", "cancel"]);
    assert!(forced.ends_with(" is cancelling\n"), "nobody knows yet what is held: {forced}");
    shop.start();
    shop.ready().await;
    stoa(&shop, "orders", &["orders", "retry", &id]);
    let guest = shop.guest("guest").with("cart-token", &token);
    let ended = guest.until(&format!("/v1/orders/{id}"), |order| order["status"] == "cancelled").await;
    assert_eq!((ended.text("/cancellation/reason"), ended.text("/payment/status")), ("staff".into(), "voided".into()));
    let cup = guest.send(Method::GET, "/v1/products/clay-cup", None, &[]).await;
    assert_eq!(cup.number("/variants/0/available"), 5, "its stock came back");
    assert_eq!(stoa(&shop, "orders", &["orders", "stuck"]), "");
}

/// One process, one file a module: the command works on them while the shop does.
#[tokio::test]
async fn an_order_is_turned_back_beside_a_shop_in_one_process() {
    let shop = Shop::open(Together, Sqlite, &[]).await;
    let guest = guest_with_a_cup(&shop).await;
    let placed = guest.send(Method::POST, "/v1/orders", Some(&order("action_required")), &[]).await;
    let id = placed.text("/id");
    assert_eq!(stoa(&shop, "all", &["orders", "stuck"]), "", "its customer is to act, not the shop");
    let forced = stoa(&shop, "all", &["orders", "force", &id, "--outcome", "cancel"]);
    assert!(forced.ends_with(" is cancelled\n"), "{forced}");
    for args in [["orders", "retry", "019376b1-7c4e-7c4e-9d2b-3f1e5a6b7c8d"].as_slice(), &["orders", "force", &id]] {
        let refused = shop.stoa("all", args, "");
        assert!(!refused.status.success() && !refused.stderr.is_empty(), "{args:?}");
    }
    let cup = guest.send(Method::GET, "/v1/products/clay-cup", None, &[]).await;
    assert_eq!(cup.number("/variants/0/available"), 5);
}

#[tokio::test]
async fn a_dead_event_is_listed_and_handled_again_by_the_shop() {
    let shop = Shop::open(Together, Sqlite, &[]).await;
    let db = Db::sqlite(&shop.data().join("notifications.db"), 1).await.unwrap();
    let ids = [1, 2].map(|position| (position, Uuid::now_v7()));
    for (position, id) in ids {
        // Of a kind that notifications pass over: handled is what it is once it is tried.
        let event = CloudEvent {
            specversion: "1.0".into(),
            id,
            source: "/orders".into(),
            kind: "order.gifted".into(),
            subject: "an order".into(),
            time: chrono::DateTime::UNIX_EPOCH,
            data: json!({}),
            position,
            traceid: "0".repeat(32),
        };
        db.query(
            "INSERT INTO inbox (source, event_id, subject, position, state, attempts, due_at, reason, event)
             VALUES ('orders', $1, 'an order', $2, 'dead', 10, $3, 'a bug', $4)",
        )
        .bind(id)
        .bind(position)
        .bind(event.time)
        .bind(Json(event))
        .execute()
        .await
        .unwrap();
    }
    let listed = stoa(&shop, "all", &["events", "dead"]);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.contains("orders to notifications\torder.gifted") && listed.contains("a bug"), "{listed}");
    assert_eq!(stoa(&shop, "all", &["events", "dead", "--module", "orders"]), "");
    let handled = async |count: i64| {
        let sql = "SELECT COUNT(*) FROM inbox WHERE state = 'done'";
        until("it is handled", async || db.query(sql).fetch_one::<(i64,)>().await.unwrap().0 >= count).await;
    };
    let first = ids[0].1.to_string();
    stoa(&shop, "all", &["events", "replay", &first]);
    handled(1).await;
    let again = stoa(&shop, "all", &["events", "replay", "--all"]);
    assert!(again.lines().count() == 1 && again.contains(&ids[1].1.to_string()), "{again}");
    handled(2).await;
    assert_eq!(stoa(&shop, "all", &["events", "dead"]), "");
    let unknown = shop.stoa("all", &["events", "replay", &Uuid::nil().to_string()], "");
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no such event was received"));
    db.close().await;
}

/// An order that 0.1.0 took with an address that is none: its mail fails at once, and staff sees to it.
#[tokio::test]
async fn a_mail_that_failed_is_listed_and_sent_again() {
    for (topology, engine) in [(Together, Sqlite), (Apart, Postgres)] {
        let shop = Shop::open(topology, engine, &[]).await;
        let role = if topology == Apart { "notifications" } else { "all" };
        assert_eq!(stoa(&shop, role, &["mail", "failed"]), "");
        let guest = guest_with_a_cup(&shop).await;
        let placed = guest.send(Method::POST, "/v1/orders", Some(&order("ok")), &[]).await;
        let sam = shop.staff("joan", "staff").await;
        sam.until("/v1/deliveries", |body| body["items"][0]["status"] == "sent").await;
        let db = shop.database("notifications").await;
        let sql =
            "UPDATE deliveries SET recipient = 'a@b', status = 'queued', sent_at = NULL, attempts = 0, due_at = $1";
        db.query(sql).bind(chrono::DateTime::UNIX_EPOCH).execute().await.unwrap();
        until("it fails", async || stoa(&shop, role, &["mail", "failed"]).contains("order_confirmed")).await;
        let listed = stoa(&shop, role, &["mail", "failed"]);
        assert!(listed.contains(&placed.text("/id")) && listed.contains("must be an e-mail address"), "{listed}");
        assert!(!listed.contains("a@b"), "no address where a terminal is logged: {listed}");
        let again = stoa(&shop, role, &["mail", "resend", "--all"]);
        assert!(again.lines().count() == 1 && again.ends_with(" is queued\n"), "{again}");
        let sent = sam.until("/v1/deliveries", |body| body["items"][0]["status"] == "sent").await;
        assert_eq!(sent.text("/items/0/recipient"), "guest@example.com", "the order's present address");
        assert_eq!(stoa(&shop, role, &["mail", "failed"]), "");
        let unknown = shop.stoa(role, &["mail", "resend", &Uuid::nil().to_string()], "");
        assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no such message"));
        assert!(!shop.stoa(role, &["mail", "resend"], "").status.success());
        db.close().await;
    }
}
