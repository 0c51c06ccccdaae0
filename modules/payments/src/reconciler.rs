//! Looking after payments and refunds whose outcome is unknown: a process crashed, an answer or a webhook
//! got lost, or a void overtook what it voids.
use std::{future::pending, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use kernel::{Call, Tasks, call::DEFAULT_TIMEOUT};
use uuid::Uuid;

use crate::{
    Error, operations,
    payment::{
        Command, Journal, next_look,
        store::{self, refunds},
    },
    provider::Providers,
    service::Service,
};

/// How often it looks for what is due.
const PAUSE: Duration = Duration::from_secs(1);

/// How many it takes up at a time.
const BATCH: i64 = 50;

/// Reconciles until shutdown; on each replica, which share the work by leasing it.
pub(crate) fn start(tasks: &Tasks, service: Arc<Service>) {
    let stopping = tasks.clone();
    let step = move || {
        let (service, tasks) = (Arc::clone(&service), stopping.clone());
        async move {
            let outcome = match service.journal.database_time().await {
                Ok(now) => reconcile(&service.journal, &service.providers, &tasks, now).await,
                Err(fault) => Err(fault.into()),
            };
            outcome
                .inspect_err(|error| tracing::warn!(%error, "cannot look for payments that are due"))
                .unwrap_or(false)
        }
    };
    tasks.repeat(PAUSE, step, pending);
}

/// Looks after all that is due at `now`, by the database's clock; true if there may be more.
pub(crate) async fn reconcile(
    journal: &Journal,
    providers: &Providers,
    tasks: &Tasks,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let (db, after) = (&journal.db, journal.reconcile_after);
    let payments = store::due(db, now, BATCH).await?;
    let refunds = refunds::due(db, now, BATCH).await?;
    let more = payments.len() + refunds.len() >= usize::try_from(BATCH).unwrap_or_default();
    for (order_id, tries) in payments {
        let until = next_look(now, after, tries + 1);
        if !tasks.is_stopping() && store::acquire(db, order_id, now, until).await? {
            note(order_id, Call::fresh(DEFAULT_TIMEOUT).scope(resume(journal, providers, order_id)).await);
        }
    }
    for (order_id, key, tries) in refunds {
        let until = next_look(now, after, tries + 1);
        if !tasks.is_stopping() && refunds::acquire(db, order_id, &key, now, until).await? {
            let resumed = operations::resume(journal, providers, order_id, &key);
            note(order_id, Call::fresh(DEFAULT_TIMEOUT).scope(resumed).await);
        }
    }
    Ok(more)
}

/// Finds out how one payment stands. It takes nothing on its own: what turns out to be held is told, so
/// that the order goes on; what was given up is undone.
async fn resume(journal: &Journal, providers: &Providers, order_id: Uuid) -> Result<(), Error> {
    let payment = store::find(&journal.db, order_id).await?.ok_or(Error::PaymentNotFound)?;
    let payment = match payment.open {
        None => return Ok(()),
        Some(Command::Void) => payment,
        Some(Command::Authorize | Command::Capture) => operations::find(journal, providers, &payment).await?,
    };
    if payment.unfinished() {
        operations::void(journal, providers, order_id).await?;
    }
    Ok(())
}

fn note(order_id: Uuid, outcome: Result<(), Error>) {
    let word = if outcome.is_ok() { "done" } else { "failed" };
    metrics::counter!("stoa_payments_reconciled_total", "outcome" => word).increment(1);
    match outcome {
        Ok(()) => tracing::info!(order.id = %order_id, "looked after a payment whose outcome was unknown"),
        Err(error) => tracing::warn!(order.id = %order_id, %error, "a payment's outcome is still unknown"),
    }
}
