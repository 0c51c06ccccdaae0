//! Goes on with orders that nobody drives: their process died, or they have waited long enough.
use std::{sync::Arc, time::Duration};

use kernel::{Call, Fault, Tasks};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{Checkout, drive::DRIVE, lease::Lease};
use crate::{
    Error,
    failpoints::{reach, resume},
    order::Aggregate,
};

/// How many orders one process picks up at a time.
const AT_ONCE: usize = 16;
/// How often it looks.
const LOOK: Duration = Duration::from_millis(500);

/// Looks for orders that are due until the process stops; `wake` makes it look at once.
pub(crate) fn start(tasks: &Tasks, checkout: Arc<Checkout>, wake: Arc<Notify>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let own = tasks.clone();
    let step = move || {
        let (tasks, checkout, places) = (own.clone(), Arc::clone(&checkout), Arc::clone(&places));
        async move {
            let outcome = step(&tasks, &checkout, places).await;
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
async fn step(tasks: &Tasks, checkout: &Arc<Checkout>, places: Arc<Semaphore>) -> Result<bool, Error> {
    let place = places.acquire_owned().await.map_err(Fault::internal)?;
    let Some(id) = checkout.leases.due().await? else { return Ok(false) };
    // Another replica may have been quicker: then there may be more.
    if let Some(lease) = checkout.leases.acquire(id).await? {
        reach(resume::claimed);
        let order = checkout.journal.find(id).await?;
        tasks.spawn(drive(Arc::clone(checkout), lease, order, place));
    }
    Ok(true)
}

async fn drive(checkout: Arc<Checkout>, lease: Lease, order: Aggregate, _place: OwnedSemaphorePermit) {
    tracing::info!(order.id = %lease.order_id, attempts = lease.attempts, "going on with an order");
    Call::fresh(DRIVE).scope(checkout.drive(lease, order)).await;
}
