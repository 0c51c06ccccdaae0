//! What customers and staff do, one at a time.
use kernel::{Mode, Refusal, StartError};

use super::*;
use crate::payment::store;

fn pointer(outcome: Result<impl std::fmt::Debug, Error>) -> String {
    match outcome {
        Err(Error::Refusal(Refusal::InvalidInput { errors })) => errors[0].pointer.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_amount_is_held_taken_and_paid_back() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        let payment = shop.authorize(order, "ok").await.unwrap();
        assert_eq!((payment.status.word(), payment.amount), ("authorized", shop.money(1000)));
        assert_eq!(shop.authorize(order, "ok").await.unwrap(), payment, "asked again, it is the same");
        let payment = shop.payments.capture(order).await.unwrap();
        assert_eq!(payment.status.word(), "captured");
        assert_eq!(shop.payments.capture(order).await.unwrap(), payment);
        let payment = shop.refund(order, "r1", 300).await.unwrap();
        assert_eq!((payment.status.word(), payment.refunded), ("partially_refunded", shop.money(300)));
        assert_eq!(shop.refund(order, "r1", 300).await.unwrap(), payment, "one key, one refund");
        assert_eq!(shop.refund(order, "r1", 200).await, Err(Error::KeyReused));
        assert_eq!(
            shop.refund(order, "r2", 701).await,
            Err(Error::RefundTooLarge { left: shop.money(700) }),
            "no more than is left"
        );
        let payment = shop.refund(order, "r2", 700).await.unwrap();
        assert_eq!(payment.status.word(), "refunded");
        assert_eq!(shop.refund(order, "r3", 1).await, Err(Error::RefundTooLarge { left: shop.money(0) }));
        assert_eq!(shop.told(order).await, "authorized captured partially_refunded refunded");
        let events = shop.events(order).await;
        let note = events[3].refund.as_ref().unwrap();
        assert_eq!((&*note.key, note.amount), ("r2", shop.money(700)));
        assert_eq!((shop.charges(order).await, shop.done(order, "refund").await), (1, (2, 1000)));
    }
}

#[tokio::test]
async fn a_declined_payment_stays_declined() {
    for shop in shops().await {
        for (method, reason) in [("declined", "card_declined"), ("insufficient_funds", "insufficient_funds")] {
            let order = Uuid::now_v7();
            for _ in 0..2 {
                let declined = shop.authorize(order, method).await;
                assert_eq!(declined, Err(Error::Declined { reason: reason.into() }));
            }
            let refused = shop.payments.capture(order).await;
            assert_eq!(refused, Err(Error::WrongState { state: "declined".into() }));
            assert_eq!(shop.payments.void(order).await.unwrap().status.word(), "declined");
            assert_eq!(shop.told(order).await, "declined");
        }
    }
}

#[tokio::test]
async fn an_order_has_one_payment() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        shop.authorize(order, "ok").await.unwrap();
        assert_eq!(pointer(shop.payments.authorize(shop.wish(order, 999, "ok")).await), "/amount");
        assert_eq!(pointer(shop.authorize(order, "slow").await), "/payment/method");
        assert_eq!(shop.charges(order).await, 1);
    }
}

#[tokio::test]
async fn a_customer_approves_or_declines_at_the_bank() {
    for shop in shops().await {
        let (yes, no) = (Uuid::now_v7(), Uuid::now_v7());
        for order in [yes, no] {
            let payment = shop.authorize(order, "action_required").await.unwrap();
            let reference = shop.reference(order).await;
            assert_eq!(payment.action.unwrap().url, format!("/v1/payments/test/{reference}"));
        }
        let act = |reference: String, approve| shop.payments.act("test".into(), reference, approve);
        let (reference, other) = (shop.reference(yes).await, shop.reference(no).await);
        act(reference.clone(), true).await.unwrap();
        act(reference.clone(), true).await.unwrap();
        assert_eq!(act(reference, false).await, Err(Error::WrongState { state: "authorized".into() }));
        act(other.clone(), false).await.unwrap();
        assert_eq!(act(other, true).await, Err(Error::WrongState { state: "declined".into() }));
        assert_eq!(shop.told(yes).await, "action_required authorized");
        assert_eq!(shop.authorize(yes, "action_required").await.unwrap().action, None);
        assert_eq!(
            shop.authorize(no, "action_required").await,
            Err(Error::Declined { reason: "customer_declined".into() })
        );
        for nobody in ["test_nobody", "", "a\0b", &"x".repeat(100_000)] {
            assert_eq!(act(nobody.into(), true).await, Err(Error::PaymentNotFound));
        }
        assert_eq!(shop.payments.act("stripe".into(), "x".into(), true).await, Err(Error::PaymentNotFound));
    }
}

