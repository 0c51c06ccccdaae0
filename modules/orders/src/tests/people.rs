//! What customers and staff may see and do.
use kernel::{Caller, Condition, Refusal};
use payments::{PaymentEvent, PaymentStatus};

use super::{
    shop::{customer, staff, tell},
    world::{Mishap, eur},
};
use crate::{Error, NewRefund, NewShipment, OrderQuery, OrderStatus, Orders};

fn parcel() -> NewShipment {
    NewShipment { carrier: "DHL".into(), tracking_number: Some("1Z".into()) }
}

fn some(amount: i64) -> NewRefund {
    NewRefund { amount: Some(eur(amount)), reason: Some("a broken cup".into()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_seen_by_its_owner_and_by_staff() {
    tell(|shop| async move {
        let (ada, eve, bob) = (shop.ada(), customer(), staff());
        let order = shop.place(&ada, "1", "ok").await.unwrap();
        for stranger in [eve.clone(), Caller::Anonymous, Caller::Guest { cart: "0".repeat(64) }] {
            assert_eq!(shop.orders.get(stranger.clone(), order.id).await, Err(Error::OrderNotFound));
            assert_eq!(shop.orders.history(stranger.clone(), order.id).await, Err(Error::OrderNotFound));
            assert_eq!(
                shop.orders.cancel(stranger.clone(), order.id, Condition::default()).await,
                Err(Error::OrderNotFound)
            );
            assert!(
                shop.orders.ship(stranger.clone(), order.id, "1".into(), parcel(), Condition::default()).await.is_err()
            );
            assert!(shop.orders.refund(stranger, order.id, "1".into(), some(1), Condition::default()).await.is_err());
        }
        let listed = |who: Caller, status| {
            let query = OrderQuery { status, ..OrderQuery::default() };
            let orders = shop.orders.clone();
            async move { orders.list(who, query).await.map(|page| page.items.len()) }
        };
        assert_eq!(listed(ada.clone(), None).await, Ok(1));
        assert_eq!(listed(ada.clone(), Some(OrderStatus::Pending)).await, Ok(0));
        assert_eq!(listed(bob.clone(), Some(OrderStatus::Confirmed)).await, Ok(1));
        assert_eq!(listed(eve, None).await, Ok(0));
        assert_eq!(listed(Caller::Anonymous, None).await, Err(Refusal::Unauthenticated.into()));
        let told = serde_json::to_string(&shop.orders.history(ada, order.id).await.unwrap()).unwrap();
        assert!(!["payer", "fingerprint", "method\":\"ok", "user:"].iter().any(|word| told.contains(word)), "{told}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_on_where_its_page_ended() {
    tell(|shop| async move {
        let ada = customer();
        let mut placed = Vec::new();
        for n in 0..5 {
            shop.world.fill(&ada, &[("TEA", 1, 100)]);
            placed.insert(0, shop.place(&ada, &n.to_string(), "ok").await.unwrap().id);
        }
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let query = OrderQuery { limit: Some(2), cursor, ..OrderQuery::default() };
            let page = shop.orders.list(ada.clone(), query).await.unwrap();
            seen.extend(page.items.iter().map(|order| order.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, placed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parcel_is_noted_once_and_then_the_order_cannot_be_cancelled() {
    tell(|shop| async move {
        let (ada, bob) = (shop.ada(), staff());
        let order = shop.place(&ada, "1", "ok").await.unwrap();
        let ship =
            |key: &str, parcel| shop.orders.ship(bob.clone(), order.id, key.into(), parcel, Condition::default());
        let shipped = ship("1", parcel()).await.unwrap();
        assert_eq!((shipped.status, shipped.shipments.len()), (OrderStatus::Shipped, 1));
        assert_eq!(ship("1", parcel()).await.unwrap(), shipped, "the same key is the same parcel");
        let other = NewShipment { carrier: "UPS".into(), tracking_number: None };
        assert_eq!(ship("1", other.clone()).await, Err(Error::KeyReused));
        for (carrier, number) in [("U\nPS", None), ("UPS", Some("1Z\t9")), ("UPS\u{2028}", Some("\u{2029}x\ny"))] {
            let odd = NewShipment { carrier: carrier.into(), tracking_number: number.map(Into::into) };
            let refused = ship("3", odd).await;
            assert!(matches!(refused, Err(Error::Refusal(Refusal::InvalidInput { .. }))), "{refused:?}");
        }
        assert_eq!(ship("2", other).await.unwrap().shipments.len(), 2);
        let wrong = Error::WrongState { state: "shipped".into() };
        assert_eq!(shop.orders.cancel(ada.clone(), order.id, Condition::default()).await, Err(wrong));
        assert_eq!(shop.published().await, ["confirmed", "shipped", "shipped"]);
        let waiting = shop.ada();
        let waiting = shop.place(&waiting, "1", "action_required").await.unwrap();
        let early = shop.orders.ship(bob.clone(), waiting.id, "1".into(), parcel(), Condition::default()).await;
        assert_eq!(early, Err(Error::WrongState { state: "pending".into() }));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_paid_once_and_never_more_than_was_taken() {
    tell(|shop| async move {
        let (ada, bob) = (shop.ada(), staff());
        let order = shop.place(&ada, "1", "ok").await.unwrap();
        let paying: Vec<_> = (0..8)
            .map(|_| {
                let (shop, bob) = (shop.another(), bob.clone());
                let tasks = shop.context.tasks.clone();
                tasks.spawn(async move {
                    shop.orders.refund(bob, order.id, "1".into(), some(990), Condition::default()).await
                })
            })
            .collect();
        for paid in paying {
            let paid = paid.await.unwrap().unwrap();
            let part = (PaymentStatus::PartiallyRefunded, eur(990));
            assert_eq!((paid.payment.status, paid.payment.refunded), part);
        }
        let refund =
            |key: &str, refund| shop.orders.refund(bob.clone(), order.id, key.into(), refund, Condition::default());
        assert_eq!(refund("1", some(1)).await, Err(Error::KeyReused));
        assert_eq!(refund("2", some(2001)).await, Err(Error::RefundTooLarge { left: eur(2000) }));
        assert!(matches!(refund("2", some(-1)).await, Err(Error::Refusal(Refusal::InvalidInput { .. }))));
        let odd = refund("2", NewRefund { amount: None, reason: Some("a\nb".into()) }).await;
        assert!(matches!(odd, Err(Error::Refusal(Refusal::InvalidInput { .. }))), "{odd:?}");
        let rest = refund("2", NewRefund { amount: None, reason: None }).await.unwrap();
        assert_eq!((rest.payment.status, rest.payment.refunded), (PaymentStatus::Refunded, order.totals.total));
        assert_eq!(refund("2", NewRefund { amount: None, reason: None }).await.unwrap(), rest);
        assert!(shop.world.scene(|scene| scene.refunds.keys().all(|key| key.len() <= 100)));
        assert!(matches!(refund(&"k".repeat(256), some(1)).await, Err(Error::Refusal(_))));
        assert_eq!(refund("3", some(1)).await, Err(Error::RefundTooLarge { left: eur(0) }));
        assert_eq!(shop.published().await, ["confirmed", "refunded", "refunded"]);
        let shown = |events: Vec<crate::HistoryEntry>| events[3].data.clone();
        let to_ada = shown(shop.orders.history(ada, order.id).await.unwrap());
        let to_bob = shown(shop.orders.history(bob.clone(), order.id).await.unwrap());
        assert_eq!((to_ada.get("reason"), to_bob["reason"].as_str()), (None, Some("a broken cup")));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_whose_maker_died_is_noted_from_the_news_of_it() {
    tell(|shop| async move {
        let (ada, bob) = (shop.ada(), staff());
        let order = shop.place(&ada, "1", "ok").await.unwrap();
        shop.world.mishap("refund", Mishap::ReplyLost);
        assert!(shop.orders.refund(bob.clone(), order.id, "1".into(), some(500), Condition::default()).await.is_err());
        assert_eq!(shop.only().await.refunded, eur(0));
        let other = shop.orders.refund(bob.clone(), order.id, "1".into(), some(400), Condition::default()).await;
        assert_eq!(other, Err(Error::KeyReused), "what was meant first stays");
        let key = shop.world.scene(|scene| scene.refunds.keys().next().unwrap().clone());
        for _ in 0..2 {
            shop.hear(PaymentEvent::Refunded, order.id, Some((&key, 500))).await;
        }
        let noted = shop.orders.get(ada, order.id).await.unwrap();
        assert_eq!(noted.payment.refunded, eur(500));
        assert_eq!(shop.orders.history(bob.clone(), order.id).await.unwrap()[3].data["reason"], "a broken cup");
        assert_eq!(
            shop.orders.refund(bob, order.id, "1".into(), some(500), Condition::default()).await.unwrap(),
            noted
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_saw_the_same_order_one_changes_it() {
    for asks in [true, false] {
        tell(|shop| async move {
            let (ada, bob) = (shop.ada(), staff());
            let order = shop.place(&ada, "1", "ok").await.unwrap();
            let seen = if asks { Condition::version(order.version) } else { Condition::default() };
            let asking: Vec<_> = (0..8)
                .map(|key: i64| {
                    let (shop, bob, seen) = (shop.another(), bob.clone(), seen.clone());
                    let tasks = shop.context.tasks.clone();
                    tasks.spawn(async move { shop.orders.refund(bob, order.id, key.to_string(), some(10), seen).await })
                })
                .collect();
            let mut ended = Vec::new();
            for asked in asking {
                ended.push(asked.await.unwrap());
            }
            let paid = ended.iter().filter(|ended| ended.is_ok()).count();
            assert_eq!(paid, if asks { 1 } else { 8 }, "without the condition each is paid: {ended:?}");
            let stale = |ended: &&Result<_, _>| matches!(ended, Err(Error::Stale { .. }));
            assert_eq!(ended.iter().filter(stale).count(), 8 - paid);

            let now = shop.orders.get(bob.clone(), order.id).await.unwrap();
            assert_eq!(now.payment.refunded.amount, 10 * i64::try_from(paid).unwrap());
            let (old, new) = (Condition::version(order.version), Condition::version(now.version));
            let stale = Err(Error::Stale { version: now.version });
            assert_eq!(shop.orders.cancel(ada.clone(), order.id, old.clone()).await, stale);
            assert_eq!(shop.orders.ship(bob.clone(), order.id, "p".into(), parcel(), old.clone()).await, stale);
            let shipped = shop.orders.ship(bob.clone(), order.id, "p".into(), parcel(), new.clone()).await.unwrap();
            let again = shop.orders.ship(bob, order.id, "p".into(), parcel(), new).await;
            assert_eq!(again, Ok(shipped), "the same parcel, sent twice");
        })
        .await;
    }
}
