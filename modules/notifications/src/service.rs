//! What customers and staff can see and choose.
use std::sync::Arc;

use kernel::{Caller, Clock, Context, Db, Page, PageQuery};
use orders::Orders;
use uuid::Uuid;

use crate::{
    Delivery, DeliveryQuery, Error, Notification, NotificationId, Notifications, Preferences, outgoing::Outgoing,
    resend, store,
};

/// Notifications.
pub(crate) struct Service {
    db: Db,
    clock: Clock,
    orders: Arc<dyn Orders>,
    outgoing: Arc<Outgoing>,
}

impl Service {
    pub(crate) fn new(context: &Context, orders: Arc<dyn Orders>, outgoing: Arc<Outgoing>) -> Self {
        let (db, clock) = (context.db.clone(), context.clock.clone());
        Self { db, clock, orders, outgoing }
    }
}

/// The key of a page is the last identifier on the one before: they grow with time.
fn read(page: &PageQuery) -> Result<(i64, Uuid), Error> {
    let (limit, before) = page.read()?;
    Ok((limit, before.unwrap_or(Uuid::max())))
}

#[kernel::async_trait]
impl Notifications for Service {
    async fn list(&self, caller: Caller, page: PageQuery) -> Result<Page<Notification>, Error> {
        let customer = caller.account()?;
        let (limit, before) = read(&page)?;
        let rows = store::list(&self.db, customer, before, limit + 1).await?;
        Ok(Page::new(rows, limit, |notification| notification.id))
    }

    async fn deliveries(&self, caller: Caller, query: DeliveryQuery) -> Result<Page<Delivery>, Error> {
        caller.staff()?;
        let DeliveryQuery { status, limit, cursor } = query;
        let (limit, before) = read(&PageQuery { limit, cursor })?;
        let rows = store::deliveries(&self.db, status, before, limit + 1).await?;
        Ok(Page::new(rows, limit, |delivery| delivery.notification.id))
    }

    async fn resend(&self, caller: Caller, id: NotificationId) -> Result<Delivery, Error> {
        resend::resend(&self.db, &*self.orders, &self.outgoing, &caller, id).await
    }

    async fn preferences(&self, caller: Caller) -> Result<Preferences, Error> {
        Ok(store::preferences(&self.db, caller.account()?).await?)
    }

    async fn set_preferences(&self, caller: Caller, preferences: Preferences) -> Result<Preferences, Error> {
        store::set_preferences(&self.db, caller.account()?, &preferences, self.clock.now()).await?;
        Ok(preferences)
    }
}
