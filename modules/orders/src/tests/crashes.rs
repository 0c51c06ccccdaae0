//! Processes that die, drivers that were presumed dead and are not, and two that decide at the same time.
use kernel::{Condition, Executor, testing::until};
use payments::{PaymentEvent, PaymentStatus};

use super::{
    shop::{Shop, customer, staff, tell},
    world::Mishap,
};
use crate::{
    Error, OrderStatus, Orders,
    checkout::lease::{Effect, Stop},
    order::event::Reason,
    order::store,
    order::{Aggregate, journal::Decision},
};

/// Begins an order whose process dies in the middle of `step`; another process goes on once its lease has run out.
async fn survives(shop: &Shop, step: &'static str, mishap: Mishap, method: &'static str) -> Aggregate {
    let ada = customer();
    shop.world.fill(&ada, &[("TEA", 1, 1000)]);
    shop.world.scene(|scene| scene.effects.clear());
    shop.world.mishap(step, mishap);
    let (dying, key) = (shop.another(), format!("{step} {mishap:?} {method}"));
    let placed = shop.context.tasks.spawn(async move { dying.place_in_a_hurry(&ada, &key, method).await });
    shop.world.hanging().await;
    shop.time_passes().await;
    shop.another().go_on().await;
    let settled = shop.all().await.remove(0);
    let effects = shop.effects();
    // The dead were only asleep; what they do now changes nothing.
    shop.world.go_on();
    placed.await.unwrap().ok();
    shop.go_on().await;
    assert_eq!(shop.all().await[0], settled, "{step} {mishap:?}");
    assert_eq!((shop.effects(), shop.unsettled().await), (effects, 0), "{step} {mishap:?}");
    settled
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_survives_its_process_at_every_step() {
    tell(|shop| async move {
        for step in ["reserve", "authorize", "commit", "capture", "close"] {
            for mishap in [Mishap::HangsBefore, Mishap::HangsAfter] {
                let order = survives(&shop, step, mishap, "ok").await;
                assert_eq!((order.status, order.payment), (OrderStatus::Confirmed, PaymentStatus::Captured));
                let mut effects = shop.effects();
                effects.sort_unstable();
                assert_eq!(effects, ["authorize", "capture", "close", "commit", "reserve"], "each once");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_order_survives_its_process_at_every_step() {
    tell(|shop| async move {
        for step in ["reserve", "authorize", "release"] {
            for mishap in [Mishap::HangsBefore, Mishap::HangsAfter] {
                let order = survives(&shop, step, mishap, "declined").await;
                assert_eq!((order.status, order.payment), (OrderStatus::Cancelled, PaymentStatus::Declined));
                assert_eq!((shop.effects(), shop.in_stock().0), (vec!["reserve", "release"], 100));
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_whose_lease_was_taken_cannot_write() {
    tell(|shop| async move {
        let ada = shop.ada();
        shop.world.mishap("commit", Mishap::HangsBefore);
        let (first, placing) = (shop.another(), ada.clone());
        shop.context.tasks.spawn(async move { first.place(&placing, "1", "ok").await });
        shop.world.hanging().await;
        let (state, leases) = (shop.only().await, &shop.orders.checkout.leases);
        shop.time_passes().await;
        let old = leases.acquire(state.created.id).await.unwrap().unwrap();
        assert!(leases.acquire(state.created.id).await.unwrap().is_none(), "it is being driven");
        shop.time_passes().await;
        leases.acquire(state.created.id).await.unwrap().unwrap();
        let journal = &shop.orders.journal;
        let confirm = |state: &Aggregate| Ok(state.confirm());
        let fenced = journal.decide(state.clone(), Effect::Keep(&old), confirm).await;
        assert_eq!(fenced.unwrap_err(), Stop::Fenced);
        assert_eq!(shop.only().await, state);
        // The control: without the fence nothing would have stopped it.
        let unfenced = journal.decide(state.clone(), (), confirm).await.unwrap();
        assert!(matches!(unfenced, Decision::Recorded(_)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_decide_on_one_version_cannot_both_be_right() {
    tell(|shop| async move {
        let ada = shop.ada();
        shop.place(&ada, "1", "action_required").await.unwrap();
        let state = shop.only().await;
        let (journal, db) = (&shop.orders.journal, &shop.context.db);
        let cancel = state.cancel(Reason::Customer).unwrap().unwrap();
        let mut tx = db.begin().await.unwrap();
        assert!(journal.append(&mut tx, &state, &state.confirm().unwrap()).await.unwrap().is_some());
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        assert!(journal.append(&mut tx, &state, &cancel).await.unwrap().is_none(), "the order has moved on");
        drop(tx);
        // The control: whoever forgets to look at the version is stopped by the history itself.
        let mut tx = db.begin().await.unwrap();
        let moved = tx.query("UPDATE orders SET status = 'cancelling' WHERE id = $1").bind(state.created.id);
        assert_eq!(moved.execute().await.unwrap(), 1);
        let at = shop.context.clock.now();
        assert!(store::append(&mut tx, state.created.id, state.version + 1, &cancel, at).await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_overtakes_the_checkout_at_every_step() {
    tell(|shop| async move {
        for step in ["reserve", "authorize", "commit", "capture", "close"] {
            for mishap in [Mishap::HangsBefore, Mishap::HangsAfter] {
                let ada = customer();
                shop.world.fill(&ada, &[("TEA", 1, 1000)]);
                shop.world.mishap(step, mishap);
                let (placing, who, key) = (shop.another(), ada.clone(), format!("{step} {mishap:?}"));
                let placed = shop.context.tasks.spawn(async move { placing.place(&who, &key, "ok").await });
                shop.world.hanging().await;
                let id = shop.all().await[0].created.id;
                let cancelled = shop.orders.cancel(ada, id, Condition::default()).await.unwrap();
                assert_eq!(cancelled.status, OrderStatus::Cancelled, "{step} {mishap:?}");
                // What was under way arrives late, and finds that it is over.
                shop.world.go_on();
                assert_eq!(placed.await.unwrap(), Ok(cancelled), "{step} {mishap:?}");
                assert_eq!((shop.in_stock().0, shop.unsettled().await), (100, 0), "{step} {mishap:?}");
                let payment = shop.world.scene(|scene| scene.payments[&id.0].status);
                assert!(matches!(payment, PaymentStatus::Voided | PaymentStatus::Refunded), "{step} {mishap:?}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_that_races_the_checkout_always_ends_in_balance() {
    tell(|shop| async move {
        for round in 0..30 {
            let ada = customer();
            shop.world.fill(&ada, &[("TEA", 1, 1000)]);
            let (placing, who) = (shop.another(), ada.clone());
            let placed = shop.context.tasks.spawn(async move { placing.place(&who, &format!("{round}"), "ok").await });
            let id = loop {
                let all = shop.all().await;
                if all.len() > round {
                    break all[0].created.id;
                }
            };
            for _ in 0..round * 3 {
                tokio::task::yield_now().await;
            }
            let cancelled = shop.orders.cancel(ada.clone(), id, Condition::default()).await.unwrap();
            assert_eq!(cancelled.status, OrderStatus::Cancelled);
            placed.await.unwrap().unwrap();
            assert_eq!(
                shop.orders.cancel(ada, id, Condition::default()).await.unwrap(),
                cancelled,
                "once more changes nothing"
            );
            assert_eq!((shop.in_stock().0, shop.unsettled().await), (100, 0));
            let payment = shop.world.scene(|scene| scene.payments[&id.0].status);
            assert!(matches!(payment, PaymentStatus::Voided | PaymentStatus::Refunded), "{payment:?}");
            assert_eq!(shop.kinds(id).await.last(), Some(&"OrderCancelled"));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_fails_too_often_waits_for_a_person() {
    tell(|shop| async move {
        let ada = shop.ada();
        let order = shop.place_in_a_hurry(&ada, "1", "slow").await.unwrap();
        for _ in 0..40 {
            shop.time_passes().await;
            shop.go_on().await;
        }
        let sql = "SELECT attempts, needs_operator, last_error FROM sagas";
        let (attempts, needs, error): (i64, bool, String) = shop.context.db.query(sql).fetch_one().await.unwrap();
        assert_eq!((attempts, needs, &*error), (30, true, "the payment's outcome is not known yet"));
        assert_eq!(shop.place(&ada, "1", "slow").await.unwrap().status, OrderStatus::Pending, "answered at once");
        // News of it, or a person, and it goes on.
        shop.world.resolve(order.id.0, PaymentStatus::Authorized);
        shop.hear(PaymentEvent::Authorized, order.id, None).await;
        shop.go_on().await;
        assert_eq!(shop.only().await.status, OrderStatus::Confirmed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_goes_on_until_money_and_stock_are_back() {
    tell(|shop| async move {
        let ada = shop.ada();
        let order = shop.place(&ada, "1", "ok").await.unwrap();
        for _ in 0..3 {
            shop.world.mishap("cancel", Mishap::Lost);
            shop.world.mishap("release", Mishap::ReplyLost);
        }
        let cancelled = shop.orders.cancel(staff(), order.id, Condition::default()).await.unwrap();
        assert_eq!((cancelled.status, cancelled.payment.status), (OrderStatus::Cancelled, PaymentStatus::Refunded));
        assert_eq!(cancelled.cancellation.as_ref().unwrap().reason, "staff");
        assert_eq!(cancelled.payment.refunded, order.totals.total);
        assert_eq!((shop.in_stock(), shop.effects().len()), ((100, 3), 7));
        assert_eq!(shop.published().await, ["confirmed", "cancelled"]);
        let again = shop.place(&ada, "1", "ok").await;
        assert_eq!(again, Ok(cancelled), "the same key is still the same order");
        assert_eq!(shop.place(&ada, "2", "ok").await, Err(Error::CartEmpty));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reconciler_goes_on_by_itself() {
    tell(|shop| async move {
        let ada = shop.ada();
        shop.world.mishap("commit", Mishap::HangsBefore);
        let (dying, who) = (shop.another(), ada.clone());
        shop.context.tasks.spawn(async move { dying.place_in_a_hurry(&who, "1", "ok").await });
        shop.world.hanging().await;
        shop.time_passes().await;
        let world = shop.world.clone();
        let deps = (world.clone() as _, world.clone() as _, world.clone() as _, world as _);
        let orders = <crate::Module as kernel::Module>::start(shop.context.clone(), deps).await.unwrap();
        let id = shop.only().await.created.id;
        let payment = async || orders.get(ada.clone(), id).await.unwrap().payment.status;
        until("it is paid", async || payment().await == PaymentStatus::Captured).await;
        shop.world.go_on();
        assert!(shop.context.tasks.shutdown(std::time::Duration::from_secs(20)).await, "everything ends");
    })
    .await;
}
