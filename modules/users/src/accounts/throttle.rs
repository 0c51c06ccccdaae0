//! Wrong passwords, and when there have been too many.
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Digest, EmailAddress};

use super::Accounts;
use crate::{Error, store::failures};

impl Accounts {
    /// Whether `password` opens the account of `email`, which may not exist. `Err` is too many wrong ones.
    ///
    /// The answer to a guess is only told while there were fewer than so many wrong ones: a right one among
    /// many at once is refused like the others.
    pub(crate) async fn opens(&self, email: &str, password: String, stored: Option<&str>) -> Result<bool, Error> {
        let key = account_key(email);
        self.unthrottled(&key).await?;
        if self.hasher.fits(password, stored).await? {
            self.unthrottled(&key).await?;
            failures::forget(&self.db, &key, self.attempts).await?;
            return Ok(true);
        }
        let now = self.clock.shared(&self.db).await?;
        let (count, began_at) = failures::count(&self.db, &key, now, now - self.window).await?;
        if count > self.attempts {
            return Err(Error::TooManyAttempts { retry_after: retry_after(began_at, self.window, now) });
        }
        Ok(false)
    }

    async fn unthrottled(&self, key: &str) -> Result<(), Error> {
        let now = self.clock.shared(&self.db).await?;
        match failures::since(&self.db, key, self.attempts, now - self.window).await? {
            None => Ok(()),
            Some(began_at) => Err(Error::TooManyAttempts { retry_after: retry_after(began_at, self.window, now) }),
        }
    }
}

/// Under which the wrong passwords for an address are counted, however it is spelled and whether it has an account or
/// not.
pub(crate) fn account_key(email: &str) -> String {
    Digest::of(email_key(email)).base64url()
}

/// The one key of what may be an address; of an account from before there was a rule, what it was called then.
fn email_key(given: &str) -> String {
    given.parse().map_or_else(|_| given.trim().to_lowercase(), |email: EmailAddress| email.key())
}

/// How long until wrong passwords are forgotten, in whole seconds, at least one.
fn retry_after(began_at: DateTime<Utc>, window: TimeDelta, now: DateTime<Utc>) -> i64 {
    let left = began_at + window - now;
    (left.num_milliseconds() + 999).div_euclid(1000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_counted_as_one_however_it_is_spelled() {
        assert_eq!(account_key("Ada@Example.COM "), account_key("ada@example.com"));
        assert_eq!(account_key("ada@b\u{fc}cher.de"), account_key("ADA@xn--bcher-kva.DE"));
        assert_eq!(account_key(" J\u{dc}rgen@example.de"), account_key("j\u{fc}rgen@example.de"));
    }

    #[test]
    fn a_wait_is_rounded_up() {
        let began = DateTime::UNIX_EPOCH;
        let after = |ms| retry_after(began, TimeDelta::minutes(1), began + TimeDelta::milliseconds(ms));
        assert_eq!((after(0), after(500), after(59_999), after(60_000)), (60, 60, 1, 1));
    }
}
