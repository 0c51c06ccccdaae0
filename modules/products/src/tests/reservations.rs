use super::*;
use crate::{Error, MovementReason, Shortage};

/// What became of a call, in a word.
fn word<T>(outcome: Result<T, Error>) -> &'static str {
    match outcome {
        Ok(_) => "ok",
        Err(Error::Released) => "released",
        Err(Error::SoldOut { .. }) => "sold out",
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_reservation_goes_through_its_states_and_no_others() {
    for shop in shops().await {
        shop.stocked("A", 10).await;
        // What was done before; what is done now; its outcome; (on hand, reserved) afterwards.
        for (before, now, outcome, levels) in [
            ("", "reserve", "ok", (10, 3)),
            ("", "commit", "released", (10, 0)),
            ("", "release", "ok", (10, 0)),
            ("reserve", "reserve", "ok", (10, 3)),
            ("reserve", "commit", "ok", (7, 0)),
            ("reserve", "release", "ok", (10, 0)),
            ("reserve", "expire", "ok", (10, 0)),
            ("reserve expire", "reserve", "ok", (10, 3)),
            ("reserve expire", "commit", "ok", (7, 0)),
            ("reserve expire", "release", "ok", (10, 0)),
            ("reserve commit", "reserve", "ok", (7, 0)),
            ("reserve commit", "commit", "ok", (7, 0)),
            ("reserve commit", "release", "ok", (10, 0)),
            ("reserve release", "reserve", "released", (10, 0)),
            ("reserve release", "commit", "released", (10, 0)),
            ("reserve release", "release", "ok", (10, 0)),
            ("reserve commit release", "reserve", "released", (10, 0)),
            ("reserve commit release", "commit", "released", (10, 0)),
            ("reserve commit release", "release", "ok", (10, 0)),
            ("reserve expire release", "commit", "released", (10, 0)),
            ("release", "reserve", "released", (10, 0)),
            ("release", "commit", "released", (10, 0)),
        ] {
            let order = Uuid::now_v7();
            let mut last = "";
            for step in before.split_whitespace().chain([now]) {
                last = match step {
                    "reserve" => word(shop.reserve(order, vec![line("A", 3)]).await),
                    "commit" => word(shop.commit(order).await),
                    "release" => word(shop.release(order).await),
                    _ => {
                        shop.let_expire(order).await;
                        "ok"
                    }
                };
            }
            assert_eq!((last, shop.levels("A").await), (outcome, levels), "{before}, then {now}");
            shop.release(order).await.unwrap();
            assert_eq!(shop.levels("A").await, (10, 0), "{before}, then {now}, then release");
        }
        shop.audit("A").await;
    }
}

#[tokio::test]
async fn what_is_short_is_named_line_by_line_and_nothing_is_kept() {
    for shop in shops().await {
        for (sku, on_hand) in [("A", 1), ("B", 5), ("C", 0)] {
            shop.stocked(sku, on_hand).await;
        }
        let lines = vec![line("C", 1), line("A", 1), line("B", 5), line("A", 1)];
        let short = |sku: &str, requested, available| Shortage { sku: sku.parse().unwrap(), requested, available };
        assert_eq!(
            shop.reserve(Uuid::now_v7(), lines).await,
            Err(Error::SoldOut { lines: vec![short("A", 2, 1), short("C", 1, 0)] })
        );
        assert_eq!(shop.levels("B").await, (5, 0));
        let unknown = shop.reserve(Uuid::now_v7(), vec![line("B", 1), line("NONE", 1)]).await;
        assert_eq!(unknown, Err(Error::SkuNotFound { sku: "NONE".parse().unwrap() }));
        assert_eq!(shop.levels("B").await, (5, 0));
    }
}

#[tokio::test]
async fn an_order_that_was_sold_out_may_try_again() {
    for shop in shops().await {
        shop.stocked("A", 1).await;
        let order = Uuid::now_v7();
        assert_eq!(word(shop.reserve(order, vec![line("A", 2)]).await), "sold out");
        shop.set_stock(staff(), "A".parse().unwrap(), 2, Condition::default()).await.unwrap();
        assert_eq!(word(shop.reserve(order, vec![line("A", 2)]).await), "ok");
    }
}

#[tokio::test]
async fn what_expired_can_be_sold_to_another_and_then_not_be_committed() {
    for shop in shops().await {
        shop.stocked("A", 2).await;
        shop.stocked("B", 2).await;
        let (late, quick) = (Uuid::now_v7(), Uuid::now_v7());
        let lines = vec![line("A", 1), line("B", 2)];
        shop.reserve(late, lines.clone()).await.unwrap();
        shop.let_expire(late).await;
        shop.reserve(quick, vec![line("B", 1)]).await.unwrap();
        let left = vec![Shortage { sku: "B".parse().unwrap(), requested: 2, available: 1 }];
        assert_eq!(shop.commit(late).await, Err(Error::SoldOut { lines: left.clone() }));
        assert_eq!(shop.reserve(late, lines.clone()).await, Err(Error::SoldOut { lines: left }));
        assert_eq!((shop.levels("A").await, shop.levels("B").await), ((2, 0), (2, 1)), "nothing changed");
        shop.release(quick).await.unwrap();
        assert_eq!(word(shop.commit(late).await), "ok");
        assert_eq!((shop.levels("A").await, shop.levels("B").await), ((1, 0), (0, 0)));
    }
}

#[tokio::test]
async fn asking_again_renews_the_expiry_and_other_lines_are_refused() {
    for shop in shops().await {
        shop.stocked("A", 9).await;
        let order = Uuid::now_v7();
        let first = shop.reserve(order, vec![line("A", 1), line("A", 2)]).await.unwrap();
        let second = shop.reserve(order, vec![line("A", 3)]).await.unwrap();
        assert!(second.expires_at >= first.expires_at && second.order_id == order);
        let other = shop.reserve(order, vec![line("A", 4)]).await;
        assert!(matches!(other, Err(Error::Refusal(_))), "{other:?}");
        assert_eq!(shop.levels("A").await, (9, 3));
    }
}

#[tokio::test]
async fn the_sweep_leaves_alone_what_is_not_due() {
    for shop in shops().await {
        shop.stocked("A", 1000).await;
        let orders: Vec<_> = (0..103).map(|_| Uuid::now_v7()).collect();
        for order in &orders {
            shop.reserve(*order, vec![line("A", 2)]).await.unwrap();
        }
        assert!(!expire(&shop).await.unwrap());
        assert_eq!(shop.levels("A").await, (1000, 206));
        let long_ago = shop.context.clock.now() - chrono::TimeDelta::days(1);
        let due = shop.db.query("UPDATE reservations SET expires_at = $1 WHERE order_id <> $2").bind(long_ago);
        due.bind(orders[0]).execute().await.unwrap();
        assert!(expire(&shop).await.unwrap(), "there are more than one sweep takes");
        assert!(!expire(&shop).await.unwrap());
        assert_eq!(shop.levels("A").await, (1000, 2));
    }
}

#[tokio::test]
async fn a_count_is_absolute_and_never_below_what_is_promised() {
    for shop in shops().await {
        let sku = shop.stocked("A", 10).await;
        let order = Uuid::now_v7();
        shop.reserve(order, vec![line("A", 4)]).await.unwrap();
        let count = async |on_hand| shop.set_stock(staff(), sku.clone(), on_hand, Condition::default()).await;
        assert_eq!(count(3).await, Err(Error::BelowReserved { reserved: 4 }));
        for _ in 0..2 {
            let stock = count(6).await.unwrap();
            assert_eq!((stock.on_hand, stock.reserved, stock.available), (6, 4, 2));
        }
        for absurd in [-1, i64::MIN, i64::MAX, 1_000_000_001] {
            assert!(matches!(count(absurd).await, Err(Error::Refusal(_))));
        }
        shop.commit(order).await.unwrap();
        shop.release(order).await.unwrap();
        let ledger = shop.ledger(staff(), sku, kernel::PageQuery::default()).await.unwrap().items;
        let ledger: Vec<_> = ledger.iter().map(|line| (line.delta, line.reason, line.order_id)).collect();
        assert_eq!(
            ledger,
            [
                (4, MovementReason::Return, Some(order)),
                (-4, MovementReason::Sale, Some(order)),
                (-4, MovementReason::Adjustment, None),
                (10, MovementReason::Initial, None),
            ]
        );
        let unknown = "NONE".parse::<Sku>().unwrap();
        let missing = Err(Error::SkuNotFound { sku: unknown.clone() });
        assert_eq!(shop.set_stock(staff(), unknown.clone(), 1, Condition::default()).await, missing);
        assert_eq!(shop.service.stock(staff(), unknown.clone()).await, missing);
        assert!(shop.ledger(staff(), unknown, kernel::PageQuery::default()).await.is_err());
    }
}
