//! Many at once want the same. Numbers add up in every world, and nobody is told that the shop failed.
//!
//! What a missing guard breaks is shown next to the guard, by a control that runs the same race without it:
//! `without_the_guard_the_same_fight_oversells` and `without_one_order_of_locks_two_transactions_deadlock` in products,
//! `without_a_key_sixteen_callers_charge_more_than_once` in payments, and
//! `without_its_index_an_order_is_confirmed_many_times` in notifications.
use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    stories::product,
    trade::{Tally, count, revenue},
    world::{Engine, Shop, Topology},
};

/// A payment that takes long enough to be overtaken, and what came too late is looked after at once.
const SETTINGS: [(&str, &str); 3] = [
    ("STOA_PAYMENTS__TEST_SLOW_MS", "150"),
    ("STOA_PAYMENTS__RECONCILE_AFTER_SECONDS", "1"),
    // The default, as a shop has it: the other tests run beside each other and keep to fewer.
    ("STOA_DATABASE__CONNECTIONS", "10"),
];

async fn play(scene: &str, topology: Topology, engine: Engine, play: impl AsyncFnOnce(&Shop) -> Tally) {
    let shop = Shop::open(topology, engine, &SETTINGS).await;
    let begun = Instant::now();
    let answers = play(&shop).await;
    let world = format!("{topology:?} {engine:?}");
    println!("{scene:<42} {world:<18} {:>5.1} s  {answers}", begun.elapsed().as_secs_f32());
}

macro_rules! scenes {
    ($($scene:ident),* $(,)?) => { $(
        mod $scene {
            use super::{Engine::*, Topology::*, play};
            const NAME: &str = stringify!($scene);

            #[tokio::test]
            async fn together_on_sqlite() { play(NAME, Together, Sqlite, super::$scene).await; }
            #[tokio::test]
            async fn together_on_postgres() { play(NAME, Together, Postgres, super::$scene).await; }
            #[tokio::test]
            async fn apart_on_sqlite() { play(NAME, Apart, Sqlite, super::$scene).await; }
            #[tokio::test]
            async fn apart_on_postgres() { play(NAME, Apart, Postgres, super::$scene).await; }
        }
    )* };
}

scenes! {
    what_is_there_is_sold_and_no_more,
    carts_filled_in_opposite_orders,
    one_key_sixteen_times_at_once,
    one_cart_sixteen_times_at_once,
    a_webhook_eight_times_at_once,
    two_tabs_on_one_cart,
    a_cancel_races_the_payment,
    a_cancel_races_the_parcel,
}

async fn what_is_there_is_sold_and_no_more(shop: &Shop) -> Tally {
    let sam = shop.staff("sam", "staff").await;
    product(&sam, "amphora", &[("AMPHORA", 9900, 100)]).await;
    let (guest, next) = (shop.guest("guest"), Cell::new(0));
    let shoppers = (0..64).map(|_| async {
        let mut replies = Vec::new();
        while next.get() < 300 {
            let attempt = next.replace(next.get() + 1);
            let guest = guest.with_cart(&[("AMPHORA", 1)]).await;
            replies.push(guest.order("ok", &format!("attempt-{attempt}")).await);
        }
        Tally::of(&replies)
    });
    let mut answers = Tally::default();
    for one in join_all(shoppers).await {
        answers.add(one);
    }
    // Under load an order may be answered 202, before it is confirmed.
    assert_eq!(answers.count("201") + answers.count("202"), 100, "{answers}");
    assert_eq!(answers.count("409 sold_out"), 200, "{answers}");
    let books = shop.closed_books().await;
    let orders = sam.all("/v1/orders").await;
    assert_eq!((count(&orders, "confirmed"), orders.len() - count(&orders, "cancelled")), (100, 100));
    assert_eq!((sam.stock("AMPHORA").await, books.taken, books.income), (0, 100, revenue(&orders)));
    answers
}

