//! Who mail comes from, and what it says of the shop.
use std::fmt::Display;

use chrono::TimeDelta;
use kernel::{EmailAddress, StartError, Violation, line};
use lettre::{address::AddressError, message::Mailbox};
use serde::Deserialize;

use crate::{channel, email::Shop};

/// A message is what an event is not told by a second time: it is kept for longer than any event comes again.
const LEAST_DAYS: u32 = 30;

/// The section `[notifications]`.
#[derive(Deserialize)]
pub(crate) struct Settings {
    pub(crate) from: String,
    pub(crate) keep_days: u32,
    #[serde(flatten)]
    pub(crate) shop: Shop,
}

impl Settings {
    /// Refuses what no e-mail can say, in a sentence that names the setting.
    pub(crate) fn checked(self) -> Result<Self, StartError> {
        line(&self.shop.shop_name, 1, 100).map_err(|flaw| format!("`notifications.shop_name` {flaw}"))?;
        let url = &self.shop.shop_url;
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err("`notifications.shop_url` must begin with https:// or http://".into());
        }
        self.sender()?;
        if (1..LEAST_DAYS).contains(&self.keep_days) {
            return Err(format!("`notifications.keep_days` must be 0, for ever, or at least {LEAST_DAYS}").into());
        }
        Ok(self)
    }

    /// How long messages are kept that nobody is to send any more; none for ever.
    pub(crate) fn kept(&self) -> Option<TimeDelta> {
        (self.keep_days > 0).then(|| TimeDelta::days(self.keep_days.into()))
    }

    /// A name and an address that is one by the same rule as any customer's.
    pub(crate) fn sender(&self) -> Result<Mailbox, StartError> {
        let refused = |error: &dyn Display| {
            StartError::from(format!("`notifications.from` must be like `Stoa <shop@example.com>`: {error}"))
        };
        let Mailbox { name, email } = self.from.parse().map_err(|error: AddressError| refused(&error))?;
        let email: EmailAddress = email.to_string().parse().map_err(|flaw: Violation| refused(&flaw))?;
        Ok(Mailbox::new(name, channel::address(&email).map_err(|error| refused(&error))?))
    }
}
