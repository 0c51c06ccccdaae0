//! What the shop decides about carts.
use chrono::TimeDelta;
use kernel::StartError;
use serde::Deserialize;

/// The section `[cart]`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Settings {
    guest_days: i64,
}

impl Settings {
    /// Refuses what cannot be meant, in a sentence that names the setting.
    pub(crate) fn checked(self) -> Result<Self, StartError> {
        if (1..=3650).contains(&self.guest_days) { Ok(self) } else { Err("`cart.guest_days` must be 1 to 3650".into()) }
    }

    /// How long a guest's cart is kept untouched.
    pub(crate) fn idle(&self) -> TimeDelta {
        TimeDelta::days(self.guest_days)
    }
}
