#![doc = include_str!("../README.md")]
mod api;
mod channel;
mod consumer;
mod domain;
mod error;
mod letter;
mod routes;
mod sender;
mod service;
mod store;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use kernel::{Context, Failure, Fault, StartError};
use lettre::message::Mailbox;
use orders::Orders;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use utoipa_axum::router::OpenApiRouter;

pub use api::*;
pub use error::Error;

/// Tells customers what happened.
#[derive(Debug)]
pub struct Module;

#[derive(Deserialize)]
struct Config {
    from: String,
    claim_seconds: u32,
    #[serde(flatten)]
    shop: Shop,
}

/// What letters say of the shop.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Shop {
    shop_name: String,
    shop_url: String,
}

impl Config {
    fn sender(&self) -> Result<Mailbox, StartError> {
        let refused = |error| format!("`notifications.from` must be like `Stoa <shop@example.com>`: {error}").into();
        self.from.parse().map_err(refused as fn(_) -> StartError)
    }

    fn claim(&self) -> Result<Duration, StartError> {
        if (3..=3600).contains(&self.claim_seconds) {
            Ok(Duration::from_secs(self.claim_seconds.into()))
        } else {
            Err("`notifications.claim_seconds` must be 3 to 3600".into())
        }
    }

    fn check(&self) -> Result<(), StartError> {
        let url = &self.shop.shop_url;
        if url.starts_with("https://") || url.starts_with("http://") {
            Ok(())
        } else {
            Err("`notifications.shop_url` must begin with https:// or http://".into())
        }
    }
}

impl kernel::Module for Module {
    type Api = dyn Notifications;
    type Deps = Arc<dyn Orders>;
    const MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/notifications");

    async fn start(context: Context, orders: Self::Deps) -> Result<Arc<dyn Notifications>, StartError> {
        let config: Config = context.config()?;
        config.check()?;
        let mailbox = channel::Mailbox::open(context.data_dir.join("mailbox"), config.sender()?).await?;
        let news = Arc::new(Notify::new());
        sender::Sender::new(&context, Arc::new(mailbox), config.claim()?).run(&context, Arc::clone(&news));
        let writer = letter::Writer::new(config.shop)?;
        let consumer = consumer::Consumer::new(&context, writer, news);
        let pull = move |after, limit, wait_ms| {
            let orders = Arc::clone(&orders);
            async move { orders.events(after, limit, wait_ms).await.map_err(fault) }
        };
        context.subscribe("orders", pull, Arc::new(consumer));
        Ok(Arc::new(service::Service::new(&context)))
    }

    fn routes(api: Arc<dyn Notifications>) -> OpenApiRouter {
        routes::routes(api)
    }
}

/// Reading events has no business errors.
fn fault(error: orders::Error) -> Fault {
    error.fault().unwrap_or_else(|| Fault::internal(error))
}
