#![doc = include_str!("../README.md")]
mod api;
mod channel;
mod consumer;
mod domain;
mod error;
mod letter;
mod resend;
mod routes;
mod sender;
mod service;
mod store;
#[cfg(test)]
mod tests;

use std::{fmt::Display, sync::Arc};

use kernel::{Context, EmailAddress, Failure, Fault, StartError, Violation, Wire, line};
use lettre::{address::AddressError, message::Mailbox};
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
    /// A name and an address that is one by the same rule as any customer's.
    fn sender(&self) -> Result<Mailbox, StartError> {
        let refused = |error: &dyn Display| {
            StartError::from(format!("`notifications.from` must be like `Stoa <shop@example.com>`: {error}"))
        };
        let Mailbox { name, email } = self.from.parse().map_err(|error: AddressError| refused(&error))?;
        let email: EmailAddress = email.to_string().parse().map_err(|flaw: Violation| refused(&flaw))?;
        Ok(Mailbox::new(name, channel::address(&email).map_err(|error| refused(&error))?))
    }

    fn check(&self) -> Result<(), StartError> {
        line(&self.shop.shop_name, 1, 100).map_err(|flaw| format!("`notifications.shop_name` {flaw}"))?;
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
    const HEARS: &'static [&'static str] = &[<dyn Orders>::NAME];

    async fn start(context: Context, orders: Self::Deps) -> Result<Arc<dyn Notifications>, StartError> {
        let config: Config = context.config()?;
        config.check()?;
        let mailbox = channel::Mailbox::open(context.data_dir.join("mailbox"), config.sender()?).await?;
        let news = Arc::new(Notify::new());
        sender::Sender::new(&context, Arc::new(mailbox)).run(&context, Arc::clone(&news));
        let writer = letter::Writer::new(config.shop)?;
        let service = Arc::new(service::Service::new(&context, Arc::clone(&orders), Arc::clone(&news)));
        let consumer = consumer::Consumer::new(&context, writer, news);
        let pull = move |after, limit, wait_ms| {
            let orders = Arc::clone(&orders);
            async move { orders.events(after, limit, wait_ms).await.map_err(fault) }
        };
        context.subscribe(<dyn Orders>::NAME, pull, Arc::new(consumer));
        Ok(service)
    }

    fn routes(api: Arc<dyn Notifications>) -> OpenApiRouter {
        routes::routes(api)
    }
}

/// Reading events has no business errors.
fn fault(error: orders::Error) -> Fault {
    error.fault().unwrap_or_else(|| Fault::internal(error))
}
