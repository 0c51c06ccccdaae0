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
#[cfg(test)]
mod tests;
mod webhooks;

use std::{sync::Arc, time::Duration};

pub use api::*;
pub use error::Error;
use kernel::{Context, Mode, StartError};
use provider::{Provider, Test};
use serde::Deserialize;
use service::Service;
use utoipa_axum::router::OpenApiRouter;

/// The `[payments]` section of the configuration.
#[derive(Clone, Deserialize)]
struct Config {
    public_url: String,
    test_provider: TestProvider,
    webhook_secret: Option<String>,
    test_slow_ms: u64,
    provider_timeout_ms: u64,
    reconcile_after_seconds: u32,
}

/// Where the test provider may be chosen.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TestProvider {
    Dev,
    Allowed,
}

impl Config {
    fn provider_timeout(&self) -> Duration {
        Duration::from_millis(self.provider_timeout_ms)
    }

    fn reconcile_after(&self) -> chrono::Duration {
        chrono::Duration::seconds(self.reconcile_after_seconds.into())
    }
}

/// Payments, as a process hosts them.
#[derive(Debug)]
pub struct Module;

impl kernel::Module for Module {
    type Api = dyn Payments;
    type Deps = ();
    const MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/payments");

    async fn start(context: Context, (): ()) -> Result<Arc<dyn Payments>, StartError> {
        let config: Config = context.config()?;
        let providers = providers(&context, &config)?;
        context.relay();
        let service = Arc::new(Service::new(context, config, providers));
        service.keep_reconciling();
        Ok(service)
    }

    fn routes(api: Arc<dyn Payments>) -> OpenApiRouter {
        routes::router(api)
    }
}

/// The providers that are set up: one line each.
fn providers(context: &Context, config: &Config) -> Result<Vec<Arc<dyn Provider>>, StartError> {
    let mut providers: Vec<Arc<dyn Provider>> = Vec::new();
    if context.mode == Mode::Dev || config.test_provider == TestProvider::Allowed {
        providers.push(Arc::new(test_provider(context, config)?));
    }
    if providers.is_empty() {
        return Err("no payment provider is set up: outside dev mode `payments.test_provider` must be \"allowed\" \
                    for the one that moves no money"
            .into());
    }
    Ok(providers)
}

fn test_provider(context: &Context, config: &Config) -> Result<Test, StartError> {
    Ok(Test {
        db: context.db.clone(),
        clock: context.clock.clone(),
        tasks: context.tasks.clone(),
        slow: Duration::from_millis(config.test_slow_ms),
        public_url: config.public_url.clone(),
        secret: context.secret("webhook_secret", config.webhook_secret.clone())?,
    })
}
