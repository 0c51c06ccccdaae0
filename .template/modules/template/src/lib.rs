#![doc = include_str!("../README.md")]
mod api;
mod error;
mod routes;
mod service;
mod settings;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use api::*;
pub use error::Error;
use kernel::{Context, StartError};
use service::Service;
use sqlx::migrate::Migrator;
use utoipa_axum::router::OpenApiRouter;

/// Notes that staff make and anyone reads.
#[derive(Debug)]
pub struct Module;

impl kernel::Module for Module {
    type Api = dyn Template;
    type Deps = ();
    const MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/template");

    async fn start(context: Context, (): ()) -> Result<Arc<dyn Template>, StartError> {
        let service = Arc::new(Service::new(&context)?);
        service::sweep(&context.tasks, &service);
        Ok(service)
    }

    fn routes(api: Arc<dyn Template>) -> OpenApiRouter {
        routes::routes(api)
    }
}
