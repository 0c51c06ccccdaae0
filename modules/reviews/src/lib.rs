#![doc = include_str!("../README.md")]
mod api;
mod error;
mod rating;
mod routes;
mod service;
mod settings;
mod store;
mod subscriber;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use api::*;
pub use error::Error;
use kernel::{Context, StartError};
use orders::Orders;
use products::Products;
use service::Service;
use sqlx::migrate::Migrator;
use subscriber::OrderSubscriber;
use utoipa_axum::router::OpenApiRouter;

mod failpoints {
    pub(crate) use kernel::failpoint::reach;

    kernel::failpoints! { "reviews": create => { uncommitted, committed } rate => { before, after } }
}

/// What customers say of what they bought.
#[derive(Debug)]
pub struct Module;

impl kernel::Module for Module {
    type Api = dyn Reviews;
    type Deps = (Arc<dyn Products>, Arc<dyn Orders>);
    const FAILPOINTS: kernel::failpoint::Names = failpoints::NAMES;
    const MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/reviews");

    async fn start(context: Context, (products, orders): Self::Deps) -> Result<Arc<dyn Reviews>, StartError> {
        let service = Arc::new(Service::new(&context, products)?);
        context.subscribe(&orders, Arc::new(OrderSubscriber));
        rating::keep_telling(&context.tasks, &service);
        Ok(service)
    }

    fn routes(api: Arc<dyn Reviews>) -> OpenApiRouter {
        routes::routes(api)
    }
}
