//! Writing decisions down: the event, the order's row and what is published, in one transaction.
use std::future::Future;

use kernel::{Clock, Db, Fault, Outbox, Tx};
use uuid::Uuid;

use super::{
    Aggregate,
    event::{Created, Event},
    store,
};
use crate::{
    Error, OrderChanged, OrderId,
    failpoints::{self, reach},
};

/// Where decisions are written down.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    pub(crate) db: Db,
    pub(crate) outbox: Outbox,
    pub(crate) clock: Clock,
}

/// What else happens in a decision's transaction, and whether it may commit; `()` where nothing does.
pub(crate) trait Guard: Copy + Send + Sync {
    /// Why a decision is not written.
    type Refusal: From<Error> + From<Fault>;

    /// The lease without which the order stays as it is.
    fn fence(self) -> Option<Uuid> {
        None
    }

    /// What is said of an order that stayed as it is.
    fn fenced() -> Self::Refusal {
        Fault::internal("an order stayed as it is, and nobody holds it").into()
    }

    /// Does it, or says why nothing may be written.
    fn pass(self, tx: &mut Tx) -> impl Future<Output = Result<(), Self::Refusal>> + Send;
}

impl Guard for () {
    type Refusal = Error;

    async fn pass(self, _: &mut Tx) -> Result<(), Error> {
        Ok(())
    }
}

/// What became of a decision: the order as it is then.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It is written down.
    Recorded(Aggregate),
    /// The order, as it is by now, does not call for it.
    Moot(Aggregate),
}

impl Decision {
    /// The order, whoever decided.
    pub(crate) fn order(self) -> Aggregate {
        let (Self::Recorded(order) | Self::Moot(order)) = self;
        order
    }
}

impl Journal {
    /// Begins an order; none where its key, its cart or its number is taken.
    ///
    /// The key of `spent`, an order that came to nothing, is free.
    pub(crate) async fn create(
        &self,
        created: Created,
        guard: impl Guard<Refusal = Error>,
        spent: Option<OrderId>,
    ) -> Result<Option<Aggregate>, Error> {
        let at = self.clock.now();
        let event = Event::OrderCreated(Box::new(created.clone()));
        let order = Aggregate::new(created, at);
        let mut tx = self.db.begin().await?;
        if let Some(spent) = spent {
            store::free_key(&mut tx, spent, &order.created.key).await?;
        }
        if !store::insert(&mut tx, &order).await? {
            return Ok(None);
        }
        store::append(&mut tx, order.created.id, order.version, &event, at).await?;
        guard.pass(&mut tx).await?;
        commit(tx, &order, &event).await?;
        Ok(Some(order))
    }

    /// Decides on an order and writes that down. Whoever commits first wins; the other decides again, on what is then.
    pub(crate) async fn decide<G: Guard>(
        &self,
        mut order: Aggregate,
        guard: G,
        decide: impl Fn(&Aggregate) -> Result<Option<Event>, Error>,
    ) -> Result<Decision, G::Refusal> {
        loop {
            let Some(event) = decide(&order)? else { return Ok(Decision::Moot(order)) };
            let mut tx = self.db.begin().await.map_err(Fault::from)?;
            // The saga's row before the order's, always: two transactions cannot wait for each other.
            guard.pass(&mut tx).await?;
            if let Some((next, told)) = self.append_if(&mut tx, &order, &event, guard.fence()).await? {
                commit(tx, &next, &event).await?;
                if told {
                    self.outbox.wake();
                }
                return Ok(Decision::Recorded(next));
            }
            drop(tx);
            let before = order.version;
            order = self.find(order.created.id).await?;
            if order.version == before {
                return Err(G::fenced());
            }
        }
    }

    /// Adds an event to the order as it is in `order`; none where it has moved on since.
    pub(crate) async fn append(
        &self,
        tx: &mut Tx,
        order: &Aggregate,
        event: &Event,
    ) -> Result<Option<Aggregate>, Fault> {
        Ok(self.append_if(tx, order, event, None).await?.map(|(next, _)| next))
    }

    /// The same, if the saga still has that `fence`; and whether others are told.
    async fn append_if(
        &self,
        tx: &mut Tx,
        order: &Aggregate,
        event: &Event,
        fence: Option<Uuid>,
    ) -> Result<Option<(Aggregate, bool)>, Fault> {
        let at = self.clock.now();
        let next = order.clone().after(event, at);
        if !store::update(tx, &next, fence).await? {
            return Ok(None);
        }
        store::append(tx, next.created.id, next.version, event, at).await?;
        let published = event.published(OrderChanged { order: next.view() });
        if let Some(published) = &published {
            self.outbox.add(tx, published).await?;
        }
        Ok(Some((next, published.is_some())))
    }

    /// The order `id`, which somebody may look at or not.
    pub(crate) async fn find(&self, id: OrderId) -> Result<Aggregate, Error> {
        store::find(&self.db, id).await?.ok_or(Error::OrderNotFound)
    }
}

async fn commit(tx: Tx, order: &Aggregate, event: &Event) -> Result<(), Fault> {
    macro_rules! with_its_places {
        ($($kind:ident)+) => {
            match event {
                $(Event::$kind { .. } => {
                    reach(failpoints::$kind::uncommitted);
                    tx.commit().await?;
                    reach(failpoints::$kind::committed);
                })+
            }
        };
    }
    with_its_places!(OrderCreated PaymentActionRequired OrderConfirmed PaymentCaptured OrderCancelling OrderCancelled
                     OrderShipped OrderRefunded OrderCorrected);
    metrics::counter!("stoa_order_events_total", "kind" => event.kind()).increment(1);
    tracing::info!(order.id = %order.created.id, order.version = order.version, kind = event.kind(), "order changed");
    Ok(())
}