async fn carts_filled_in_opposite_orders(shop: &Shop) -> Tally {
    const SKUS: [&str; 4] = ["CUP", "BOWL", "JUG", "PLATE"];
    let sam = shop.staff("sam", "staff").await;
    for sku in SKUS {
        product(&sam, &sku.to_lowercase(), &[(sku, 1250, 30)]).await;
    }
    let guest = shop.guest("guest");
    let shoppers = (0..48_usize).map(|shopper| {
        let guest = guest.clone();
        async move {
            let mut items: Vec<_> = SKUS.iter().map(|sku| (*sku, 1)).collect();
            items.rotate_left(shopper % 4);
            if shopper % 2 == 1 {
                items.reverse();
            }
            items.truncate(2 + shopper % 3);
            guest.with_cart(&items).await.order("ok", "order").await
        }
    });
    let replies = join_all(shoppers).await;
    let answers = Tally::of(&replies);
    assert_eq!(answers.count("201") + answers.count("202") + answers.count("409 sold_out"), 48, "{answers}");
    let books = shop.closed_books().await;
    let orders = sam.all("/v1/orders").await;
    for sku in SKUS {
        let confirmed = orders.iter().filter(|order| order["status"] == "confirmed");
        let lines = confirmed.flat_map(|order| order["lines"].as_array().unwrap());
        let sold: i64 = lines.filter(|line| line["sku"] == sku).map(|line| line["quantity"].as_i64().unwrap()).sum();
        assert_eq!(sam.stock(sku).await + sold, 30, "{sku}");
    }
    assert_eq!(books.income, revenue(&orders));
    answers
}

async fn one_key_sixteen_times_at_once(shop: &Shop) -> Tally {
    let sam = shop.staff("sam", "staff").await;
    product(&sam, "cup", &[("CUP", 1250, 50)]).await;
    let mut answers = Tally::default();
    for round in 1..=3 {
        let guest = shop.guest("guest").with_cart(&[("CUP", 1)]).await;
        let replies = join_all((0..16).map(|_| guest.order("ok", "the-order"))).await;
        let tally = Tally::of(&replies);
        assert_eq!(tally.count("201") + tally.count("409 request_in_progress"), 16, "{tally}");
        let placed: Vec<_> = replies.iter().filter(|reply| reply.status == 201).map(|reply| &reply.body).collect();
        assert!(!placed.is_empty() && placed.iter().all(|body| *body == placed[0]), "one answer: {tally}");
        assert_eq!(guest.all("/v1/orders").await.len(), 1, "one order");
        assert_eq!(sam.stock("CUP").await, 50 - round);
        answers.add(tally);
    }
    assert_eq!(shop.closed_books().await.taken, 3);
    answers
}

async fn one_cart_sixteen_times_at_once(shop: &Shop) -> Tally {
    let sam = shop.staff("sam", "staff").await;
    product(&sam, "cup", &[("CUP", 1250, 50)]).await;
    let mut answers = Tally::default();
    for round in 1..=3 {
        let guest = shop.guest("guest").with_cart(&[("CUP", 1)]).await;
        let keys: Vec<_> = (0..16).map(|key| format!("key-{key}")).collect();
        let replies = join_all(keys.iter().map(|key| guest.order("ok", key))).await;
        let tally = Tally::of(&replies);
        assert_eq!((tally.count("201"), tally.total()), (1, 16), "{tally}");
        assert_eq!(tally.count("409 cart_ordered") + tally.count("409 cart_empty"), 15, "{tally}");
        assert_eq!(guest.all("/v1/orders").await.len(), 1, "one order");
        assert_eq!(sam.stock("CUP").await, 50 - round);
        answers.add(tally);
    }
    assert_eq!(shop.closed_books().await.taken, 3);
    answers
}

