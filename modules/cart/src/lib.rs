#![doc = include_str!("../README.md")]
mod api;
mod contents;
mod error;
mod forms;
mod routes;
mod service;
mod settings;
mod store;
#[cfg(test)]
mod tests;
mod token;

use std::{future, sync::Arc, time::Duration};

use kernel::{Context, StartError};
use products::Products;
use utoipa_axum::router::OpenApiRouter;

pub use api::*;
pub use error::Error;

use service::Service;

/// How often guests who are gone are forgotten.
const SWEEP: Duration = Duration::from_hours(1);

mod failpoints {
    pub(crate) use kernel::failpoint::reach;

    kernel::failpoints! { "cart": close => { uncommitted, committed } }
}

/// What customers and guests mean to buy.
#[derive(Debug)]
pub struct Module;

impl kernel::Module for Module {
    type Api = dyn Carts;
    type Deps = Arc<dyn Products>;
    const MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/cart");
    const FAILPOINTS: kernel::failpoint::Names = failpoints::NAMES;

    async fn start(context: Context, products: Self::Deps) -> Result<Arc<dyn Carts>, StartError> {
        let service = Arc::new(Service::new(&context, context.config()?, products)?);
        let sweeper = Arc::clone(&service);
        let sweep = move || {
            let service = Arc::clone(&sweeper);
            async move { service.sweep().await }
        };
        context.tasks.repeat(SWEEP, sweep, future::pending);
        Ok(service)
    }

    fn routes(api: Arc<dyn Carts>) -> OpenApiRouter {
        routes::routes(api)
    }
}
