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
use checkout::{reconciler, subscriber::PaymentSubscriber};
pub use error::Error;
use kernel::{Context, StartError};
use payments::Payments;
use products::Products;
use service::Service;
use sqlx::migrate::Migrator;
use users::Users;
use utoipa_axum::router::OpenApiRouter;

mod failpoints {
    pub(crate) use kernel::failpoint::reach;

    kernel::failpoints! { "orders":
        reserve, authorize, commit, capture, close, void, release, end, refund => { before, after }
        resume => { claimed }
        OrderCreated, PaymentActionRequired, OrderConfirmed, PaymentCaptured, OrderCancelling, OrderCancelled,
        OrderShipped, OrderRefunded, OrderCorrected => { uncommitted, committed }
    }
}

/// Orders, from the cart to the doorstep.
#[derive(Debug)]
pub struct Module;

type Deps = (Arc<dyn Products>, Arc<dyn Users>, Arc<dyn Carts>, Arc<dyn Payments>);

impl kernel::Module for Module {
    type Api = dyn Orders;
    type Deps = Deps;
    const MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/orders");
    const FAILPOINTS: kernel::failpoint::Names = failpoints::NAMES;

    async fn start(context: Context, deps: Deps) -> Result<Arc<dyn Orders>, StartError> {
        let payments = Arc::clone(&deps.3);
        let service = Arc::new(Service::new(&context, deps)?);
        let subscriber = PaymentSubscriber::new(service.journal.clone(), Arc::clone(&service.checkout.leases.due));
        context.subscribe(&payments, Arc::new(subscriber));
        reconciler::start(&context.tasks, Arc::clone(&service.checkout));
        operations::watch(&context.tasks, context.db.clone());
        Ok(service)
    }

    fn routes(api: Arc<dyn Orders>) -> OpenApiRouter {
        routes::routes(api)
    }
}
