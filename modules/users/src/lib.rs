#![doc = include_str!("../README.md")]
mod accounts;
mod addresses;
mod api;
mod crypto;
mod error;
mod forms;
mod routes;
mod service;
mod sessions;
mod settings;
mod store;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use kernel::{Context, StartError};
use sqlx::migrate::Migrator;
use utoipa_axum::router::OpenApiRouter;

pub use api::*;
pub use error::Error;

use service::Service;

/// How often what has expired is swept.
const SWEEP: Duration = Duration::from_mins(10);

mod failpoints {
    pub(crate) use kernel::failpoint::reach;

    kernel::failpoints! { "users": refresh => { uncommitted, committed } }
}

/// Accounts, sessions and addresses.
#[derive(Debug)]
pub struct Module;

impl kernel::Module for Module {
    type Api = dyn Users;
    type Deps = ();
    const MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/users");
    const FAILPOINTS: kernel::failpoint::Names = failpoints::NAMES;

    async fn start(context: Context, (): ()) -> Result<Arc<dyn Users>, StartError> {
        let service = Arc::new(Service::new(&context, context.config()?)?);
        let sweeper = Arc::clone(&service);
        let sweep = move || {
            let service = Arc::clone(&sweeper);
            async move { service.sweep().await }
        };
        context.tasks.repeat(SWEEP, sweep, std::future::pending::<()>);
        Ok(service)
    }

    fn routes(api: Arc<dyn Users>) -> OpenApiRouter {
        routes::router(api)
    }
}

/// Bytes as text: base64url without padding (RFC 4648, section 5).
fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