#[tokio::test]
async fn a_cancel_gives_back_whatever_there_is() {
    for shop in shops().await {
        let held = Uuid::now_v7();
        shop.authorize(held, "ok").await.unwrap();
        let acting = Uuid::now_v7();
        shop.authorize(acting, "action_required").await.unwrap();
        for order in [held, acting] {
            assert_eq!(shop.payments.void(order).await.unwrap().status.word(), "voided");
            assert_eq!(shop.payments.void(order).await.unwrap().status.word(), "voided", "again");
            assert_eq!((shop.held(order).await, shop.done(order, "void").await.0), ("voided".into(), 1));
            assert_eq!(shop.payments.capture(order).await, Err(Error::WrongState { state: "voided".into() }));
            let refused = shop.refund(order, "r", 1).await;
            assert_eq!(refused, Err(Error::WrongState { state: "voided".into() }));
        }
        assert_eq!(shop.authorize(held, "ok").await, Err(Error::Cancelled));
        assert_eq!(shop.told(held).await, "authorized voided");

        let paid = shop.paid().await;
        shop.refund(paid, "goodwill", 250).await.unwrap();
        for _ in 0..2 {
            let payment = shop.payments.void(paid).await.unwrap();
            assert_eq!((payment.status.word(), payment.refunded), ("refunded", shop.money(1000)));
        }
        assert_eq!(shop.done(paid, "refund").await, (2, 1000));
        assert_eq!(shop.events(paid).await.last().unwrap().refund.as_ref().unwrap().key, "cancel-1");
    }
}

#[tokio::test]
async fn a_payment_that_was_cancelled_before_it_began_never_begins() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        let payment = shop.payments.void(order).await.unwrap();
        assert_eq!((payment.status.word(), payment.amount), ("voided", shop.money(0)));
        assert_eq!(shop.authorize(order, "ok").await, Err(Error::Cancelled));
        assert_eq!((shop.charges(order).await, shop.line.asked()), (0, 0), "the provider never heard of it");
        assert_eq!(shop.told(order).await, "voided");
    }
}

#[tokio::test]
async fn an_order_that_costs_nothing_can_be_paid_and_cancelled() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        shop.payments.authorize(shop.wish(order, 0, "ok")).await.unwrap();
        shop.payments.capture(order).await.unwrap();
        assert_eq!(shop.payments.void(order).await.unwrap().status.word(), "refunded");
        assert_eq!(shop.told(order).await, "authorized captured refunded");
    }
}

#[tokio::test]
async fn the_payer_and_staff_see_a_payment_and_nobody_else() {
    for shop in shops().await {
        let (hers, guests) = (Uuid::now_v7(), Uuid::now_v7());
        shop.authorize(hers, "ok").await.unwrap();
        let guest = |cart: &str| Caller::Guest { cart: cart.into() };
        let wish = Authorization { payer: guest("abc"), ..shop.wish(guests, 5, "ok") };
        shop.payments.authorize(wish).await.unwrap();
        let user = |id, role| Caller::User { id: Uuid::from_u128(id), role, session: Uuid::nil() };
        let sees = async |who: &Caller, order| shop.payments.get(who.clone(), order).await.is_ok();
        for who in [ada(), user(9, Role::Staff), user(9, Role::Admin), Caller::System] {
            assert!(sees(&who, hers).await, "{who:?}");
        }
        for who in [user(2, Role::Customer), guest("abc"), guest(""), Caller::Anonymous] {
            assert_eq!(shop.payments.get(who, hers).await, Err(Error::PaymentNotFound));
        }
        assert!(sees(&guest("abc"), guests).await && !sees(&guest("abd"), guests).await);
        assert!(!sees(&ada(), guests).await);
        assert_eq!(shop.payments.get(Caller::System, Uuid::nil()).await, Err(Error::PaymentNotFound));
    }
}

