//! What is written down of a payment before its provider is asked, and after.
use chrono::{DateTime, Duration, Utc};
use kernel::{Clock, Context, Currency, Db, Fault, Outbox, Tx};
use uuid::Uuid;

use super::{Aggregate, Answer, Command, store};
use crate::{Error, PaymentChanged, RefundNote, settings::Settings};

/// Where a payment's decisions and its provider's answers are written down, and told of.
pub(crate) struct Journal {
    pub(crate) db: Db,
    pub(crate) outbox: Outbox,
    pub(crate) clock: Clock,
    pub(crate) currency: Currency,
    /// When the reconciler first looks after what is unknown.
    pub(crate) reconcile_after: Duration,
}

impl Journal {
    pub(crate) fn new(context: &Context, settings: &Settings) -> Self {
        let (db, outbox, clock) = (context.db.clone(), context.outbox.clone(), context.clock.clone());
        Self { db, outbox, clock, currency: context.currency, reconcile_after: settings.reconcile_after() }
    }

    /// The clock that all replicas share: what one of them is to look at later must not be late by
    /// the difference of two machines' clocks.
    pub(crate) async fn database_time(&self) -> Result<DateTime<Utc>, Fault> {
        Ok(self.clock.shared(&self.db).await?)
    }

    /// Writes down in `tx` that the provider is about to be asked to `command`, at `now` by the database's clock.
    pub(crate) async fn ask(
        &self,
        tx: &mut Tx,
        payment: &mut Aggregate,
        command: Command,
        now: DateTime<Utc>,
    ) -> Result<Uuid, Fault> {
        payment.ask(command, now, self.reconcile_after);
        store::save(tx, payment).await?;
        store::asked(tx, payment.order_id, command.word(), &command.key(payment.order_id), self.clock.now()).await
    }

    /// Records what came back, and tells of it where that moved the payment.
    pub(crate) async fn record(&self, order_id: Uuid, attempt: Uuid, answer: &Answer) -> Result<Aggregate, Error> {
        let mut tx = self.db.begin().await?;
        let mut payment = store::lock(&mut tx, order_id).await?.ok_or(Error::PaymentNotFound)?;
        store::answered(&mut tx, attempt, answer.word(), self.clock.now()).await?;
        let moved = self.apply(&mut tx, &mut payment, answer).await?;
        tx.commit().await?;
        if moved {
            self.outbox.wake();
        }
        Ok(payment)
    }

    /// Applies an answer to `payment`, which is locked in `tx`; true if there is an event to wake for.
    pub(crate) async fn apply(&self, tx: &mut Tx, payment: &mut Aggregate, answer: &Answer) -> Result<bool, Fault> {
        let before = payment.clone();
        let moved = payment.apply(answer).is_some();
        if moved {
            payment.updated_at = self.clock.now();
        }
        if *payment != before {
            store::save(tx, payment).await?;
        }
        if moved {
            self.publish(tx, payment, None).await?;
        }
        Ok(moved)
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
