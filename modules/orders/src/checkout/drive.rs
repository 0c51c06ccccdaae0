//! Driving an order for those who wait for it.
use std::{sync::Arc, time::Duration};

use kernel::{Call, Condition};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use super::{
    Checkout,
    lease::{Lease, Seize},
};
use crate::{
    Error, Order, OrderId,
    order::{Aggregate, event::Event, journal::Decision, store},
};

/// What a whole drive may take; each of its steps is bounded by its lease.
pub(super) const DRIVE: Duration = Duration::from_mins(5);
/// What is left of a caller's time when it is told how far the order is.
const MARGIN: Duration = Duration::from_secs(1);
/// How often one looks at an order that somebody else drives.
const LOOK: Duration = Duration::from_millis(100);

/// A drive that goes on whoever stops waiting for it; its order if it came to rest.
pub(super) type Driver = JoinHandle<Option<Aggregate>>;

impl Checkout {
    /// Drives an order in a task of its own, for as long as it takes.
    pub(super) fn spawn(self: &Arc<Self>, lease: Lease, order: Aggregate) -> Driver {
        let checkout = Arc::clone(self);
        let call = Call::current().with_timeout(DRIVE);
        self.tasks.spawn(call.scope(async move { checkout.drive(lease, order).await }))
    }

    /// The order once its saga rests, or as it is when the caller's time is nearly up.
    ///
    /// Whoever waits also drives the order, where nobody else does and it is due.
    pub(super) async fn wait(self: &Arc<Self>, id: OrderId, mut driver: Option<Driver>) -> Result<Aggregate, Error> {
        let until = Instant::now() + Call::current().left().saturating_sub(MARGIN);
        loop {
            if let Some(driver) = driver.take()
                && let Ok(Ok(Some(order))) = timeout_at(until, driver).await
            {
                return Ok(order);
            }
            let news = self.news.notified();
            let found = store::find_with_saga(&self.journal.db, id).await?;
            let (order, needs_operator) = found.ok_or(Error::OrderNotFound)?;
            if needs_operator.unwrap_or(true) || Instant::now() >= until {
                return Ok(order);
            }
            if let Some(lease) = self.leases.acquire(id).await? {
                driver = Some(self.spawn(lease, self.journal.find(id).await?));
            } else if order.awaits_customer() {
                return Ok(order);
            } else {
                timeout_at(until.min(Instant::now() + LOOK), news).await.ok();
            }
        }
    }

    /// Gives an order up as `decide` says, takes it from whoever drives it, and gives money and stock back.
    pub(crate) async fn cancel(
        self: &Arc<Self>,
        order: Aggregate,
        if_match: &Condition,
        decide: impl Fn(&Aggregate) -> Result<Option<Event>, Error>,
    ) -> Result<Order, Error> {
        let id = order.created.id;
        let lease = self.leases.issue(id, false).await?;
        let decide = |order: &Aggregate| order.fresh(if_match, decide(order)?);
        let driver = match self.journal.decide(order, Seize(&lease), decide).await? {
            Decision::Recorded(order) => Some(self.spawn(lease, order)),
            Decision::Moot(_) => None,
        };
        Ok(self.wait(id, driver).await?.view())
    }
}
