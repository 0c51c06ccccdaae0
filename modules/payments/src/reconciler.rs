//! Looking after payments and refunds whose outcome is unknown: a process crashed, an answer or a webhook
//! got lost, or a void overtook what it voids.
use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Call, Tasks, call::DEFAULT_TIMEOUT};
use uuid::Uuid;

use crate::{
    Error, operations,
    payment::{
        Command, Journal, next_look,
        store::{self, Open, refunds},
    },
    provider::Providers,
    service::Service,
};

/// How often it looks for what another replica, or one that crashed, has left behind.
const LOOK: Duration = Duration::from_secs(10);

/// How many it takes up at a time.
const BATCH: i64 = 50;

/// Reconciles until shutdown, whenever something is due; on each replica, which share the work by leasing it.
pub(crate) fn start(tasks: &Tasks, service: Arc<Service>) {
    let (stopping, unknown) = (tasks.clone(), Arc::clone(&service.journal.unknown));
    let step = move || {
        let (service, tasks) = (Arc::clone(&service), stopping.clone());
        async move {
            let outcome = match service.journal.database_time().await {
                Ok(now) => reconcile(&service.journal, &service.providers, &tasks, now).await,
                Err(fault) => Err(fault.into()),
            };
            outcome
                .inspect_err(|error| tracing::warn!(%error, "cannot look for payments that are due"))
                .unwrap_or(TimeDelta::MAX)
        }
    };
    tasks.repeat_due(LOOK, step, unknown);
}

/// Looks after all that is due at `now`, by the database's clock, or says how long that is still to come.
pub(crate) async fn reconcile(
    journal: &Journal,
    providers: &Providers,
    tasks: &Tasks,
    now: DateTime<Utc>,
) -> Result<TimeDelta, Error> {
    let mut left = TimeDelta::MAX;
    for Open { order_id, key, tries, due_at } in store::open(&journal.db, BATCH).await? {
        left = left.min(due_at - now);
        if due_at > now || tasks.is_stopping() {
            break;
        }
        let (db, call) = (&journal.db, Call::fresh(DEFAULT_TIMEOUT));
        let until = next_look(now, journal.reconcile_after, tries + 1);
        match key {
            None if store::acquire(db, order_id, now, until).await? => {
                note(order_id, call.scope(resume(journal, providers, order_id)).await);
            }
            Some(key) if refunds::acquire(db, order_id, &key, now, until).await? => {
                note(order_id, call.scope(operations::resume(journal, providers, order_id, &key)).await);
            }
            // Another replica was quicker.
            _ => {}
        }
    }
    Ok(left)
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
