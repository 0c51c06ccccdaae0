//! A shop to tell stories in: orders over a world that is played by hand.
use std::{future::Future, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{
    Call, Caller, CloudEvent, Context, Executor, Role,
    testing::{contexts, envelope, hear, until},
};
use payments::{PaymentChanged, PaymentChoice, PaymentEvent, RefundNote};
use users::PostalAddress;
use uuid::Uuid;

use super::world::World;
use crate::{
    Error, Module, NewOrder, Order, OrderEvent, OrderId, Orders, checkout::subscriber::PaymentSubscriber,
    order::Aggregate, order::store, service::Service,
};

/// One process of the shop.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) context: Context,
    pub(crate) world: Arc<World>,
    pub(crate) orders: Arc<Service>,
}

/// Tells a story on both engines; afterwards every order is what its events say.
pub(crate) async fn tell<F: Future<Output = ()>>(story: impl Fn(Shop) -> F) {
    for (context, _folder) in contexts("orders", &<Module as kernel::Module>::MIGRATIONS).await {
        let shop = Shop::over(context, Arc::new(World::new()));
        story(shop.clone()).await;
        shop.audit().await;
    }
}

pub(crate) fn customer() -> Caller {
    Caller::User { id: Uuid::now_v7(), role: Role::Customer, session: Uuid::now_v7() }
}

pub(crate) fn staff() -> Caller {
    Caller::User { id: Uuid::now_v7(), role: Role::Staff, session: Uuid::now_v7() }
}

/// Where the tour's order goes.
pub(crate) fn address() -> PostalAddress {
    PostalAddress {
        name: "Ada Lovelace".into(),
        line1: "Market Street 1".into(),
        line2: None,
        city: "Berlin".into(),
        region: None,
        postal_code: "10115".into(),
        country: "DE".into(),
        phone: None,
    }
}

/// What the tour orders, paid with `method`.
pub(crate) fn wish(method: &str) -> NewOrder {
    NewOrder {
        shipping_address: address(),
        shipping_method: "standard".into(),
        payment: PaymentChoice { provider: "test".into(), method: method.into() },
        email: None,
        expected_total: None,
    }
}

impl Shop {
    fn over(context: Context, world: Arc<World>) -> Self {
        let deps = (world.clone() as _, world.clone() as _, world.clone() as _, world.clone() as _);
        let orders = Arc::new(Service::new(&context, deps).unwrap());
        Self { context, world, orders }
    }

    /// Another process of the same shop.
    pub(crate) fn another(&self) -> Self {
        Self::over(self.context.clone(), self.world.clone())
    }

    /// Somebody who has two teas and a cup in their cart: 2 × 10.00 and 5.00, and 4.90 to send them.
    pub(crate) fn ada(&self) -> Caller {
        let ada = customer();
        self.world.fill(&ada, &[("TEA", 2, 1000), ("CUP", 1, 500)]);
        ada
    }

    /// Places an order, however slow the machine that the test runs on.
    pub(crate) async fn place(&self, who: &Caller, key: &str, method: &str) -> Result<Order, Error> {
        let placing = self.orders.place(who.clone(), key.into(), None, wish(method));
        Call::fresh(Duration::from_mins(1)).scope(placing).await
    }

    /// Places an order, and hardly waits for it.
    pub(crate) async fn place_in_a_hurry(&self, who: &Caller, key: &str, method: &str) -> Result<Order, Error> {
        let placing = self.orders.place(who.clone(), key.into(), None, wish(method));
        Call::fresh(Duration::from_millis(1300)).scope(placing).await
    }

    /// Goes on with an order until its payment has begun.
    pub(crate) async fn until_paying(&self, id: OrderId) {
        while self.world.scene(|scene| !scene.payments.contains_key(&id.0)) {
            self.time_passes().await;
            self.go_on().await;
        }
    }

