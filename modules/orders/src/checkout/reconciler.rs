//! Goes on with orders that nobody drives: their process died, or they have waited long enough.
use std::{sync::Arc, time::Duration};

use kernel::{Call, Fault, Tasks};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::{
    Error,
    checkout::{lease::Lease, saga::Saga},
    order::Aggregate,
};

/// How many orders one process picks up at a time.
const AT_ONCE: usize = 16;
/// How often it looks.
const LOOK: Duration = Duration::from_millis(500);
/// What a whole drive may take; each of its steps is bounded by its lease.
pub(crate) const DRIVE: Duration = Duration::from_mins(5);

/// Looks for orders that are due until the process stops; `wake` makes it look at once.
pub(crate) fn start(tasks: &Tasks, saga: Arc<Saga>, wake: Arc<Notify>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let own = tasks.clone();
    let step = move || {
        let (tasks, saga, places) = (own.clone(), Arc::clone(&saga), Arc::clone(&places));
        async move {
            let outcome = step(&tasks, &saga, places).await;
            outcome.inspect_err(|error| tracing::warn!(%error, "cannot look for orders to go on with")).unwrap_or(false)
        }
    };
    let woken = move || {
        let wake = Arc::clone(&wake);
        async move { wake.notified().await }
    };
    tasks.repeat(LOOK, step, woken);
}

/// Picks up the order that is due for longest; true if there was one.
async fn step(tasks: &Tasks, saga: &Arc<Saga>, places: Arc<Semaphore>) -> Result<bool, Error> {
    let place = places.acquire_owned().await.map_err(Fault::internal)?;
    let Some(id) = saga.leases.due().await? else { return Ok(false) };
    // Another replica may have been quicker: then there may be more.
    if let Some(lease) = saga.leases.claim(id).await? {
        kernel::failpoint!("orders.resume.claimed");
        let state = saga.journal.find(id).await?;
        tasks.spawn(drive(Arc::clone(saga), lease, state, place));
    }
    Ok(true)
}

async fn drive(saga: Arc<Saga>, lease: Lease, state: Aggregate, _place: OwnedSemaphorePermit) {
    tracing::info!(order.id = %lease.order_id, attempts = lease.attempts, "going on with an order");
    Call::fresh(DRIVE).scope(saga.drive(lease, state)).await;
}
