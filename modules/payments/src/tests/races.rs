//! Many at once. Each race has a control: the same without the guard, which loses.
use super::*;
use crate::payment::{
    Answer, ChargeState, Command,
    store::{self, refunds},
};

/// Runs `work` sixteen times at once.
async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    shop: &Shop,
    work: impl Fn(Arc<Service>, usize) -> F,
) -> Vec<T> {
    let running: Vec<_> =
        (0..16).map(|number| shop.context.tasks.spawn(work(Arc::clone(&shop.payments), number))).collect();
    let mut outcomes = Vec::new();
    for one in running {
        outcomes.push(one.await.unwrap());
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_callers_charge_capture_and_refund_once() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        let wish = shop.wish(order, 1000, "ok");
        let authorize = |payments: Arc<Service>, _| {
            let wish = wish.clone();
            async move { payments.authorize(wish).await.unwrap().status.to_string() }
        };
        assert_eq!(at_once(&shop, authorize).await, vec!["authorized"; 16]);
        let capture =
            |payments: Arc<Service>, _| async move { payments.capture(order).await.unwrap().status.to_string() };
        assert_eq!(at_once(&shop, capture).await, vec!["captured"; 16]);
        let amount = shop.money(400);
        let refund = |payments: Arc<Service>, _| async move {
            payments.refund(order, "r".into(), amount).await.unwrap().refunded
        };
        assert_eq!(at_once(&shop, refund).await, vec![amount; 16]);
        assert_eq!(shop.charges(order).await, 1);
        assert_eq!((shop.done(order, "capture").await.0, shop.done(order, "refund").await), (1, (1, 400)));
        assert_eq!(shop.told(order).await, "authorized captured partially_refunded");
    }
}

