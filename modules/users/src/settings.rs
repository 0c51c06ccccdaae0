//! What the shop decides about accounts: how they are signed for, how long, and how much a password costs.
use chrono::TimeDelta;
use kernel::StartError;
use serde::Deserialize;

/// The section `[users]`.
#[derive(Clone, Deserialize)]
pub(crate) struct Settings {
    /// What the key of access tokens is derived from.
    pub(crate) signing_secret: Option<String>,
    /// The one before it, whose tokens are still good.
    pub(crate) previous_signing_secret: Option<String>,
    /// How long an access token is good, in seconds.
    pub(crate) access_token_seconds: u32,
    /// How long a session lasts after it was last refreshed, in days.
    pub(crate) refresh_token_days: u32,
    /// How long after a refresh token was used it may be used again, in seconds.
    pub(crate) refresh_grace_seconds: u32,
    /// What one password costs, in KiB of memory.
    pub(crate) argon2_memory_kib: u32,
    /// What one password costs, in passes over it.
    pub(crate) argon2_iterations: u32,
    /// How many passwords may wait to be hashed.
    pub(crate) password_queue: usize,
    /// How many wrong passwords an account may get in a window.
    pub(crate) sign_in_attempts: u32,
    /// How long that window is, in minutes.
    pub(crate) sign_in_window_minutes: u32,
}

impl Settings {
    /// Refuses what cannot be meant, in a sentence that names the setting.
    pub(crate) fn checked(self) -> Result<Self, StartError> {
        for (setting, given, least, most) in [
            ("access_token_seconds", self.access_token_seconds, 1, 86_400),
            ("refresh_token_days", self.refresh_token_days, 1, 3_650),
            // Longer than a minute is no mishap of two tabs any more.
            ("refresh_grace_seconds", self.refresh_grace_seconds, 0, 60),
            ("sign_in_attempts", self.sign_in_attempts, 1, 1_000_000),
            ("sign_in_window_minutes", self.sign_in_window_minutes, 1, 10_080),
        ] {
            if !(least..=most).contains(&given) {
                return Err(format!("`users.{setting}` must be {least} to {most}").into());
            }
        }
        Ok(self)
    }

    /// How long a session lasts after it was last refreshed.
    pub(crate) fn refresh(&self) -> TimeDelta {
        TimeDelta::days(self.refresh_token_days.into())
    }

    /// How long after a refresh token was used it may be used again.
    pub(crate) fn grace(&self) -> TimeDelta {
        TimeDelta::seconds(self.refresh_grace_seconds.into())
    }

    /// How long wrong passwords are counted.
    pub(crate) fn window(&self) -> TimeDelta {
        TimeDelta::minutes(self.sign_in_window_minutes.into())
    }
}

#[cfg(test)]
impl Settings {
    /// The shop's own settings, but passwords that cost next to nothing.
    pub(crate) fn cheap() -> Self {
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
