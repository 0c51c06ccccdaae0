//! What the shop decides about its catalogue.
use chrono::TimeDelta;
use kernel::StartError;
use serde::Deserialize;

/// The section `[products]`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Settings {
    reservation_minutes: u32,
    cache_mb: u32,
    pub(crate) demo: bool,
}

impl Settings {
    /// Refuses what cannot be meant, in a sentence that names the setting.
    pub(crate) fn checked(self) -> Result<Self, StartError> {
        if self.reservation_minutes == 0 {
            return Err("`products.reservation_minutes` must be 1 or more".into());
        }
        Ok(self)
    }

    /// How many bytes of what customers were shown are kept.
    pub(crate) fn cache(&self) -> usize {
        usize::try_from(self.cache_mb).unwrap_or_default() << 20
    }

    /// How long stock is kept for an order.
    pub(crate) fn reservation(&self) -> TimeDelta {
        TimeDelta::minutes(self.reservation_minutes.into())
    }
}