#[tokio::test]
async fn a_webhook_needs_a_signature_a_known_provider_and_sense() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        shop.authorize(order, "action_required").await.unwrap();
        let mut told = shop.line.act(&shop.reference(order).await, true).await.unwrap();
        let send =
            |name: &str, signature: &str, body: &str| shop.payments.webhook(name.into(), signature.into(), body.into());
        assert_eq!(send("test", "", &told.body).await, Err(Error::BadSignature));
        assert_eq!(send("test", "t=1,v1=00", &told.body).await, Err(Error::BadSignature));
        let forged = told.body.replace("authorized", "captured");
        assert_eq!(send("test", &told.signature, &forged).await, Err(Error::BadSignature));
        assert_eq!(pointer(send("stripe", &told.signature, &told.body).await), ":provider");
        assert_eq!(shop.told(order).await, "action_required");
        let signed = |body: &str| {
            let now = shop.context.clock.now();
            (crate::provider::sign(&shop.line.provider.secret, body, now), body.to_owned())
        };
        for nonsense in ["", "{}", "[]", "null", "{\"id\":7}"] {
            let (signature, body) = signed(nonsense);
            assert_eq!(pointer(send("test", &signature, &body).await), "");
        }
        let (signature, body) = signed(&told.body.replace("evt_", "\\u0000evt_"));
        assert_eq!(pointer(send("test", &signature, &body).await), "/id");
        let stranger = told.body.replace(&order.to_string(), &Uuid::now_v7().to_string()).replace("evt_", "evt2_");
        let (signature, body) = signed(&stranger);
        send("test", &signature, &body).await.unwrap();
        shop.webhook(&told).await.unwrap();
        told.signature = "t=1,v1=00".into();
        assert_eq!(shop.webhook(&told).await, Err(Error::BadSignature), "even of what was told before");
        assert_eq!(shop.told(order).await, "action_required authorized");
    }
}

#[tokio::test]
async fn a_webhook_is_forgotten_once_no_provider_sends_it_again_and_would_be_no_news() {
    for shop in shops().await {
        let order = Uuid::now_v7();
        shop.authorize(order, "action_required").await.unwrap();
        let told = shop.line.act(&shop.reference(order).await, true).await.unwrap();
        shop.webhook(&told).await.unwrap();
        let known = async || {
            let sql = "SELECT COUNT(*) FROM webhook_events WHERE order_id = $1";
            shop.context.db.query(sql).bind(order).fetch_one::<(i64,)>().await.unwrap().0
        };
        let (db, now) = (&shop.context.db, shop.context.clock.now());
        assert!(!store::forget_webhooks(db, now - TimeDelta::days(1)).await.unwrap());
        assert_eq!(known().await, 1);
        assert!(!store::forget_webhooks(db, now + TimeDelta::days(1)).await.unwrap());
        assert_eq!(known().await, 0);
        shop.webhook(&told).await.unwrap();
        assert_eq!((known().await, &*shop.told(order).await), (1, "action_required authorized"));
    }
}

#[tokio::test]
async fn absurd_values_are_refused_and_nothing_breaks() {
    for shop in shops().await {
        let check = |provider: &str, method: &str| {
            shop.payments.check(PaymentChoice { provider: provider.into(), method: method.into() })
        };
        check("test", "ok").await.unwrap();
        assert_eq!(pointer(check("stripe", "ok").await), "/payment/provider");
        assert_eq!(pointer(check("test", "gold\0").await), "/payment/method");
        for amount in [-1, i64::MIN, i64::MAX] {
            assert_eq!(pointer(shop.payments.authorize(shop.wish(Uuid::nil(), amount, "ok")).await), "/amount");
        }
        let order = shop.paid().await;
        for (key, amount, at) in [
            ("", 1, "/key"),
            ("a\0b", 1, "/key"),
            (&*"k".repeat(101), 1, "/key"),
            ("cancel-1", 1, "/key"),
            ("r", 0, "/amount"),
            ("r", i64::MIN, "/amount"),
        ] {
            assert_eq!(pointer(shop.refund(order, key, amount).await), at);
        }
        let left = shop.money(1000);
        assert_eq!(shop.refund(order, "r", i64::MAX).await, Err(Error::RefundTooLarge { left }));
        let yen = Money::new(1, "JPY".parse().unwrap());
        assert_eq!(pointer(shop.payments.refund(order, "r".into(), yen).await), "/amount/currency");
        assert_eq!(shop.refund(Uuid::nil(), "r", 1).await, Err(Error::PaymentNotFound));
        assert_eq!(shop.payments.capture(Uuid::nil()).await, Err(Error::PaymentNotFound));
    }
}

#[tokio::test]
async fn production_starts_only_with_a_provider() {
    for shop in shops().await {
        let start = |context: Context| <Module as kernel::Module>::start(context, ());
        let mut production = shop.context.clone();
        production.mode = Mode::Production;
        let refused: StartError = start(production).await.err().unwrap();
        assert!(refused.to_string().contains("`payments.test_provider`"), "{refused}");
        start(shop.context.clone()).await.unwrap();
    }
}