    /// Goes on with every order that is due, as the reconciler does.
    pub(crate) async fn go_on(&self) {
        let checkout = &self.orders.checkout;
        while let Some((id, left)) = checkout.leases.next().await.unwrap() {
            if left > TimeDelta::zero() {
                break;
            }
            let Some(lease) = checkout.leases.acquire(id).await.unwrap() else { continue };
            checkout.drive(lease, checkout.journal.find(id).await.unwrap()).await;
        }
    }

    /// Goes on with every order until nothing is left to do.
    pub(crate) async fn until_settled(&self) {
        until("nothing is left to do", async || {
            let left = self.unsettled().await > 0;
            if left {
                self.go_on().await;
            }
            !left
        })
        .await;
    }

    /// Time passes: every lease runs out, and what waits is due.
    pub(crate) async fn time_passes(&self) {
        let past = DateTime::UNIX_EPOCH;
        let query = self.context.db.query("UPDATE sagas SET lease_until = NULL, due_at = $1");
        query.bind(past).execute().await.unwrap();
    }

    /// Payments publish an event.
    pub(crate) async fn hear(
        &self,
        happened: fn(PaymentChanged) -> PaymentEvent,
        order_id: OrderId,
        refund: Option<(&str, i64)>,
    ) {
        let refund = refund.map(|(key, amount)| RefundNote { key: key.into(), amount: super::world::eur(amount) });
        let payment = self.world.scene(|scene| scene.payments[&order_id.0].clone());
        let news = envelope(&happened(PaymentChanged { payment, refund }));
        let subscriber = PaymentSubscriber::new(self.orders.journal.clone(), Arc::default());
        hear(&self.context, &subscriber, &news).await.unwrap();
    }

    /// The only order there is.
    pub(crate) async fn only(&self) -> Aggregate {
        let mut all = self.all().await;
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    pub(crate) async fn all(&self) -> Vec<Aggregate> {
        store::list(&self.context.db, None, None, Uuid::max(), 1000).await.unwrap()
    }

    pub(crate) async fn kinds(&self, id: OrderId) -> Vec<&'static str> {
        let history = store::history(&self.context.db, id).await.unwrap();
        history.iter().map(|(_, event, _)| event.kind()).collect()
    }

    /// What the others were told happened.
    pub(crate) async fn published(&self) -> Vec<&'static str> {
        let news = self.context.outbox.read(0, 1000, Duration::ZERO).await.unwrap();
        let told = |news: CloudEvent| match news.read().unwrap().unwrap() {
            OrderEvent::Confirmed(_) => "confirmed",
            OrderEvent::Cancelled(_) => "cancelled",
            OrderEvent::Shipped(_) => "shipped",
            OrderEvent::Refunded(_) => "refunded",
            OrderEvent::Corrected(_) => "corrected",
        };
        news.into_iter().map(told).collect()
    }

    pub(crate) async fn unsettled(&self) -> i64 {
        let (count,): (i64,) = self.context.db.query("SELECT COUNT(*) FROM sagas").fetch_one().await.unwrap();
        count
    }

    pub(crate) fn effects(&self) -> Vec<&'static str> {
        self.world.scene(|scene| scene.effects.clone())
    }

    pub(crate) fn in_stock(&self) -> (i64, i64) {
        self.world.scene(|scene| (scene.stock[&super::world::sku("TEA")], scene.stock[&super::world::sku("CUP")]))
    }

    /// Every projection is what its events say, and every history counts from 1.
    pub(crate) async fn audit(&self) {
        for state in self.all().await {
            let history = store::history(&self.context.db, state.created.id).await.unwrap();
            let versions: Vec<_> = history.iter().map(|(version, ..)| *version).collect();
            assert_eq!(versions, (1..=state.version).collect::<Vec<_>>());
            let history: Vec<(_, DateTime<Utc>)> = history.into_iter().map(|(_, event, at)| (event, at)).collect();
            assert_eq!(Aggregate::told_by(&history).as_ref(), Some(&state));
        }
    }
}
