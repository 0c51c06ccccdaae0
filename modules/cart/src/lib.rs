#![doc = include_str!("../README.md")]
mod api;
mod domain;
mod error;
mod guests;
mod routes;
mod service;
mod store;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use kernel::{Context, StartError};
use products::Products;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

pub use api::*;
pub use error::Error;

mod failpoints {
    pub(crate) use kernel::failpoint::reach;

    kernel::failpoints! { "cart": close => { uncommitted, committed } }
}

/// What customers and guests mean to buy.
#[derive(Debug)]
pub struct Module;

#[derive(Deserialize)]
struct Config {
    guest_days: i64,
}

impl kernel::Module for Module {
    type Api = dyn Carts;
    type Deps = Arc<dyn Products>;
    const MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/cart");
    const FAILPOINTS: kernel::failpoint::Names = failpoints::NAMES;

    async fn start(context: Context, products: Self::Deps) -> Result<Arc<dyn Carts>, StartError> {
        let Config { guest_days } = context.config()?;
        if !(1..=3650).contains(&guest_days) {
            return Err("`cart.guest_days` must be 1 to 3650".into());
        }
        service::sweep(&context, guest_days);
        Ok(Arc::new(service::Service::new(&context, products)))
    }

    fn routes(api: Arc<dyn Carts>) -> OpenApiRouter {
        routes::routes(api)
    }
}
