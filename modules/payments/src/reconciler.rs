//! Looking after payments and refunds whose outcome is unknown: a process crashed, an answer or a webhook
//! got lost, or a cancel overtook what it cancels.
use std::{future::pending, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use kernel::{Call, call::DEFAULT_TIMEOUT};
use uuid::Uuid;

use crate::{
    Error,
    payment::{
        Command, next_look,
        store::{self, refunds},
    },
    service::Service,
};

/// How often it looks for what is due.
const PAUSE: Duration = Duration::from_secs(1);

/// How many it takes up at a time.
const BATCH: i64 = 50;

impl Service {
    /// Reconciles until shutdown; on each replica, which share the work by claiming it.
    pub(crate) fn keep_reconciling(self: &Arc<Self>) {
        let this = Arc::clone(self);
        let step = move || {
            let this = Arc::clone(&this);
            async move {
                let outcome = match this.database_time().await {
                    Ok(now) => this.reconcile(now).await,
                    Err(fault) => Err(fault.into()),
                };
                outcome
                    .inspect_err(|error| tracing::warn!(%error, "cannot look for payments that are due"))
                    .unwrap_or(false)
            }
        };
        self.context.tasks.repeat(PAUSE, step, pending);
    }

    /// Looks after all that is due at `now`, by the database's clock; true if there may be more.
    pub(crate) async fn reconcile(&self, now: DateTime<Utc>) -> Result<bool, Error> {
        let after = self.config.reconcile_after();
        let payments = store::due(&self.context.db, now, BATCH).await?;
        let refunds = refunds::due(&self.context.db, now, BATCH).await?;
        let more = payments.len() + refunds.len() >= usize::try_from(BATCH).unwrap_or_default();
        for (order_id, tries) in payments {
            let next = next_look(now, after, tries + 1);
            if !self.context.tasks.is_stopping() && store::claim(&self.context.db, order_id, now, next).await? {
                note(order_id, Call::fresh(DEFAULT_TIMEOUT).scope(self.resolve(order_id)).await);
            }
        }
        for (order_id, key, tries) in refunds {
            let next = next_look(now, after, tries + 1);
            if !self.context.tasks.is_stopping() && refunds::claim(&self.context.db, order_id, &key, now, next).await? {
                note(order_id, Call::fresh(DEFAULT_TIMEOUT).scope(self.resume_refund(order_id, &key)).await);
            }
        }
        Ok(more)
    }

    /// Finds out how one payment stands. It takes nothing on its own: what turns out to be held is told, so
    /// that the order goes on; what was given up is let go.
    async fn resolve(&self, order_id: Uuid) -> Result<(), Error> {
        let aggregate = store::find(&self.context.db, order_id).await?.ok_or(Error::PaymentNotFound)?;
        let aggregate = match aggregate.open {
            None => return Ok(()),
            Some(Command::Void) => aggregate,
            Some(Command::Authorize | Command::Capture) => self.look(&aggregate).await?,
        };
        if aggregate.unfinished() {
            self.settle(order_id).await?;
        }
        Ok(())
    }
}

fn note(order_id: Uuid, outcome: Result<(), Error>) {
    let word = if outcome.is_ok() { "done" } else { "failed" };
    metrics::counter!("stoa_payments_reconciled_total", "outcome" => word).increment(1);
    match outcome {
        Ok(()) => tracing::info!(order.id = %order_id, "looked after a payment whose outcome was unknown"),
        Err(error) => tracing::warn!(order.id = %order_id, %error, "a payment's outcome is still unknown"),
    }
}
