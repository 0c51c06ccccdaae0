//! Orders behind their trait.
use std::sync::Arc;

use kernel::{Caller, Condition, Context, Db, Page, PageQuery, StartError, async_trait};
use payments::Payments;
use uuid::Uuid;

use crate::{
    Deps, Error, HistoryEntry, NewOrder, NewQuote, NewRefund, NewShipment, Order, OrderId, OrderPatch, OrderQuery,
    Orders, Outcome, Quote, StuckOrder,
    checkout::Checkout,
    operations,
    order::{event::Event, journal::Journal, store},
    settings::Settings,
};

/// Orders.
pub(crate) struct Service {
    db: Db,
    payments: Arc<dyn Payments>,
    pub(crate) journal: Journal,
    pub(crate) checkout: Arc<Checkout>,
}

impl Service {
    /// The service, without what works in the background.
    pub(crate) fn new(context: &Context, deps: Deps) -> Result<Self, StartError> {
        let settings = context.config::<Settings>()?.checked()?;
        let (db, outbox) = (context.db.clone(), context.outbox.clone());
        let journal = Journal { db: db.clone(), outbox, clock: context.clock.clone() };
        let payments = Arc::clone(&deps.3);
        let checkout = Arc::new(Checkout::new(context, deps, journal.clone(), settings));
        Ok(Self { db, payments, journal, checkout })
    }
}

#[async_trait]
impl Orders for Service {
    async fn quote(&self, caller: Caller, quote: NewQuote) -> Result<Quote, Error> {
        self.checkout.quote(caller, quote).await
    }

    async fn place(&self, caller: Caller, key: String, id: Option<OrderId>, order: NewOrder) -> Result<Order, Error> {
        self.checkout.place(caller, key, id, order).await
    }

    async fn get(&self, caller: Caller, id: OrderId) -> Result<Order, Error> {
        Ok(self.journal.find(id).await?.visible_to(&caller)?.view())
    }

    async fn list(&self, caller: Caller, query: OrderQuery) -> Result<Page<Order>, Error> {
        let OrderQuery { status, limit, cursor } = query;
        let (limit, before) = PageQuery { limit, cursor }.read::<Uuid>()?;
        let owner = caller.owner().filter(|_| !caller.is_staff());
        if owner.is_none() {
            caller.staff()?;
        }
        let owner = owner.map(|owner| owner.to_string());
        let before = before.unwrap_or(Uuid::max());
        let orders = store::list(&self.db, owner, status, before, limit + 1).await?;
        Ok(Page::new(orders, limit, |order| order.created.id.0).map(|order| order.view()))
    }

    async fn history(&self, caller: Caller, id: OrderId) -> Result<Vec<HistoryEntry>, Error> {
        let staff = caller.is_staff();
        let history = store::history(&self.db, id).await?;
        let is_theirs = |event: &Event| matches!(event, Event::OrderCreated(created) if created.is_of(&caller));
        if !history.first().is_some_and(|(_, first, _)| staff || is_theirs(first)) {
            return Err(Error::OrderNotFound);
        }
        let shown = history.into_iter().map(|(version, event, at)| HistoryEntry {
            version,
            kind: event.kind().into(),
            at,
            data: event.shown(staff),
        });
        Ok(shown.collect())
    }

    async fn correct(
        &self,
        caller: Caller,
        id: OrderId,
        patch: OrderPatch,
        if_match: Condition,
    ) -> Result<Order, Error> {
        operations::correct(&self.journal, &caller, id, patch, &if_match).await
    }

    async fn cancel(&self, caller: Caller, id: OrderId, if_match: Condition) -> Result<Order, Error> {
        operations::cancel(&self.checkout, &caller, id, &if_match).await
    }

    async fn ship(
        &self,
        caller: Caller,
        id: OrderId,
        key: String,
        shipment: NewShipment,
        if_match: Condition,
    ) -> Result<Order, Error> {
        operations::ship(&self.journal, &caller, id, key, shipment, &if_match).await
    }

    async fn refund(
        &self,
        caller: Caller,
        id: OrderId,
        key: String,
        refund: NewRefund,
        if_match: Condition,
    ) -> Result<Order, Error> {
        operations::refund(&self.journal, &*self.payments, &caller, id, key, refund, &if_match).await
    }

    async fn stuck(&self, caller: Caller, page: PageQuery) -> Result<Page<StuckOrder>, Error> {
        operations::stuck(&self.db, &caller, &page).await
    }

    async fn retry(&self, caller: Caller, id: OrderId) -> Result<Order, Error> {
        operations::retry(&self.checkout, &caller, id).await
    }

    async fn force(&self, caller: Caller, id: OrderId, outcome: Outcome, if_match: Condition) -> Result<Order, Error> {
        operations::force(&self.checkout, &caller, id, outcome, &if_match).await
    }
}
