//! Who mail comes from, and what it says of the shop.
use std::fmt::Display;

use kernel::{EmailAddress, StartError, Violation, line};
use lettre::{address::AddressError, message::Mailbox};
use serde::Deserialize;

use crate::{channel, email::Shop};

/// The section `[notifications]`.
#[derive(Deserialize)]
pub(crate) struct Settings {
    pub(crate) from: String,
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
        Ok(self)
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
