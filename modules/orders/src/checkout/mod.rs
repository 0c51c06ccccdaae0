//! From a cart to an order that is paid: a saga that survives its process.
//!
//! Read [`place`] (from a request to an order) with [`pricing`] (what it costs), then [`saga`] (the steps, the pivot, the
//! compensation) and [`lease`] (one driver at a time). [`drive`] waits for a saga; [`reconciler`] and [`subscriber`] go on
//! with it when nobody does.
mod drive;
pub(crate) mod lease;
mod place;
mod pricing;
pub(crate) mod reconciler;
mod saga;
pub(crate) mod subscriber;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use cart::Carts;
use kernel::{Context, Currency, Tasks};
use lease::Leases;
use payments::Payments;
use products::Products;
use tokio::sync::Notify;
use users::Users;

use crate::{order::journal::Journal, settings::Settings};

/// What places orders, and drives them to where nothing is left to do.
pub(crate) struct Checkout {
    products: Arc<dyn Products>,
    users: Arc<dyn Users>,
    carts: Arc<dyn Carts>,
    payments: Arc<dyn Payments>,
    pub(crate) journal: Journal,
    pub(crate) leases: Leases,
    settings: Settings,
    currency: Currency,
    tasks: Tasks,
    /// Told whenever a drive has ended: for those who wait for an order that somebody else drives.
    news: Notify,
}

impl Checkout {
    pub(crate) fn new(
        context: &Context,
        (products, users, carts, payments): crate::Deps,
        journal: Journal,
        settings: Settings,
    ) -> Self {
        let (db, clock) = (context.db.clone(), context.clock.clone());
        let leases = Leases { db, clock, length: settings.lease(), due: Arc::default() };
        let (tasks, currency) = (context.tasks.clone(), context.currency);
        Self { products, users, carts, payments, journal, leases, settings, currency, tasks, news: Notify::new() }
    }
}
