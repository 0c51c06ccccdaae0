//! What is written down of a payment before its provider is asked, and after.
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use kernel::{Clock, Context, Currency, Db, Fault, Outbox, Tx};
use tokio::sync::Notify;

use super::{Aggregate, Answer, Attempt, Command, store};
use crate::{Error, PaymentChanged, RefundNote, settings::Settings};

/// Where a payment's decisions and its provider's answers are written down, and told of.
pub(crate) struct Journal {
    pub(crate) db: Db,
    pub(crate) outbox: Outbox,
    pub(crate) clock: Clock,
    pub(crate) currency: Currency,
    /// When the reconciler first looks after what is unknown.
    pub(crate) reconcile_after: Duration,
    /// Told when an outcome stays unknown: the reconciler is to look when it is due.
    pub(crate) unknown: Arc<Notify>,
}

impl Journal {
    pub(crate) fn new(context: &Context, settings: &Settings) -> Self {
        let (db, outbox, clock) = (context.db.clone(), context.outbox.clone(), context.clock.clone());
        let (currency, reconcile_after) = (context.currency, settings.reconcile_after());
        Self { db, outbox, clock, currency, reconcile_after, unknown: Arc::default() }
    }

    /// The clock that all replicas share: what one of them is to look at later must not be late by
    /// the difference of two machines' clocks.
    pub(crate) async fn database_time(&self) -> Result<DateTime<Utc>, Fault> {
        Ok(self.clock.shared(&self.db).await?)
    }

    /// The provider is about to be asked to `command`.
    pub(crate) fn attempt(&self, payment: &Aggregate, command: Command) -> Attempt {
        Attempt::new(payment.order_id, command.word(), command.key(payment.order_id), self.clock.now())
    }

    /// Records what came back about `asked`, the payment as it was then, and tells of it where that moved it.
    pub(crate) async fn record(
        &self,
        asked: &Aggregate,
        attempt: &Attempt,
        answer: &Answer,
    ) -> Result<Aggregate, Error> {
        let mut tx = self.db.begin().await?;
        let (payment, moved) = self.apply(&mut tx, asked, answer).await?;
        store::answered(&mut tx, attempt, answer.word(), self.clock.now()).await?;
        tx.commit().await?;
        if moved {
            self.outbox.wake();
        }
        if payment.open.is_some() {
            self.unknown.notify_one();
        }
        Ok(payment)
    }

    /// Applies an answer to a payment that is as it was `seen`, or has moved on since; true if there is an event to wake for.
    pub(crate) async fn apply(
        &self,
        tx: &mut Tx,
        seen: &Aggregate,
        answer: &Answer,
    ) -> Result<(Aggregate, bool), Error> {
        if let Some(applied) = self.advance(tx, seen, answer).await? {
            return Ok(applied);
        }
        let locked = store::lock(tx, seen.order_id).await?.ok_or(Error::PaymentNotFound)?;
        let changed = || Fault::internal("a payment changed although it was locked");
        Ok(self.advance(tx, &locked, answer).await?.ok_or_else(changed)?)
    }

    /// The same, unless it is not as it was `before`.
    async fn advance(
        &self,
        tx: &mut Tx,
        before: &Aggregate,
        answer: &Answer,
    ) -> Result<Option<(Aggregate, bool)>, Fault> {
        let mut after = before.clone();
        let moved = after.apply(answer).is_some();
        if moved {
            after.updated_at = self.clock.now();
        }
        let Some(payment) = store::advance(tx, before, &after).await? else { return Ok(None) };
        if moved {
            self.publish(tx, &payment, None).await?;
        }
        Ok(Some((payment, moved)))
    }

    /// Tells of a payment's new status, in the transaction that changes it.
    pub(crate) async fn publish(
        &self,
        tx: &mut Tx,
        payment: &Aggregate,
        refund: Option<RefundNote>,
    ) -> Result<(), Fault> {
        let changed = PaymentChanged { payment: payment.view(), refund };
        let &Aggregate { id, order_id, status, .. } = payment;
        tracing::info!(order.id = %order_id, payment.id = %id, %status, "payment changed");
        match status.event(changed) {
            Some(event) => self.outbox.add(tx, &event).await,
            None => Ok(()),
        }
    }
}
