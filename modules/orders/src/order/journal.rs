//! Writing decisions down: the event, the order's row, its saga's and what is published, in one transaction.
use chrono::{DateTime, Utc};
use kernel::{Clock, Db, Fault, Outbox, Tx};

use crate::{
    Error, OrderChanged, OrderId,
    checkout::lease::{self, Lease},
    order::Aggregate,
    order::event::{Created, Event},
    order::store,
};

/// Where decisions are written down.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    pub(crate) db: Db,
    pub(crate) outbox: Outbox,
    pub(crate) clock: Clock,
}

/// What a decision does to the order's saga.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Saga<'a> {
    /// Nothing: whoever drives it goes on.
    Aside,
    /// It is taken from whoever drives it.
    Starts(&'a Lease),
    /// It goes on, if the lease still holds.
    GoesOn(&'a Lease),
    /// It rests until then, if the lease still holds.
    Sleeps(&'a Lease, DateTime<Utc>),
    /// It is over, if the lease still holds.
    Ends(&'a Lease),
}

/// What became of a decision.
#[derive(Debug)]
pub(crate) enum Decided {
    /// It is written down.
    Now(Aggregate),
    /// The order, as it is by now, does not call for it.
    Moot(Aggregate),
    /// The lease is somebody else's: nothing was written.
    Fenced,
}

impl Journal {
    /// Begins an order and its saga; none where its key, its cart or its number is taken.
    ///
    /// The key of `spent`, an order that came to nothing, is free.
    pub(crate) async fn create(
        &self,
        created: Created,
        lease: &Lease,
        spent: Option<OrderId>,
    ) -> Result<Option<Aggregate>, Fault> {
        let at = self.clock.now();
        let event = Event::OrderCreated(Box::new(created.clone()));
        let state = Aggregate::new(created, at);
        let mut tx = self.db.begin().await?;
        if let Some(spent) = spent {
            store::free_key(&mut tx, spent, &state.created.key).await?;
        }
        if !store::insert(&mut tx, &state).await? {
            return Ok(None);
        }
        store::append(&mut tx, state.created.id, state.version, &event, at).await?;
        lease::start(&mut tx, lease).await?;
        kernel::failpoint!("orders", event.kind(), "uncommitted");
        tx.commit().await?;
        kernel::failpoint!("orders", event.kind(), "committed");
        note(&state, &event);
        Ok(Some(state))
    }

    /// Decides on an order and writes that down. Whoever commits first wins; the other decides again, on what is then.
    pub(crate) async fn decide(
        &self,
        mut state: Aggregate,
        saga: Saga<'_>,
        decide: impl Fn(&Aggregate) -> Result<Option<Event>, Error>,
    ) -> Result<Decided, Error> {
        loop {
            let Some(event) = decide(&state)? else { return Ok(Decided::Moot(state)) };
            let mut tx = self.db.begin().await?;
            // The saga's row before the order's, always: two transactions cannot wait for each other.
            if !claim(&mut tx, saga).await? {
                return Ok(Decided::Fenced);
            }
            let id = state.created.id;
            if let Some(next) = self.write(&mut tx, &state, &event).await? {
                kernel::failpoint!("orders", event.kind(), "uncommitted");
                tx.commit().await?;
                kernel::failpoint!("orders", event.kind(), "committed");
                self.outbox.wake();
                note(&next, &event);
                return Ok(Decided::Now(next));
            }
            drop(tx);
            state = self.find(id).await?;
        }
    }

    /// Adds an event to the order that `state` describes; none where the order has moved on since.
    pub(crate) async fn write(
        &self,
        tx: &mut Tx,
        state: &Aggregate,
        event: &Event,
    ) -> Result<Option<Aggregate>, Fault> {
        let at = self.clock.now();
        let next = state.clone().after(event, at);
        if !store::update(tx, &next).await? {
            return Ok(None);
        }
        store::append(tx, next.created.id, next.version, event, at).await?;
        if let Some(kind) = event.published() {
            self.outbox.add(tx, kind, next.created.id, &OrderChanged { order: next.view() }).await?;
        }
        Ok(Some(next))
    }

    /// The order `id`, which somebody may look at or not.
    pub(crate) async fn find(&self, id: OrderId) -> Result<Aggregate, Error> {
        store::find(&self.db, id).await?.ok_or(Error::OrderNotFound)
    }
}

async fn claim(tx: &mut Tx, saga: Saga<'_>) -> Result<bool, Fault> {
    match saga {
        Saga::Aside => Ok(true),
        Saga::Starts(lease) => lease::start(tx, lease).await.map(|()| true),
        Saga::GoesOn(lease) => lease::hold(tx, lease).await,
        Saga::Sleeps(lease, until) => lease::sleep(tx, lease, until).await,
        Saga::Ends(lease) => lease::end(tx, lease).await,
    }
}

fn note(state: &Aggregate, event: &Event) {
    metrics::counter!("stoa_order_events_total", "kind" => event.kind()).increment(1);
    tracing::info!(order.id = %state.created.id, order.version = state.version, kind = event.kind(), "order changed");
}