async fn a_webhook_eight_times_at_once(shop: &Shop) -> Tally {
    let sam = shop.staff("sam", "staff").await;
    product(&sam, "cup", &[("CUP", 1250, 50)]).await;
    let mut answers = Tally::default();
    let mut confirmed = 0;
    // Eight times yes; then four times yes and four times no, of which the first to come counts.
    for refusals in [0, 0, 4, 4] {
        let guest = shop.guest("guest").with_cart(&[("CUP", 1)]).await;
        let order = guest.order("action_required", "order").await;
        assert_eq!(order.status, 202, "{order:?}");
        let page = order.text("/payment/action/url");
        let paths: Vec<_> = (0..8).map(|n| if n < refusals { "decline" } else { "approve" }).collect();
        let told = paths.iter().map(|path| format!("{page}/{path}")).collect::<Vec<_>>();
        let nothing = json!({});
        let replies = join_all(told.iter().map(|path| guest.send(Method::POST, path, Some(&nothing), &[]))).await;
        let tally = Tally::of(&replies);
        assert_eq!(tally.count("204") + tally.count("409 wrong_state"), 8, "{tally}");
        answers.add(tally);
        let id = order.text("/id");
        let settled = guest.settled(&id).await;
        let yes = settled["status"] == "confirmed";
        assert!(yes || refusals > 0, "{settled:#}");
        assert_eq!(settled["payment"]["status"], if yes { "captured" } else { "declined" });
        confirmed += i64::from(yes);
        let events = guest.all(&format!("/v1/orders/{id}/events")).await;
        for kind in ["OrderConfirmed", "PaymentCaptured", "OrderCancelled"] {
            let times = events.iter().filter(|event| event["kind"] == kind).count();
            assert_eq!(times, usize::from(yes == (kind != "OrderCancelled")), "{kind}: {events:#?}");
        }
    }
    assert_eq!((sam.stock("CUP").await, shop.closed_books().await.taken), (50 - confirmed, confirmed));
    let expected = usize::try_from(confirmed).unwrap();
    assert_eq!(sam.mails("order_confirmed", expected).await, expected);
    answers
}

async fn two_tabs_on_one_cart(shop: &Shop) -> Tally {
    let sam = shop.staff("sam", "staff").await;
    product(&sam, "cup", &[("CUP", 1250, 500)]).await;
    let tab = shop.guest("guest").with_cart(&[("CUP", 1)]).await;
    let added = join_all((0..16).map(|_| tab.put_in("CUP", 1))).await;
    let mut answers = Tally::of(&added);
    let cart = tab.send(Method::GET, "/v1/cart", None, &[]).await;
    assert_eq!(cart.number("/items/0/quantity"), 17, "each tab's cups are there");

    // Eight tabs saw the same cart; the first to change it wins.
    let first = tab.clone().with("if-match", &cart.header("etag"));
    let wishes: Vec<_> = (20..28).map(|quantity| json!({"quantity": quantity})).collect();
    let path = "/v1/cart/items/CUP";
    let set = wishes.iter().map(|wish| first.send(Method::PATCH, path, Some(wish), &[]));
    let set = Tally::of(&join_all(set).await);
    assert_eq!((set.count("200"), set.count("412 stale")), (1, 7), "{set}");
    answers.add(set);

    // One orders while the other goes on: a cup is in the order or in the cart, and never lost.
    for round in 0..6 {
        let tab = shop.guest("guest").with_cart(&[("CUP", 2)]).await;
        let (placed, _) = join(tab.order("ok", "order"), join_all((0..4).map(|_| tab.put_in("CUP", 1)))).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        let left = tab.send(Method::GET, "/v1/cart", None, &[]).await;
        let left: i64 = left.body["items"][0]["quantity"].as_i64().unwrap_or_default();
        assert_eq!(placed.number("/lines/0/quantity") + left, 6, "round {round}: {placed:?}");
        answers.note(&placed);
    }
    answers
}

/// A number below `below` that differs from round to round, and is the same in each run.
fn scattered(round: u64, below: u64) -> u64 {
    (round + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17) % below
}

