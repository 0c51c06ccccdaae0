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
mod store;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use kernel::{Context, StartError};
use serde::Deserialize;
use sqlx::migrate::Migrator;
use utoipa_axum::router::OpenApiRouter;

pub use api::*;
pub use error::Error;

/// The module's settings, `[users]`.
#[derive(Clone, Deserialize)]
struct Config {
    /// What the key of access tokens is derived from.
    signing_secret: Option<String>,
    /// The one before it, whose tokens are still good.
    previous_signing_secret: Option<String>,
    /// How long an access token is good, in seconds.
    access_token_seconds: u32,
    /// How long a session lasts after it was last refreshed, in days.
    refresh_token_days: u32,
    /// How long after a refresh token was used it may be used again, in seconds.
    refresh_grace_seconds: u32,
    /// What one password costs, in KiB of memory.
    argon2_memory_kib: u32,
    /// What one password costs, in passes over it.
    argon2_iterations: u32,
    /// How many passwords may wait to be hashed.
    password_queue: usize,
    /// How many wrong passwords an account may get in a window.
    sign_in_attempts: u32,
    /// How long that window is, in minutes.
    sign_in_window_minutes: u32,
}

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
        let service = Arc::new(service::Service::new(&context, context.config()?)?);
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

#[cfg(test)]
impl Config {
    /// The shop's own settings, but passwords that cost next to nothing.
    fn cheap() -> Self {
        Self {
            signing_secret: None,
            previous_signing_secret: None,
            access_token_seconds: 900,
            refresh_token_days: 30,
            refresh_grace_seconds: 10,
            argon2_memory_kib: 64,
            argon2_iterations: 1,
            password_queue: 64,
            sign_in_attempts: 10,
            sign_in_window_minutes: 15,
        }
    }
}
