#![doc = include_str!("../README.md")]
mod api;
mod checkout;
mod error;
mod forms;
mod operations;
mod order;
mod refusals;
mod routes;
mod service;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use api::*;
use cart::Carts;
use checkout::{lease, reconciler, saga::Saga, subscriber::Consumer};
pub use error::Error;
use kernel::{Context, StartError, Wire};
use payments::Payments;
use products::Products;
use service::Service;
use settings::Settings;
use sqlx::migrate::Migrator;
use tokio::sync::Notify;
use users::Users;
use utoipa_axum::router::OpenApiRouter;

/// Orders, from the cart to the doorstep.
#[derive(Debug)]
pub struct Module;

type Deps = (Arc<dyn Products>, Arc<dyn Users>, Arc<dyn Carts>, Arc<dyn Payments>);

impl kernel::Module for Module {
    type Api = dyn Orders;
    type Deps = Deps;
    const MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/orders");
    const HEARS: &'static [&'static str] = &[<dyn Payments>::NAME];

    async fn start(context: Context, deps: Deps) -> Result<Arc<dyn Orders>, StartError> {
        let payments = Arc::clone(&deps.3);
        let service = service(&context, deps)?;
        context.relay();
        let wake = Arc::new(Notify::new());
        let consumer = Consumer { journal: service.saga.journal.clone(), wake: Arc::clone(&wake) };
        let pull = move |after, limit, wait_ms| {
            let payments = Arc::clone(&payments);
            async move { payments.events(after, limit, wait_ms).await.map_err(fault) }
        };
        context.subscribe(<dyn Payments>::NAME, pull, Arc::new(consumer));
        reconciler::start(&context.tasks, Arc::clone(&service.saga), wake);
        operations::stuck::watch(&context.tasks, context.db.clone());
        Ok(service)
    }

    fn routes(api: Arc<dyn Orders>) -> OpenApiRouter {
        routes::routes(api)
    }
}

fn fault(error: payments::Error) -> kernel::Fault {
    kernel::Failure::fault(&error).unwrap_or_else(|| kernel::Fault::internal(error))
}

/// The service, without what works in the background.
fn service(context: &Context, (products, users, carts, payments): Deps) -> Result<Arc<Service>, StartError> {
    let settings = context.config::<Settings>()?.checked()?;
    let (db, outbox, clock) = (context.db.clone(), context.outbox.clone(), context.clock.clone());
    let leases = lease::Leases { db: db.clone(), clock: clock.clone(), length: settings.lease() };
    let journal = order::journal::Journal { db, outbox, clock };
    let saga = Arc::new(Saga { products, carts, payments, journal, leases, settings, news: Notify::new() });
    let (tasks, currency, letters) = (context.tasks.clone(), context.currency, context.dead_letters());
    Ok(Arc::new(Service { saga, users, tasks, currency, letters }))
}