/// The control: where the provider does not see the same key, each caller charges.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_sixteen_callers_charge_more_than_once() {
    for shop in shops().await {
        shop.line.keyless.store(1, Ordering::SeqCst);
        let order = Uuid::now_v7();
        let wish = shop.wish(order, 1000, "slow");
        at_once(&shop, |payments, _| {
            let wish = wish.clone();
            async move { payments.authorize(wish).await.unwrap() }
        })
        .await;
        assert!(shop.charges(order).await > 1, "the line has lost its guard, and the test does not see it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_at_once_never_exceed_what_was_taken() {
    for shop in shops().await {
        let order = shop.paid().await;
        let (amount, left) = (shop.money(300), shop.money(100));
        let refund = |payments: Arc<Service>, number| async move {
            payments.refund(order, format!("r{number}"), amount).await.map(drop)
        };
        let outcomes = at_once(&shop, refund).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
        assert!(outcomes.into_iter().filter_map(Result::err).all(|error| error == Error::RefundTooLarge { left }));
        assert_eq!(shop.done(order, "refund").await, (3, 900));
    }
}

/// The control: to read what is left and then to write what was read promises the same money twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_promise_that_is_read_and_then_written_is_given_twice() {
    for shop in shops().await {
        let order = shop.paid().await;
        let barrier = Arc::new(tokio::sync::Barrier::new(16));
        let promises = at_once(&shop, |payments, _| {
            let barrier = Arc::clone(&barrier);
            async move {
                let db = &payments.journal.db;
                let payment = store::find(db, order).await.unwrap().unwrap();
                barrier.wait().await;
                let granted = payment.left() >= 300;
                if granted {
                    db.query("UPDATE payments SET refunding = $2 WHERE order_id = $1")
                        .bind(order)
                        .bind(payment.refunding + 300)
                        .execute()
                        .await
                        .unwrap();
                }
                granted
            }
        })
        .await;
        assert!(promises.into_iter().filter(|granted| *granted).count() > 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guarded_promise_holds_without_any_lock() {
    for shop in shops().await {
        let order = shop.paid().await;
        let promises = at_once(&shop, |payments, _| async move {
            let mut tx = payments.journal.db.begin().await.unwrap();
            let granted = refunds::promise(&mut tx, order, 300).await.unwrap();
            tx.commit().await.unwrap();
            granted
        })
        .await;
        assert_eq!(promises.into_iter().filter(|granted| *granted).count(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_delivered_at_once_has_one_effect() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        shop.authorize(order, "action_required").await.unwrap();
        let told = Arc::new(shop.line.act(&shop.reference(order).await, true).await.unwrap());
        at_once(&shop, |payments, _| {
            let told = Arc::clone(&told);
            async move { payments.webhook("test".into(), told.signature.clone(), told.body.clone()).await.unwrap() }
        })
        .await;
        assert_eq!(shop.told(order).await, "action_required authorized");
    }
}

/// The control: without the note and the guard, each delivery that looks finds that it is the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_only_looks_first_has_many_effects() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        shop.authorize(order, "action_required").await.unwrap();
        shop.line.act(&shop.reference(order).await, true).await.unwrap();
        let barrier = Arc::new(tokio::sync::Barrier::new(16));
        at_once(&shop, |payments, _| {
            let barrier = Arc::clone(&barrier);
            async move {
                let mut payment = store::find(&payments.journal.db, order).await.unwrap().unwrap();
                barrier.wait().await;
                let charge = Charge { reference: "x".into(), state: ChargeState::Authorized };
                payment.apply(&Answer::Charge(charge)).unwrap();
                let mut tx = payments.journal.db.begin().await.unwrap();
                store::save(&mut tx, &payment).await.unwrap();
                payments.journal.publish(&mut tx, &payment, None).await.unwrap();
                tx.commit().await.unwrap();
            }
        })
        .await;
        assert!(shop.events(order).await.len() > 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_answers_about_a_payment_as_it_was_one_is_news() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        shop.authorize(order, "action_required").await.unwrap();
        let barrier = Arc::new(tokio::sync::Barrier::new(16));
        let said = at_once(&shop, |payments, number| {
            let barrier = Arc::clone(&barrier);
            async move {
                let (journal, captured) = (&payments.journal, number % 2 == 0);
                let seen = store::find(&journal.db, order).await.unwrap().unwrap();
                let state = if captured { ChargeState::Captured } else { ChargeState::Authorized };
                let answer = Answer::Charge(Charge { reference: "x".into(), state });
                barrier.wait().await;
                let attempt = journal.attempt(&seen, Command::Capture);
                let heard = journal.record(&seen, &attempt, &answer).await.unwrap().status;
                (captured, heard)
            }
        })
        .await;
        assert!(said.iter().all(|(captured, heard)| !captured || heard.taken()), "{said:?}");
        let told = shop.told(order).await;
        assert!(["action_required authorized captured", "action_required captured"].contains(&&*told), "{told}");
        let attempts = "SELECT COUNT(*) FROM attempts WHERE order_id = $1 AND what = 'capture'";
        assert_eq!(shop.context.db.query(attempts).bind(order).fetch_one::<(i64,)>().await.unwrap().0, 16);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_and_a_cancel_at_once_leave_no_money_behind() {
    for shop in shops().await {
        for _ in 0..4 {
            let order = Uuid::now_v7();
            shop.authorize(order, "ok").await.unwrap();
            at_once(&shop, |payments, number| async move {
                if number % 2 == 0 {
                    payments.capture(order).await.ok();
                } else {
                    payments.void(order).await.unwrap();
                }
            })
            .await;
            shop.reconcile_in(1).await;
            let status = shop.status(order).await;
            let (captured, _) = shop.done(order, "capture").await;
            let (_, refunded) = shop.done(order, "refund").await;
            assert_eq!((&*status, refunded), if captured == 1 { ("refunded", 1000) } else { ("voided", 0) });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authorisations_and_cancels_at_once_end_void() {
    for shop in shops().await {
        for _ in 0..4 {
            let order = Uuid::now_v7();
            let wish = shop.wish(order, 1000, "ok");
            at_once(&shop, |payments, number| {
                let wish = wish.clone();
                async move {
                    if number % 2 == 0 {
                        payments.authorize(wish).await.ok();
                    } else {
                        payments.void(order).await.unwrap();
                    }
                }
            })
            .await;
            shop.reconcile_in(1).await;
            assert_eq!(shop.status(order).await, "voided");
            assert!(shop.charges(order).await == 0 || shop.held(order).await == "voided");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_reconcilers_share_the_work() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        shop.line.lose_answers(1);
        shop.authorize(order, "ok").await.unwrap();
        let now = shop.payments.journal.database_time().await.unwrap() + TimeDelta::minutes(1);
        let asked = shop.line.asked();
        at_once(&shop, |payments, _| {
            let tasks = shop.context.tasks.clone();
            async move { reconcile(&payments, &tasks, now).await }
        })
        .await;
        assert_eq!((shop.line.asked() - asked, &*shop.told(order).await), (1, "authorized"));
    }
}
