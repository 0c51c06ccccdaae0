//! Orders that do not get on, and what people can do about them.
use std::time::Duration;

use kernel::{Call, Caller, Condition, PageQuery, Refusal, Role};
use payments::{PaymentEvent, PaymentStatus};
use uuid::Uuid;

use super::{
    shop::{Shop, customer, staff, tell},
    world::Mishap,
};
use crate::{Error, Order, OrderId, OrderStatus, Orders, Outcome, StuckOrder};

/// So often an order fails before it needs a person.
const ATTEMPTS: usize = 30;

fn admin() -> Caller {
    Caller::User { id: Uuid::now_v7(), role: Role::Admin, session: Uuid::now_v7() }
}

impl Shop {
    /// An order of Ada's that fails at `step` until it needs a person.
    async fn exhausted(&self, step: &'static str, mishap: Mishap) -> Order {
        let ada = self.ada();
        for _ in 0..ATTEMPTS {
            self.world.mishap(step, mishap);
        }
        let order = self.place_in_a_hurry(&ada, "1", "ok").await.unwrap();
        while self.stuck().await.iter().all(|stuck| !stuck.needs_operator) {
            self.time_passes().await;
            self.go_on().await;
        }
        order
    }

    async fn stuck(&self) -> Vec<StuckOrder> {
        self.orders.stuck(staff(), PageQuery::default()).await.unwrap().items
    }

