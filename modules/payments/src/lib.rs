#![doc = include_str!("../README.md")]
mod api;
mod error;
pub mod forms;
mod operations;
mod payment;
mod provider;
mod reconciler;
mod routes;
mod service;
mod settings;
#[cfg(test)]
mod tests;
mod webhooks;

use std::sync::Arc;

pub use api::*;
pub use error::Error;
use kernel::{Context, StartError};
use service::Service;
use utoipa_axum::router::OpenApiRouter;

mod failpoints {
    pub(crate) use kernel::failpoint::reach;

    kernel::failpoints! { "payments":
        authorize, capture, find, refund => { intended, answered, recorded }
        void => { uncommitted, committed, intended, answered, recorded }
        webhook => { uncommitted, committed }
    }
}

/// Payments, as a process hosts them.
#[derive(Debug)]
pub struct Module;

impl kernel::Module for Module {
    type Api = dyn Payments;
    type Deps = ();
    const MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/payments");
    const FAILPOINTS: kernel::failpoint::Names = failpoints::NAMES;

    async fn start(context: Context, (): ()) -> Result<Arc<dyn Payments>, StartError> {
        let service = Arc::new(Service::new(&context)?);
        reconciler::start(&context.tasks, Arc::clone(&service));
        Ok(service)
    }

    fn routes(api: Arc<dyn Payments>) -> OpenApiRouter {
        routes::routes(api)
    }
}
