//! A key belongs to who sends it, and what changed nothing leaves it free.
use futures_util::future::join_all;
use kernel::{Caller, Condition};

use super::{
    shop::{Shop, customer, staff, tell, wish},
    world::{Mishap, eur, sku},
};
use crate::{Error, NewRefund, NewShipment, Order, OrderId, OrderStatus, Orders};

fn parcel() -> NewShipment {
    NewShipment { carrier: "DHL".into(), tracking_number: Some("1Z".into()) }
}

fn some(amount: i64) -> NewRefund {
    NewRefund { amount: Some(eur(amount)), reason: None }
}

impl Shop {
    async fn ship(&self, who: &Caller, id: OrderId, key: &str) -> Result<Order, Error> {
        self.orders.ship(who.clone(), id, key.into(), parcel(), Condition::default()).await
    }

    async fn refund(&self, who: &Caller, id: OrderId, key: &str, refund: NewRefund) -> Result<Order, Error> {
        self.orders.refund(who.clone(), id, key.into(), refund, Condition::default()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_members_of_staff_with_one_key_mean_two_refunds_and_two_parcels() {
    tell(|shop| async move {
        let (bob, eve) = (staff(), staff());
        let id = shop.place(&shop.ada(), "1", "ok").await.unwrap().id;
        for round in 0..2 {
            assert_eq!(shop.refund(&bob, id, "1", some(500)).await.unwrap().payment.refunded, eur([500, 1000][round]));
            assert_eq!(shop.refund(&eve, id, "1", some(500)).await.unwrap().payment.refunded, eur(1000));
        }
        assert_eq!(shop.refund(&eve, id, "1", some(1)).await, Err(Error::KeyReused), "their own conflict");
        assert_eq!(shop.refund(&staff(), id, "1", some(1)).await.unwrap().payment.refunded, eur(1001), "no one else's");
        for round in 0..2 {
            assert_eq!(shop.ship(&bob, id, "1").await.unwrap().shipments.len(), [1, 2][round]);
            assert_eq!(shop.ship(&eve, id, "1").await.unwrap().shipments.len(), 2);
        }
        let other = NewShipment { carrier: "UPS".into(), tracking_number: None };
        assert_eq!(shop.orders.ship(eve, id, "1".into(), other, Condition::default()).await, Err(Error::KeyReused));
        assert_eq!(shop.effects().iter().filter(|effect| **effect == "refund").count(), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_with_one_key_are_as_many_refunds_and_parcels_as_senders() {
    tell(|shop| async move {
        let id = shop.place(&shop.ada(), "1", "ok").await.unwrap().id;
        // One sender is the control: there the same key is the same thing.
        for (number, senders) in [1, 5].into_iter().enumerate() {
            let people: Vec<_> = (0..senders).map(|_| staff()).collect();
            let key = format!("{senders} at once");
            let all = (0..50).map(|n| {
                let (shop, who, key) = (shop.another(), people[n % senders].clone(), key.clone());
                shop.context.tasks.clone().spawn(async move {
                    shop.refund(&who, id, &key, some(10)).await.unwrap();
                    shop.ship(&who, id, &key).await.unwrap();
                })
            });
            join_all(all.collect::<Vec<_>>()).await.into_iter().for_each(Result::unwrap);
            let order = shop.only().await.view();
            assert_eq!((order.payment.refunded, order.shipments.len()), [(eur(10), 1), (eur(60), 6)][number]);
        }
        assert_eq!(shop.world.scene(|scene| scene.refunds.len()), 6, "payments heard of as many");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_was_refused_leaves_its_key_free() {
    tell(|shop| async move {
        let bob = staff();
        let id = shop.place(&shop.ada(), "1", "ok").await.unwrap().id;
        let refuse = |error| shop.world.scene(|scene| scene.no_refund = Some(error));
        // Somebody else's refund is on its way, of which orders do not know yet.
        refuse(payments::Error::RefundTooLarge { left: eur(700) });
        let refused = shop.refund(&bob, id, "1", some(800)).await;
        assert_eq!(refused, Err(Error::RefundTooLarge { left: eur(700) }));
        assert_eq!(shop.refund(&bob, id, "1", some(700)).await.unwrap().payment.refunded, eur(700));
        // The provider was asked under this key, and so it stands for what it was asked.
        refuse(payments::Error::Declined { reason: "account_closed".into() });
        let declined = Err(Error::RefundDeclined { reason: "account_closed".into() });
        assert_eq!(shop.refund(&bob, id, "2", some(100)).await, declined);
        assert_eq!(shop.refund(&bob, id, "2", some(90)).await, Err(Error::KeyReused));
        refuse(payments::Error::KeyReused);
        assert_eq!(shop.refund(&bob, id, "3", some(100)).await, Err(Error::KeyReused));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_left_by_another_sender_is_not_taken_for_a_second_refund() {
    tell(|shop| async move {
        let (bob, eve) = (staff(), staff());
        let id = shop.place(&shop.ada(), "1", "ok").await.unwrap().id;
        shop.world.mishap("refund", Mishap::HangsBefore);
        let (late, who) = (shop.clone(), bob.clone());
        let late = shop.context.tasks.spawn(async move { late.refund(&who, id, "1", some(800)).await });
        shop.world.hanging().await;
        assert_eq!(shop.refund(&eve, id, "1", some(500)).await.unwrap().payment.refunded, eur(500));
        shop.world.scene(|scene| scene.no_refund = Some(payments::Error::RefundTooLarge { left: eur(700) }));
        shop.world.go_on();
        assert!(late.await.unwrap().is_err());
        assert_eq!(shop.refund(&eve, id, "1", some(500)).await.unwrap().payment.refunded, eur(500), "once");
        assert_eq!(shop.refund(&bob, id, "1", some(700)).await.unwrap().payment.refunded, eur(1200));
        assert_eq!(shop.refund(&eve, id, "1", some(500)).await.unwrap().payment.refunded, eur(1200));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_called_what_its_caller_says_and_one_that_was_placed_before_is_not() {
    tell(|shop| async move {
        let place = async |who: &Caller, key: &str, id| {
            shop.orders.place(who.clone(), key.into(), Some(id), wish("ok")).await.map(|order| order.id)
        };
        let (ada, id) = (shop.ada(), OrderId::new());
        for _ in 0..2 {
            assert_eq!(place(&ada, "1", id).await, Ok(id), "also if the first answer is lost");
        }
        assert_eq!(place(&ada, "1", OrderId::new()).await, Ok(id));

        // The last cups go to somebody else when the order has just begun, and come back.
        let (bob, id) = (customer(), OrderId::new());
        shop.world.fill(&bob, &[("CUP", 1, 500)]);
        shop.world.mishap("reserve", Mishap::HangsBefore);
        let placed = place(&bob, "1", id);
        let sold_out = async {
            shop.world.hanging().await;
            shop.world.scene(|scene| scene.stock.insert(sku("CUP"), 0));
            shop.world.go_on();
        };
        assert!(matches!(futures_util::future::join(placed, sold_out).await.0, Err(Error::SoldOut { .. })));
        shop.world.scene(|scene| scene.stock.insert(sku("CUP"), 3));
        let placed = place(&bob, "1", id).await.unwrap();
        assert_ne!(placed, id, "that is the one that came to nothing");
        assert_eq!(place(&bob, "1", id).await, Ok(placed));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_refused_orders_once_the_cart_is_put_right() {
    tell(|shop| async move {
        let ada = customer();
        assert_eq!(shop.place(&ada, "1", "ok").await, Err(Error::CartEmpty));
        shop.world.fill(&ada, &[("CUP", 4, 500)]);
        for _ in 0..2 {
            assert!(matches!(shop.place(&ada, "1", "ok").await, Err(Error::SoldOut { .. })));
        }
        assert_eq!(shop.all().await, [], "nothing was begun");
        shop.world.fill(&ada, &[("CUP", 3, 500)]);
        let order = shop.place(&ada, "1", "ok").await.unwrap();
        assert_eq!(shop.place(&ada, "1", "ok").await.unwrap(), order);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_whose_own_order_holds_the_last_ones_is_ordered_and_not_sold_out() {
    tell(|shop| async move {
        let ada = customer();
        shop.world.fill(&ada, &[("CUP", 3, 500)]);
        let order = shop.place(&ada, "1", "action_required").await.unwrap();
        assert_eq!(shop.in_stock().1, 0);
        assert_eq!(shop.place(&ada, "2", "ok").await, Err(Error::CartOrdered { order_id: order.id }));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_lost_a_race_for_stock_leaves_its_key_free() {
    tell(|shop| async move {
        let ada = customer();
        shop.world.fill(&ada, &[("CUP", 3, 500)]);
        // The last cups go to somebody else when the order has just begun.
        shop.world.mishap("reserve", Mishap::HangsBefore);
        let (placing, who) = (shop.clone(), ada.clone());
        let placed = shop.context.tasks.spawn(async move { placing.place(&who, "1", "ok").await });
        shop.world.hanging().await;
        shop.world.scene(|scene| scene.stock.insert(sku("CUP"), 0));
        shop.world.go_on();
        assert!(matches!(placed.await.unwrap(), Err(Error::SoldOut { .. })));
        let refused = shop.only().await;
        assert_eq!(refused.status, OrderStatus::Cancelled);
        // A request that comes twice is refused twice, and begins nothing.
        assert!(matches!(shop.place(&ada, "1", "ok").await, Err(Error::SoldOut { .. })));
        assert_eq!(shop.only().await, refused);

        shop.world.scene(|scene| scene.stock.insert(sku("CUP"), 3));
        let placing: Vec<_> = (0..16)
            .map(|_| {
                let (shop, ada) = (shop.another(), ada.clone());
                shop.context.tasks.clone().spawn(async move { shop.place(&ada, "1", "ok").await.unwrap() })
            })
            .collect();
        let placed: Vec<Order> = join_all(placing).await.into_iter().map(Result::unwrap).collect();
        assert!(placed.iter().all(|order| *order == placed[0]), "{placed:#?}");
        assert_eq!((shop.all().await.len(), shop.in_stock().1), (2, 0));
        assert_eq!(shop.place(&ada, "1", "other").await, Err(Error::KeyReused), "now it is of that order");
    })
    .await;
}