    /// An admin turns an order back, and hardly waits for it.
    async fn force(&self, id: OrderId) -> Result<Order, Error> {
        let forcing = self.orders.force(admin(), id, Outcome::Cancel, Condition::default());
        Call::fresh(Duration::from_millis(1300)).scope(forcing).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_exhausted_is_listed_and_goes_on_when_a_person_says_so() {
    tell(|shop| async move {
        let order = shop.exhausted("authorize", Mishap::Lost).await;
        let stuck = shop.stuck().await.remove(0);
        assert_eq!((stuck.order_id, stuck.number, stuck.status), (order.id, order.number, OrderStatus::Pending));
        assert_eq!((stuck.needs_operator, stuck.attempts, stuck.updated_at), (true, 30, order.updated_at));
        let error = "cannot authorize the payment: the service is unavailable; try again shortly";
        assert_eq!(stuck.last_error.as_deref(), Some(error));
        shop.time_passes().await;
        shop.go_on().await;
        assert_eq!(shop.only().await.status, OrderStatus::Pending, "nobody goes on with it");

        assert_eq!(shop.orders.retry(staff(), order.id).await.unwrap().status, OrderStatus::Pending);
        assert_eq!(shop.stuck().await, []);
        shop.go_on().await;
        let settled = shop.only().await;
        assert_eq!((settled.status, settled.payment), (OrderStatus::Confirmed, PaymentStatus::Captured));
        assert_eq!(shop.effects(), ["reserve", "authorize", "commit", "capture", "close"], "each once");
        assert_eq!(shop.orders.retry(staff(), order.id).await, Ok(settled.view()), "what is settled stays so");
        assert_eq!((shop.only().await, shop.unsettled().await), (settled, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_keeps_failing_is_listed_before_it_needs_a_person() {
    tell(|shop| async move {
        let ada = shop.ada();
        (0..9).for_each(|_| shop.world.mishap("reserve", Mishap::Lost));
        let order = shop.place_in_a_hurry(&ada, "1", "ok").await.unwrap();
        while shop.stuck().await.is_empty() {
            shop.time_passes().await;
            shop.go_on().await;
        }
        let stuck = shop.stuck().await.remove(0);
        assert!(stuck.order_id == order.id && !stuck.needs_operator && stuck.attempts >= 3, "{stuck:?}");
        assert_eq!(crate::operations::store::count(&shop.context.db).await, Ok((1, 0)));
        while shop.unsettled().await > 0 {
            shop.time_passes().await;
            shop.go_on().await;
        }
        assert_eq!((shop.stuck().await, shop.only().await.status), (Vec::new(), OrderStatus::Confirmed));
    })
    .await;
}

/// The authorisation's answer never came: nobody knows that the money is held, and forcing must find it.
#[tokio::test(flavor = "multi_thread")]
async fn forcing_an_order_back_gives_back_what_nobody_knew_was_held() {
    tell(|shop| async move {
        let order = shop.exhausted("authorize", Mishap::ReplyLost).await;
        let forced = shop.force(order.id).await.unwrap();
        assert_eq!((forced.status, forced.payment.status), (OrderStatus::Cancelled, PaymentStatus::Voided));
        assert_eq!(forced.cancellation.as_ref().unwrap().reason, "staff");
        assert_eq!(shop.effects(), ["reserve", "authorize", "void", "release"]);
        assert_eq!((shop.in_stock(), shop.stuck().await), ((100, 3), Vec::new()));
        assert_eq!(shop.force(order.id).await, Ok(forced), "once more changes nothing");
    })
    .await;
}

/// What became of the money is for payments to say, never for whoever forces.
#[tokio::test(flavor = "multi_thread")]
async fn forcing_never_claims_what_did_not_happen() {
    tell(|shop| async move {
        let order = shop.exhausted("authorize", Mishap::ReplyLost).await;
        (0..2 * ATTEMPTS).for_each(|_| shop.world.mishap("cancel", Mishap::Lost));
        assert_eq!(shop.force(order.id).await.unwrap().status, OrderStatus::Cancelling);
        while shop.stuck().await.iter().all(|stuck| !stuck.needs_operator) {
            shop.time_passes().await;
            shop.go_on().await;
        }
        let stuck = shop.stuck().await.remove(0);
        assert_eq!(stuck.status, OrderStatus::Cancelling, "not cancelled: the money is still held");
        assert!(stuck.last_error.unwrap().starts_with("cannot give the money back"));
        // Forced again, it is tried again, as often as it takes.
        let forced = loop {
            let forced = shop.force(order.id).await.unwrap();
            if forced.status == OrderStatus::Cancelled {
                break forced;
            }
        };
        assert_eq!(forced.payment.status, PaymentStatus::Voided);
        assert_eq!(shop.in_stock(), (100, 3));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_pivot_nothing_is_forced() {
    tell(|shop| async move {
        let order = shop.exhausted("capture", Mishap::Lost).await;
        assert_eq!(shop.stuck().await[0].status, OrderStatus::Confirmed);
        let wrong = Error::WrongState { state: "confirmed".into() };
        assert_eq!(shop.force(order.id).await, Err(wrong));
        assert_eq!(shop.stuck().await.len(), 1, "it still waits");
        shop.orders.retry(staff(), order.id).await.unwrap();
        shop.go_on().await;
        assert_eq!(shop.only().await.payment, PaymentStatus::Captured);
    })
    .await;
}

/// A driver that hangs was overtaken: what it decides afterwards is refused.
#[tokio::test(flavor = "multi_thread")]
async fn forcing_takes_the_order_from_whoever_drives_it() {
    tell(|shop| async move {
        let ada = shop.ada();
        shop.world.mishap("commit", Mishap::HangsAfter);
        let (placing, who) = (shop.another(), ada.clone());
        let placed = shop.context.tasks.spawn(async move { placing.place(&who, "1", "ok").await });
        shop.world.hanging().await;
        let id = shop.only().await.created.id;
        let forced = shop.orders.force(admin(), id, Outcome::Cancel, Condition::default()).await.unwrap();
        assert_eq!((forced.status, forced.payment.status), (OrderStatus::Cancelled, PaymentStatus::Voided));
        shop.world.go_on();
        assert_eq!(placed.await.unwrap(), Ok(forced));
        assert_eq!((shop.in_stock(), shop.unsettled().await), ((100, 3), 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_do_what() {
    tell(|shop| async move {
        let ada = shop.ada();
        let id = shop.place(&ada, "1", "action_required").await.unwrap().id;
        for (caller, refusal) in [
            (ada, Refusal::Forbidden),
            (customer(), Refusal::Forbidden),
            (Caller::Anonymous, Refusal::Unauthenticated),
            (Caller::Guest { cart: "0".repeat(64) }, Refusal::Unauthenticated),
        ] {
            let refused = Error::Refusal(refusal);
            assert_eq!(shop.orders.stuck(caller.clone(), PageQuery::default()).await, Err(refused.clone()));
            assert_eq!(shop.orders.retry(caller.clone(), id).await, Err(refused.clone()));
            assert_eq!(
                shop.orders.force(caller.clone(), id, Outcome::Cancel, Condition::default()).await,
                Err(refused.clone())
            );
        }
        assert_eq!(
            shop.orders.force(staff(), id, Outcome::Cancel, Condition::default()).await,
            Err(Refusal::Forbidden.into())
        );
        let nobodys = OrderId::new();
        for caller in [Caller::System, admin()] {
            assert_eq!(shop.orders.retry(caller.clone(), nobodys).await, Err(Error::OrderNotFound));
            assert_eq!(
                shop.orders.force(caller.clone(), nobodys, Outcome::Cancel, Condition::default()).await,
                Err(Error::OrderNotFound)
            );
        }
        let forced = shop.orders.force(Caller::System, id, Outcome::Cancel, Condition::default()).await.unwrap();
        assert_eq!(forced.status, OrderStatus::Cancelled);
    })
    .await;
}

/// The payment is authorised just while the order fails for the last time: it does not rest on that.
#[tokio::test(flavor = "multi_thread")]
async fn news_that_comes_in_the_last_attempt_is_not_lost() {
    tell(|shop| async move {
        let ada = shop.ada();
        let order = shop.place_in_a_hurry(&ada, "1", "slow").await.unwrap();
        while shop.stuck().await.first().is_none_or(|stuck| stuck.attempts < 29) {
            shop.time_passes().await;
            shop.go_on().await;
        }
        shop.world.mishap("authorize", Mishap::HangsAfter);
        shop.time_passes().await;
        let last = shop.another();
        let driving = shop.context.tasks.spawn(async move { last.go_on().await });
        shop.world.hanging().await;
        shop.world.resolve(order.id.0, PaymentStatus::Authorized);
        shop.hear(PaymentEvent::Authorized, order.id, None).await;
        shop.world.go_on();
        driving.await.unwrap();
        shop.go_on().await;
        assert_eq!(shop.only().await.status, OrderStatus::Confirmed);
    })
    .await;
}