async fn a_cancel_races_the_payment(shop: &Shop) -> Tally {
    const ROUNDS: u64 = 48;
    let sam = shop.staff("sam", "staff").await;
    product(&sam, "cup", &[("CUP", 1250, 500)]).await;
    let guest = shop.guest("guest");
    let mut answers = Tally::default();
    for rounds in (0..ROUNDS).collect::<Vec<_>>().chunks(12) {
        let races = rounds.iter().map(|&round| {
            let guest = guest.clone();
            async move {
                let guest = guest.with_cart(&[("CUP", 1)]).await;
                let cancel = async {
                    let begun = |body: &Value| body["items"][0]["id"].is_string();
                    let id = guest.look("/v1/orders", begun).await.text("/items/0/id");
                    tokio::time::sleep(Duration::from_millis(scattered(round, 400))).await;
                    guest.send(Method::POST, &format!("/v1/orders/{id}/cancel"), Some(&json!({})), &[]).await
                };
                let (placed, cancelled) = join(guest.order("slow", "order"), cancel).await;
                let settled = guest.settled(&cancelled.text("/id")).await;
                let shown = (settled["status"].as_str().unwrap(), settled["payment"]["status"].as_str().unwrap());
                assert!(
                    matches!(shown, ("cancelled", "voided" | "refunded") | ("confirmed", "captured")),
                    "{placed:?} {cancelled:?} {settled:#}"
                );
                assert!(matches!(cancelled.status, 200 | 202), "nothing was shipped: {cancelled:?}");
                [placed, cancelled]
            }
        });
        for replies in join_all(races).await {
            answers.add(Tally::of(&replies));
        }
    }
    let books = shop.closed_books().await;
    let orders = sam.all("/v1/orders").await;
    let kept = i64::try_from(orders.len() - count(&orders, "cancelled")).unwrap();
    assert_eq!((sam.stock("CUP").await, books.taken, books.income), (500 - kept, kept, revenue(&orders)));
    let refunded = orders.iter().filter(|order| order["payment"]["status"] == "refunded").count();
    answers.remark("refunded", refunded);
    answers.remark("voided", orders.iter().filter(|order| order["payment"]["status"] == "voided").count());
    answers
}

async fn a_cancel_races_the_parcel(shop: &Shop) -> Tally {
    let sam = shop.staff("sam", "staff").await;
    product(&sam, "cup", &[("CUP", 1250, 500)]).await;
    let guest = shop.guest("guest");
    let races = (0..32).map(|round| {
        let (guest, sam) = (guest.clone(), sam.clone());
        async move {
            let guest = guest.with_cart(&[("CUP", 1)]).await;
            let id = guest.order("ok", "order").await.text("/id");
            guest.settled(&id).await;
            // Each of the two sets out first every other time.
            let late = |turn| Duration::from_millis(if round % 2 == turn { scattered(round, 30) } else { 0 });
            let send = async {
                tokio::time::sleep(late(0)).await;
                let parcel = json!({"carrier": "DHL"});
                sam.send(Method::POST, &format!("/v1/orders/{id}/shipments"), Some(&parcel), &[]).await
            };
            let cancel = async {
                tokio::time::sleep(late(1)).await;
                guest.send(Method::POST, &format!("/v1/orders/{id}/cancel"), Some(&json!({})), &[]).await
            };
            let (sent, cancelled) = join(send, cancel).await;
            let settled = guest.settled(&id).await;
            let shown = (settled["status"].as_str().unwrap(), settled["payment"]["status"].as_str().unwrap());
            match shown {
                ("cancelled", "refunded") => assert_eq!((sent.status, cancelled.status / 100), (409, 2), "{settled:#}"),
                ("shipped", "captured") => assert_eq!((sent.status, cancelled.status), (201, 409), "{settled:#}"),
                _ => panic!("{shown:?}: {sent:?} {cancelled:?}"),
            }
            [sent, cancelled]
        }
    });
    let mut answers = Tally::default();
    for replies in join_all(races).await {
        answers.add(Tally::of(&replies));
    }
    let books = shop.closed_books().await;
    let orders = sam.all("/v1/orders").await;
    let kept = i64::try_from(count(&orders, "shipped")).unwrap();
    assert_eq!((sam.stock("CUP").await, books.taken, books.income), (500 - kept, kept, revenue(&orders)));
    answers
}
