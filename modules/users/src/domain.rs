//! What an account may be called, and what may open it.
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Digest, EmailAddress, Flaw};

use crate::forms::Password;

/// How much of what a client says of itself is kept, in characters.
const USER_AGENT_LENGTH: usize = 200;

/// The common passwords of ten characters and more, in lower case: most of them from zxcvbn's list (MIT).
const COMMON: &str = include_str!("common.txt");

/// Under which the wrong passwords for an address are counted, however it is spelled and whether it has an account or
/// not.
pub(crate) fn account_key(email: &str) -> String {
    Digest::of(email_key(email)).base64url()
}

/// The one key of what may be an address; of an account from before there was a rule, what it was called then.
fn email_key(given: &str) -> String {
    given.parse().map_or_else(|_| given.trim().to_lowercase(), |email: EmailAddress| email.key())
}

/// A password good enough for the account of `email` and `name`.
pub(crate) fn password(given: String, email: &str, name: &str) -> Result<String, Flaw> {
    let given = Password::read(given)?;
    let folded = given.to_lowercase();
    let first = folded.chars().next();
    if COMMON.lines().any(|common| common == folded) || folded.chars().all(|c| Some(c) == first) {
        return Err(Flaw::new("common_password", "is one of the first that anybody would try"));
    }
    let email = email.trim().to_lowercase();
    let mailbox = email.rsplit_once('@').map(|(mailbox, _)| mailbox);
    if folded == email || Some(&*folded) == mailbox || folded == name.trim().to_lowercase() {
        return Err(Flaw::new("guessable_password", "must not be your address or your name"));
    }
    Ok(given)
}

/// What a client says of itself, cut to what a list shows.
pub(crate) fn user_agent(given: &str) -> String {
    given.trim().chars().filter(|c| !c.is_control()).take(USER_AGENT_LENGTH).collect()
}

/// How long until wrong passwords are forgotten, in whole seconds, at least one.
pub(crate) fn retry_after(began_at: DateTime<Utc>, window: TimeDelta, now: DateTime<Utc>) -> i64 {
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
    fn a_password_is_long_and_hard_to_guess() {
        let verdict =
            |given: &str| password(given.into(), "ada.lovelace@example.com", "Ada Lovelace").map_err(|flaw| flaw.code);
        assert_eq!(verdict("123456789"), Err("too_short"));
        assert_eq!(verdict(&"é".repeat(257)), Err("too_long"));
        for common in ["qwertyuiop", "Password123", "1234567890", "zzzzzzzzzzzz", "CorrectHorseBatteryStaple"] {
            assert_eq!(verdict(common), Err("common_password"), "{common}");
        }
        for own in ["Ada.Lovelace@example.com", "ada.lovelace", "ADA LOVELACE"] {
            assert_eq!(verdict(own), Err("guessable_password"), "{own}");
        }
        for good in ["correct horse 1", "  spaces stay  ", "пароль-не-для-всех", "nul\0 is no trouble"] {
            assert_eq!(verdict(good).as_deref(), Ok(good));
        }
    }

    #[test]
    fn the_common_passwords_can_be_found() {
        assert!(COMMON.lines().all(|line| Password::read(line.into()).is_ok() && line.to_lowercase() == line));
        assert!(COMMON.lines().count() > 1000);
    }

    #[test]
    fn a_wait_is_rounded_up() {
        let began = DateTime::UNIX_EPOCH;
        let after = |ms| retry_after(began, TimeDelta::minutes(1), began + TimeDelta::milliseconds(ms));
        assert_eq!((after(0), after(500), after(59_999), after(60_000)), (60, 60, 1, 1));
    }
}
