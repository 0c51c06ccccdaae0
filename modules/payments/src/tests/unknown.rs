//! Answers that never come, and processes that end between a question and its answer.
use super::*;
use crate::{
    operations,
    payment::{Aggregate, Answer, ChargeState, Command, store},
};

/// What a process leaves that ends right after it has committed a payment.
async fn crash_before_asking(shop: &Shop, order_id: Uuid) {
    let due = shop.payments.journal.database_time().await.unwrap();
    let mut payment = Aggregate::new(&shop.wish(order_id, 1000, "ok"), shop.context.clock.now());
    payment.ask(Command::Authorize, due, TimeDelta::seconds(5));
    assert!(store::insert(&shop.context.db, &payment).await.unwrap());
}

/// What a process leaves that ends after the provider has charged.
async fn crash_after_asking(shop: &Shop, order_id: Uuid) {
    shop.line.lose_answers(1);
    assert_eq!(shop.authorize(order_id, "ok").await.unwrap().status.word(), "pending");
}

#[tokio::test]
async fn a_lost_reply_is_pending_until_somebody_asks_again() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        assert_eq!(shop.authorize(order, "lost_reply").await.unwrap().status.word(), "pending");
        assert_eq!(shop.payments.capture(order).await, Err(Error::WrongState { state: "pending".into() }));
        assert_eq!(shop.authorize(order, "lost_reply").await.unwrap().status.word(), "authorized");
        assert_eq!((shop.charges(order).await, &*shop.told(order).await), (1, "authorized"));
        let attempts: Vec<(String, Option<String>)> = shop
            .context
            .db
            .query("SELECT what, outcome FROM attempts WHERE order_id = $1 ORDER BY id")
            .bind(order)
            .fetch_all()
            .await
            .unwrap();
        let attempts: Vec<_> = attempts.iter().map(|(what, outcome)| (&**what, outcome.as_deref().unwrap())).collect();
        assert_eq!(attempts, [("authorize", "unknown"), ("authorize", "authorized")]);
    }
}

#[tokio::test]
async fn a_provider_that_takes_too_long_is_asked_again() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        let call = kernel::Call::fresh(Duration::from_millis(200));
        assert_eq!(call.scope(shop.authorize(order, "slow")).await.unwrap().status.word(), "pending");
        assert_eq!(shop.authorize(order, "slow").await.unwrap().status.word(), "authorized");
        assert_eq!(shop.charges(order).await, 1);
    }
}

#[tokio::test]
async fn the_reconciler_finds_what_a_crash_left_behind() {
    for shop in shops().await {
        let (charged, never_asked) = (Uuid::now_v7(), Uuid::now_v7());
        crash_after_asking(&shop, charged).await;
        crash_before_asking(&shop, never_asked).await;
        shop.reconcile_in(0).await;
        assert_eq!(shop.status(charged).await, "pending", "not before its time");
        shop.reconcile_in(1).await;
        assert_eq!((&*shop.status(charged).await, &*shop.told(charged).await), ("authorized", "authorized"));
        assert_eq!((&*shop.status(never_asked).await, shop.charges(never_asked).await), ("pending", 0));
        assert_eq!(shop.authorize(never_asked, "ok").await.unwrap().status.word(), "authorized");
        let asked = shop.line.asked();
        shop.reconcile_in(60).await;
        assert_eq!(shop.line.asked(), asked, "nothing is unknown any more");
    }
}

