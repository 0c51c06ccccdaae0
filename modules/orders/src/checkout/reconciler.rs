//! Goes on with orders that nobody drives: their process died, or they have waited long enough.
use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use kernel::{Call, Fault, Tasks};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Checkout, drive::DRIVE, lease::Lease};
use crate::{
    Error,
    failpoints::{reach, resume},
    order::Aggregate,
};

/// How many orders one process picks up at a time.
const AT_ONCE: usize = 16;
/// How often it looks for what others have left behind: each lease is seen once before it runs out.
const LOOK: Duration = Duration::from_secs(10);

/// Goes on with orders once they are due, until the process stops. In between it sleeps: until the next one is due, until
/// it is told of one, or until it is time to look for those of others.
pub(crate) fn start(tasks: &Tasks, checkout: Arc<Checkout>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let (due, look) = (Arc::clone(&checkout.leases.due), LOOK.min(checkout.leases.step()));
    let own = tasks.clone();
    let step = move || {
        let (tasks, checkout, places) = (own.clone(), Arc::clone(&checkout), Arc::clone(&places));
        async move {
            let looked = step(&tasks, &checkout, places).await;
            let left = looked.inspect_err(|error| tracing::warn!(%error, "cannot look for orders to go on with"));
            left.unwrap_or(TimeDelta::MAX)
        }
    };
    tasks.repeat_due(look, step, due);
}

/// Picks up the order that is due for longest, or says how long that is still to come.
async fn step(tasks: &Tasks, checkout: &Arc<Checkout>, places: Arc<Semaphore>) -> Result<TimeDelta, Error> {
    let place = places.acquire_owned().await.map_err(Fault::internal)?;
    let Some((id, left)) = checkout.leases.next().await? else { return Ok(TimeDelta::MAX) };
    if left > TimeDelta::zero() {
        return Ok(left);
    }
    // Another replica may have been quicker: then there may be more.
    if let Some(lease) = checkout.leases.acquire(id).await? {
        reach(resume::claimed);
        let order = checkout.journal.find(id).await?;
        tasks.spawn(drive(Arc::clone(checkout), lease, order, place));
    }
    Ok(TimeDelta::zero())
}

async fn drive(checkout: Arc<Checkout>, lease: Lease, order: Aggregate, _place: OwnedSemaphorePermit) {
    tracing::info!(order.id = %lease.order_id, attempts = lease.attempts, "going on with an order");
    Call::fresh(DRIVE).scope(checkout.drive(lease, order)).await;
}
