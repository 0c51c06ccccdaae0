#![doc = include_str!("../README.md")]
mod api;
mod calls;
mod catalogue;
pub mod csv;
mod demo;
mod error;
mod forms;
mod routes;
mod service;
mod settings;
mod stock;

#[cfg(test)]
mod tests;

use std::{future, sync::Arc, time::Duration};

use kernel::{Context, Mode, StartError};
use sqlx::migrate::Migrator;
use utoipa_axum::router::OpenApiRouter;

pub use api::*;
pub use error::Error;
pub use forms::Sku;

use service::Service;
use stock::reservations;

/// How often reservations that are past their time are looked for, and what is left to do for products.
const SWEEP: Duration = Duration::from_secs(5);

mod failpoints {
    pub(crate) use kernel::failpoint::reach;

    kernel::failpoints! { "products": reserve, commit, release, adjust => { uncommitted, committed } }
}

/// The catalogue and its stock.
#[derive(Debug)]
pub struct Module;

impl kernel::Module for Module {
    type Api = dyn Products;
    type Deps = ();
    const MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/products");
    const FAILPOINTS: kernel::failpoint::Names = failpoints::NAMES;

    async fn start(context: Context, (): ()) -> Result<Arc<dyn Products>, StartError> {
        let service = Arc::new(Service::new(&context, context.config()?)?);
        catalogue::ensure_currency(&service).await?;
        if context.mode == Mode::Dev && service.settings.demo {
            demo::load(&service).await?;
        }
        let sweeper = Arc::clone(&service);
        let sweep = move || {
            let service = Arc::clone(&sweeper);
            async move { reservations::expire(&service).await.unwrap_or_default() }
        };
        context.tasks.repeat(SWEEP, sweep, future::pending);
        let tidier = Arc::clone(&service);
        let tidy = move || {
            let service = Arc::clone(&tidier);
            async move { catalogue::tidy(&service).await.unwrap_or_default() }
        };
        context.tasks.repeat(SWEEP, tidy, future::pending);
        Ok(service)
    }

    fn routes(api: Arc<dyn Products>) -> OpenApiRouter {
        routes::routes(api)
    }
}