#[tokio::test]
async fn a_cancel_waits_until_it_is_known_what_there_is_to_cancel() {
    for shop in shops().await {
        let (charged, never_asked, unclear) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        crash_after_asking(&shop, charged).await;
        assert_eq!(shop.payments.void(charged).await.unwrap().status.word(), "voided");
        assert_eq!((&*shop.held(charged).await, &*shop.told(charged).await), ("voided", "voided"));
        crash_before_asking(&shop, never_asked).await;
        assert_eq!(shop.payments.void(never_asked).await.unwrap().status.word(), "voided");
        assert_eq!(shop.authorize(never_asked, "ok").await, Err(Error::Cancelled));

        crash_after_asking(&shop, unclear).await;
        shop.line.cut(1);
        assert!(matches!(shop.payments.void(unclear).await, Err(Error::Fault(_))), "it is not known yet");
        assert_eq!((&*shop.status(unclear).await, &*shop.held(unclear).await), ("pending", "authorized"));
        assert_eq!(shop.authorize(unclear, "ok").await, Err(Error::Cancelled), "but it was decided");
        shop.reconcile_in(1).await;
        assert_eq!((&*shop.status(unclear).await, &*shop.held(unclear).await), ("voided", "voided"));
        assert_eq!(shop.told(unclear).await, "voided");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_overtakes_a_charge_wins() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        let (payments, wish) = (Arc::clone(&shop.payments), shop.wish(order, 1000, "slow"));
        let charging = shop.context.tasks.spawn(async move { payments.authorize(wish).await });
        until("it is known", async || shop.payments.get(Caller::System, order).await.is_ok()).await;
        assert_eq!(shop.payments.void(order).await.unwrap().status.word(), "voided");
        assert_eq!(shop.charges(order).await, 0, "the charge comes after the cancel");
        assert_eq!(charging.await.unwrap(), Err(Error::Cancelled));
        assert_eq!((&*shop.held(order).await, shop.done(order, "void").await.0), ("voided", 1));
        assert_eq!(shop.told(order).await, "voided");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_that_comes_after_the_cancel_and_a_crash_is_let_go() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        let call = kernel::Call::fresh(Duration::from_millis(200));
        call.scope(shop.authorize(order, "slow")).await.unwrap();
        assert_eq!(shop.payments.void(order).await.unwrap().status.word(), "voided");
        until("it is charged", async || shop.charges(order).await == 1).await;
        assert_eq!(shop.held(order).await, "authorized", "nobody waited for this answer");
        shop.reconcile_in(1).await;
        assert_eq!((&*shop.held(order).await, &*shop.told(order).await), ("voided", "voided"));
    }
}

#[tokio::test]
async fn a_void_whose_answer_was_lost_is_asked_for_again() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        shop.authorize(order, "ok").await.unwrap();
        shop.line.lose_answers(1);
        assert!(matches!(shop.payments.void(order).await, Err(Error::Fault(_))));
        assert_eq!(shop.payments.capture(order).await, Err(Error::Cancelled));
        shop.reconcile_in(1).await;
        assert_eq!((&*shop.status(order).await, shop.done(order, "void").await.0), ("voided", 1));
    }
}

#[tokio::test]
async fn a_capture_whose_answer_was_lost_is_found_or_asked_for_again() {
    for shop in shops().await {
        let (found, asked, never) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        for order in [found, asked, never] {
            shop.authorize(order, "ok").await.unwrap();
            if order == never {
                shop.line.cut(1);
            } else {
                shop.line.lose_answers(1);
            }
            assert!(matches!(shop.payments.capture(order).await, Err(Error::Fault(_))));
        }
        assert_eq!(shop.payments.capture(asked).await.unwrap().status.word(), "captured");
        shop.reconcile_in(1).await;
        assert_eq!((&*shop.status(found).await, &*shop.told(found).await), ("captured", "authorized captured"));
        assert_eq!(shop.held(never).await, "authorized", "the reconciler takes nothing on its own");
        for order in [found, asked, never] {
            assert_eq!(shop.payments.capture(order).await.unwrap().status.word(), "captured");
            assert_eq!(shop.done(order, "capture").await.0, 1);
        }
    }
}

#[tokio::test]
async fn a_capture_that_beat_the_cancel_is_paid_back() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        shop.authorize(order, "ok").await.unwrap();
        shop.line.lose_answers(1);
        assert!(matches!(shop.payments.capture(order).await, Err(Error::Fault(_))));
        assert_eq!(shop.payments.void(order).await.unwrap().status.word(), "refunded");
        assert_eq!(shop.told(order).await, "authorized captured refunded");
        assert_eq!(shop.done(order, "refund").await, (1, 1000));
    }
}

