//! What the shop decides about its payments.
use std::time::Duration;

use kernel::{Mode, StartError};
use serde::Deserialize;

/// For so long a provider may send again what it could not deliver (Stripe: three days by itself, 30 by hand).
const LEAST_WEBHOOK_DAYS: u32 = 30;

/// The section `[payments]`.
#[derive(Clone, Deserialize)]
pub(crate) struct Settings {
    pub(crate) public_url: String,
    test_provider: TestProvider,
    pub(crate) webhook_secret: Option<String>,
    pub(crate) test_slow_ms: u64,
    provider_timeout_ms: u64,
    reconcile_after_seconds: u32,
    webhook_days: u32,
}

/// Where the test provider may be chosen.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TestProvider {
    Dev,
    Allowed,
}

impl Settings {
    /// Refuses a shop that nobody can pay.
    pub(crate) fn checked(self, mode: Mode) -> Result<Self, StartError> {
        if self.webhook_days < LEAST_WEBHOOK_DAYS {
            return Err(format!("`payments.webhook_days` must be at least {LEAST_WEBHOOK_DAYS}").into());
        }
        if mode == Mode::Dev || self.test_provider == TestProvider::Allowed {
            return Ok(self);
        }
        Err("no payment provider is set up: outside dev mode `payments.test_provider` must be \"allowed\" \
             for the one that moves no money"
            .into())
    }

    /// How long a provider may take to answer.
    pub(crate) fn provider_timeout(&self) -> Duration {
        Duration::from_millis(self.provider_timeout_ms)
    }

    /// How long it is remembered which webhooks came.
    pub(crate) fn webhooks_kept(&self) -> chrono::Duration {
        chrono::Duration::days(self.webhook_days.into())
    }

    /// When the reconciler first looks after what is unknown.
    pub(crate) fn reconcile_after(&self) -> chrono::Duration {
        chrono::Duration::seconds(self.reconcile_after_seconds.into())
    }
}
