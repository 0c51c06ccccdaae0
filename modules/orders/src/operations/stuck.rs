//! Orders that do not get on: which, how many, and to try one again.
use std::time::Duration;

use kernel::{Caller, Db, Page, PageQuery, Tasks};
use uuid::Uuid;

use super::store;
use crate::{Error, Order, OrderId, StuckOrder, checkout::Checkout};

/// How often they are counted.
const COUNT: Duration = Duration::from_secs(15);

pub(crate) async fn stuck(db: &Db, caller: &Caller, page: &PageQuery) -> Result<Page<StuckOrder>, Error> {
    caller.staff()?;
    let (limit, after) = page.read::<Uuid>()?;
    let orders = store::stuck(db, after.unwrap_or_default(), limit + 1).await?;
    Ok(Page::new(orders, limit, |stuck| stuck.order_id.0))
}

/// It changes nothing but when: whoever goes on decides as ever.
pub(crate) async fn retry(checkout: &Checkout, caller: &Caller, id: OrderId) -> Result<Order, Error> {
    caller.staff()?;
    let order = checkout.journal.find(id).await?;
    checkout.leases.wake(id).await?;
    tracing::info!(order.id = %id, operator = ?caller.account().ok(), "order is to be gone on with");
    Ok(order.view())
}

/// Shows in the metrics how many there are, until the process stops.
pub(crate) fn watch(tasks: &Tasks, db: Db) {
    let step = move || {
        let db = db.clone();
        async move {
            // Where the database does not answer, the last count stands.
            if let Ok((waiting, stuck)) = store::count(&db).await {
                metrics::gauge!("stoa_sagas_waiting").set(u32::try_from(waiting).unwrap_or(u32::MAX));
                metrics::gauge!("stoa_orders_stuck").set(u32::try_from(stuck).unwrap_or(u32::MAX));
            }
            false
        }
    };
    tasks.repeat(COUNT, step, std::future::pending);
}