#[tokio::test]
async fn a_capture_whose_answer_comes_after_all_was_paid_back_leaves_no_question() {
    for shop in shops().await {
        let order = shop.paid().await;
        let journal = &shop.payments.journal;
        let paid = store::find(&journal.db, order).await.unwrap().unwrap();
        let asked = Aggregate { status: crate::PaymentStatus::Authorized, open: Some(Command::Capture), ..paid };
        assert_eq!(shop.payments.void(order).await.unwrap().status.word(), "refunded");
        let charge = Charge { reference: "late".into(), state: ChargeState::Captured };
        let attempt = journal.attempt(&asked, Command::Capture);
        let late = journal.record(&asked, &attempt, &Answer::Charge(charge)).await.unwrap();
        operations::compensate(journal, &shop.payments.providers, &late).await;
        let (asked, sql) = (shop.line.asked(), "SELECT COUNT(*) FROM payments WHERE open IS NOT NULL");
        assert_eq!(shop.context.db.query(sql).fetch_one::<(i64,)>().await.unwrap().0, 0, "nothing is left to ask");
        shop.reconcile_in(60).await;
        assert_eq!((shop.line.asked(), shop.done(order, "refund").await), (asked, (1, 1000)));
    }
}

#[tokio::test]
async fn a_refund_whose_outcome_is_unknown_keeps_its_promise() {
    for shop in shops().await {
        let order = shop.paid().await;
        shop.line.lose_answers(1);
        assert!(matches!(shop.refund(order, "lost", 400).await, Err(Error::Fault(_))));
        shop.line.cut(1);
        assert!(matches!(shop.refund(order, "cut", 400).await, Err(Error::Fault(_))));
        assert_eq!(shop.refund(order, "more", 201).await, Err(Error::RefundTooLarge { left: shop.money(200) }));
        shop.refund(order, "lost", 400).await.unwrap();
        shop.reconcile_in(1).await;
        assert_eq!(shop.done(order, "refund").await, (2, 800));
        let payment = shop.payments.get(Caller::System, order).await.unwrap();
        assert_eq!((payment.status.word(), payment.refunded), ("partially_refunded", shop.money(800)));
    }
}

#[tokio::test]
async fn a_cancel_also_ends_the_refunds_that_are_open() {
    for shop in shops().await {
        let order = shop.paid().await;
        shop.line.lose_answers(1);
        assert!(matches!(shop.refund(order, "lost", 400).await, Err(Error::Fault(_))));
        assert_eq!(shop.payments.void(order).await.unwrap().status.word(), "refunded");
        assert_eq!(shop.done(order, "refund").await, (2, 1000));
    }
}

#[tokio::test]
async fn a_refund_that_is_declined_takes_its_promise_back() {
    for shop in shops().await {
        let order = shop.paid().await;
        // The provider's own books say that most was paid back behind the shop's back.
        let sql = "UPDATE test_charges SET refunded = 900 WHERE order_id = $1";
        shop.context.db.query(sql).bind(order).execute().await.unwrap();
        let declined = Err(Error::Declined { reason: "refund_too_large".into() });
        assert_eq!(shop.refund(order, "r1", 500).await, declined);
        assert_eq!(shop.refund(order, "r1", 500).await, declined, "under this key for good");
        assert_eq!(
            shop.refund(order, "r2", 100).await.unwrap().refunded,
            shop.money(100),
            "nothing is promised any more"
        );
    }
}

#[tokio::test]
async fn a_lost_webhook_is_looked_up() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        shop.authorize(order, "action_required").await.unwrap();
        let told = shop.line.act(&shop.reference(order).await, true).await.unwrap();
        shop.reconcile_in(1).await;
        assert_eq!(shop.status(order).await, "authorized");
        shop.webhook(&told).await.unwrap();
        assert_eq!(shop.told(order).await, "action_required authorized", "late, it is no news");
    }
}
