//! From the cart to a confirmed order, and back where that cannot be.
use chrono::TimeDelta;
use kernel::{Caller, Executor, Refusal};
use payments::{PaymentEvent, PaymentStatus};

use super::{
    shop::{customer, tell, wish},
    world::{Mishap, eur},
};
use crate::{Error, NewQuote, OrderStatus, Orders};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_goes_well_is_settled_when_it_is_answered() {
    tell(|shop| async move {
        let ada = shop.ada();
        let order = shop.place(&ada, "1", "ok").await.unwrap();
        assert_eq!((order.status, order.payment.status), (OrderStatus::Confirmed, PaymentStatus::Captured));
        assert_eq!((order.totals.items, order.totals.total), (eur(2500), eur(2990)));
        assert_eq!((order.email.as_str(), order.version), ("ada@example.com", 3));
        assert_eq!(shop.effects()[..3], ["reserve", "authorize", "commit"]);
        assert_eq!(shop.effects().len(), 5, "capture and close");
        assert_eq!(shop.in_stock(), (98, 2));
        assert_eq!(shop.kinds(order.id).await, ["OrderCreated", "OrderConfirmed", "PaymentCaptured"]);
        assert_eq!(shop.published().await, ["confirmed"]);
        assert_eq!(shop.unsettled().await, 0);
        assert_eq!(shop.place(&ada, "1", "ok").await.unwrap(), order, "the same key is the same order");
        assert_eq!(shop.place(&ada, "1", "other").await, Err(Error::KeyReused));
        assert_eq!(shop.place(&ada, "2", "ok").await, Err(Error::CartEmpty));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_order_gives_its_stock_back_and_its_cart_may_be_ordered_again() {
    tell(|shop| async move {
        let ada = shop.ada();
        let refusal = shop.place(&ada, "1", "declined").await.unwrap_err();
        let order = shop.only().await;
        let (order_id, reason) = (order.created.id, "declined".to_owned());
        assert_eq!(refusal, Error::PaymentDeclined { order_id, reason });
        assert_eq!((order.status, order.payment), (OrderStatus::Cancelled, PaymentStatus::Declined));
        assert_eq!(shop.place(&ada, "1", "declined").await, Err(refusal), "the same key is the same refusal");
        assert_eq!((shop.effects(), shop.in_stock()), (vec!["reserve", "release"], (100, 3)));
        assert_eq!(shop.published().await, ["cancelled"]);
        assert_eq!(shop.place(&ada, "2", "ok").await.unwrap().status, OrderStatus::Confirmed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sold_out_cart_begins_nothing() {
    tell(|shop| async move {
        let ada = customer();
        shop.world.fill(&ada, &[("CUP", 4, 500)]);
        let refusal = shop.place(&ada, "1", "ok").await.unwrap_err();
        let Error::SoldOut { lines } = &refusal else { panic!("{refusal}") };
        assert_eq!((lines[0].requested, lines[0].available), (4, 3));
        assert_eq!(shop.place(&ada, "1", "ok").await, Err(refusal));
        assert_eq!((shop.all().await, shop.effects()), (vec![], vec![]));
        assert!(shop.world.scene(|scene| scene.payments.is_empty()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_that_is_lost_after_the_payment_voids_it() {
    tell(|shop| async move {
        let ada = shop.ada();
        shop.world.mishap("commit", Mishap::HangsBefore);
        let (placing, who) = (shop.clone(), ada.clone());
        let placed = shop.context.tasks.spawn(async move { placing.place(&who, "1", "ok").await });
        shop.world.hanging().await;
        // The reservation ran out, and the last cups went to somebody else.
        shop.world.scene(|scene| {
            scene.holds.clear();
            scene.stock.values_mut().for_each(|left| *left = 0);
        });
        shop.world.go_on();
        assert!(matches!(placed.await.unwrap(), Err(Error::SoldOut { .. })));
        let order = shop.only().await.view();
        assert_eq!((order.status, order.payment.status), (OrderStatus::Cancelled, PaymentStatus::Voided));
        assert_eq!(order.cancellation.unwrap().reason, "sold_out");
        assert!(shop.effects().contains(&"void"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_that_is_lost_before_another_attempt_gives_the_payment_up() {
    tell(|shop| async move {
        let ada = shop.ada();
        let id = shop.place_in_a_hurry(&ada, "1", "slow").await.unwrap().id;
        shop.until_paying(id).await;
        shop.world.resolve(id.0, PaymentStatus::Authorized);
        shop.world.scene(|scene| {
            scene.holds.clear();
            scene.stock.values_mut().for_each(|left| *left = 0);
        });
        shop.time_passes().await;
        shop.until_settled().await;
        let order = shop.only().await.view();
        assert_eq!((order.status, order.payment.status), (OrderStatus::Cancelled, PaymentStatus::Voided));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_is_asked_for_again() {
    tell(|shop| async move {
        for (n, step) in ["reserve", "authorize", "commit", "capture", "close"].into_iter().enumerate() {
            for (m, mishap) in [Mishap::Lost, Mishap::ReplyLost].into_iter().enumerate() {
                let ada = customer();
                shop.world.fill(&ada, &[("TEA", 1, 1000)]);
                shop.world.scene(|scene| scene.effects.clear());
                shop.world.mishap(step, mishap);
                let order = shop.place(&ada, &format!("{n}{m}"), "ok").await.unwrap();
                let settled = (OrderStatus::Confirmed, PaymentStatus::Captured);
                assert_eq!((order.status, order.payment.status), settled, "{step} {mishap:?}");
                assert_eq!((shop.effects().len(), shop.unsettled().await), (5, 0), "{step} {mishap:?}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_whose_outcome_is_not_known_keeps_the_order_pending_until_it_is() {
    tell(|shop| async move {
        for (method, outcome, status) in [
            ("slow", PaymentStatus::Authorized, OrderStatus::Confirmed),
            ("slow", PaymentStatus::Declined, OrderStatus::Cancelled),
        ] {
            let ada = shop.ada();
            let order = shop.place_in_a_hurry(&ada, "1", method).await.unwrap();
            assert_eq!((order.status, order.payment.status), (OrderStatus::Pending, PaymentStatus::Pending));
            shop.until_paying(order.id).await;
            shop.world.resolve(order.id.0, outcome);
            let declined = outcome == PaymentStatus::Declined;
            let happened: fn(_) -> _ = if declined { PaymentEvent::Declined } else { PaymentEvent::Authorized };
            shop.hear(happened, order.id, None).await;
            shop.until_settled().await;
            let order = shop.orders.get(ada, order.id).await.unwrap();
            assert_eq!((order.status, shop.unsettled().await), (status, 0));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_needs_its_customer_lets_the_order_rest_until_they_have_acted() {
    tell(|shop| async move {
        let ada = shop.ada();
        let order = shop.place(&ada, "1", "action_required").await.unwrap();
        assert_eq!((order.status, order.payment.status), (OrderStatus::Pending, PaymentStatus::ActionRequired));
        assert_eq!(order.payment.action.as_ref().unwrap().url, "https://bank.example/1");
        shop.go_on().await;
        assert_eq!(shop.place(&ada, "1", "action_required").await.unwrap(), order, "it rests");
        shop.world.resolve(order.id.0, PaymentStatus::Authorized);
        shop.hear(PaymentEvent::Authorized, order.id, None).await;
        shop.go_on().await;
        let order = shop.place(&ada, "1", "action_required").await.unwrap();
        assert_eq!((order.status, order.payment.action), (OrderStatus::Confirmed, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn news_that_arrives_while_the_order_is_driven_is_not_missed() {
    tell(|shop| async move {
        let ada = shop.ada();
        shop.world.mishap("authorize", Mishap::HangsAfter);
        let placing = shop.clone();
        let placed = shop.context.tasks.spawn(async move { placing.place(&ada, "1", "action_required").await });
        shop.world.hanging().await;
        // The customer is quicker than the answer that tells of what they have to do.
        let id = shop.only().await.created.id;
        shop.world.resolve(id.0, PaymentStatus::Authorized);
        shop.hear(PaymentEvent::Authorized, id, None).await;
        shop.world.go_on();
        placed.await.unwrap().unwrap();
        shop.go_on().await;
        assert_eq!(shop.only().await.status, OrderStatus::Confirmed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn news_is_not_lost_with_the_process_that_it_woke() {
    tell(|shop| async move {
        let ada = shop.ada();
        let id = shop.place(&ada, "1", "action_required").await.unwrap().id;
        shop.world.resolve(id.0, PaymentStatus::Authorized);
        shop.hear(PaymentEvent::Authorized, id, None).await;
        // Whoever takes it up dies. The order is due with the end of the lease, not of the customer's twenty minutes.
        shop.orders.checkout.leases.acquire(id).await.unwrap().unwrap();
        let query = shop.context.db.query("SELECT due_at <= lease_until FROM sagas");
        assert_eq!(query.fetch_one::<(bool,)>().await.unwrap(), (true,));
        shop.time_passes().await;
        shop.go_on().await;
        assert_eq!(shop.only().await.status, OrderStatus::Confirmed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_does_not_act_in_time_loses_the_order() {
    tell(|shop| async move {
        let ada = shop.ada();
        let order = shop.place(&ada, "1", "action_required").await.unwrap();
        shop.time_passes().await;
        shop.go_on().await;
        assert_eq!(shop.only().await.status, OrderStatus::Pending, "there is time left");
        shop.context.clock.advance(TimeDelta::minutes(21));
        shop.time_passes().await;
        shop.go_on().await;
        let order = shop.orders.get(ada, order.id).await.unwrap();
        assert_eq!((order.status, order.payment.status), (OrderStatus::Cancelled, PaymentStatus::Voided));
        assert_eq!(order.cancellation.unwrap().reason, "payment_expired");
        assert_eq!(shop.in_stock(), (100, 3));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_requests_with_one_key_are_one_order() {
    tell(|shop| async move {
        let ada = shop.ada();
        let replicas = [shop.another(), shop.another()];
        let placing: Vec<_> = (0..16)
            .map(|n| {
                let (replica, ada) = (replicas[n % 2].clone(), ada.clone());
                shop.context.tasks.spawn(async move { replica.place(&ada, "1", "ok").await })
            })
            .collect();
        let only = shop.orders.place(ada.clone(), "1".into(), None, wish("ok")).await.unwrap();
        for placed in placing {
            assert_eq!(placed.await.unwrap().unwrap(), only);
        }
        assert_eq!((shop.only().await.version, shop.effects().len()), (3, 5));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_is_ordered_once_whoever_asks_how_often() {
    tell(|shop| async move {
        for round in 0..5 {
            let ada = shop.ada();
            let placing: Vec<_> = (0..8)
                .map(|n| {
                    let (shop, ada) = (shop.another(), ada.clone());
                    let key = format!("{round}-{n}");
                    shop.context.tasks.clone().spawn(async move { shop.place(&ada, &key, "ok").await })
                })
                .collect();
            let mut confirmed = 0;
            for placed in placing {
                match placed.await.unwrap() {
                    Ok(_) => confirmed += 1,
                    Err(Error::CartOrdered { .. } | Error::CartEmpty | Error::SoldOut { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            assert_eq!((confirmed, shop.all().await.len()), (1, round + 1));
            shop.world.scene(|scene| scene.stock.values_mut().for_each(|left| *left = 100));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_is_what_is_charged() {
    tell(|shop| async move {
        let ada = shop.ada();
        let asked = NewQuote { country: "DE".into(), shipping_method: "express".into() };
        let quote = shop.orders.quote(ada.clone(), asked).await.unwrap();
        assert_eq!((quote.totals.total, quote.shipping_methods.len()), (eur(3790), 2));
        let mut order = wish("ok");
        (order.shipping_method, order.expected_total) = ("express".into(), Some(eur(3789)));
        let refused = shop.orders.place(ada.clone(), "1".into(), None, order.clone()).await;
        assert_eq!(refused, Err(Error::TotalChanged { total: quote.totals.total }));
        order.expected_total = Some(quote.totals.total);
        let placed = shop.orders.place(ada, "2".into(), None, order).await.unwrap();
        assert_eq!((&placed.totals, &placed.lines), (&quote.totals, &quote.lines));
        let charged = shop.world.scene(|scene| scene.payments[&placed.id.0].amount);
        assert_eq!(charged, quote.totals.total);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_with_an_order_is_named() {
    tell(|shop| async move {
        let guest = Caller::Guest { cart: "f".repeat(64) };
        let mut order = wish("ok");
        order.shipping_address.city = String::new();
        order.shipping_address.line1 = "x".repeat(10_000_000);
        order.payment.method = "\0".into();
        let refused = shop.orders.place(guest.clone(), "1".into(), None, order).await.unwrap_err();
        let Error::Refusal(Refusal::InvalidInput { errors }) = refused else { panic!("{refused}") };
        let pointers: Vec<_> = errors.iter().map(|error| &*error.pointer).collect();
        assert_eq!(pointers, ["/email", "/shipping_address/line1", "/shipping_address/city", "/payment/method"]);
        for (change, pointer) in [
            ((|order| order.shipping_method = "rocket".into()) as fn(&mut crate::NewOrder), "/shipping_method"),
            (|order| order.shipping_address.country = "Germany".into(), "/shipping_address/country"),
            (|order| order.email = Some("nobody".into()), "/email"),
            (|order| order.payment.provider = "nobody".into(), "/payment/provider"),
        ] {
            let mut order = wish("ok");
            order.email = Some("guest@example.com".into());
            change(&mut order);
            let refused = shop.orders.place(guest.clone(), "1".into(), None, order).await.unwrap_err();
            let Error::Refusal(Refusal::InvalidInput { errors }) = refused else { panic!("{refused}") };
            assert_eq!(errors[0].pointer, pointer);
        }
        let mut order = wish("ok");
        order.email = Some("guest@example.com".into());
        assert_eq!(shop.orders.place(Caller::Anonymous, "1".into(), None, order.clone()).await, Err(Error::CartEmpty));
        assert_eq!(shop.orders.place(guest.clone(), "1".into(), None, order.clone()).await, Err(Error::CartEmpty));
        shop.world.fill(&guest, &[("TEA", 1, 100)]);
        let placed = shop.orders.place(guest.clone(), "1".into(), None, order).await.unwrap();
        assert_eq!((placed.customer_id, &*placed.email), (None, "guest@example.com"));
        assert_eq!(shop.orders.get(guest, placed.id).await.unwrap(), placed);
    })
    .await;
}
