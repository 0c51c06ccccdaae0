use kernel::StartError;
use serde::Deserialize;

/// The section `[template]` of the configuration.
#[derive(Debug, Deserialize)]
pub(crate) struct Settings {
    /// A note is deleted after so many days.
    pub(crate) keep_days: i64,
}

impl Settings {
    /// Refuses what cannot work.
    pub(crate) fn checked(self) -> Result<Self, StartError> {
        if (1..=3650).contains(&self.keep_days) {
            Ok(self)
        } else {
            Err("`template.keep_days` must be 1 to 3650".into())
        }
    }
}
