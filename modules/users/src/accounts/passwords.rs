//! Which passwords are good enough.
use kernel::Violation;

use crate::forms::Password;

/// The common passwords of ten characters and more, in lower case: most of them from zxcvbn's list (MIT).
const COMMON: &str = include_str!("common.txt");

/// A password good enough for the account of `email` and `name`.
pub(crate) fn check(given: String, email: &str, name: &str) -> Result<String, Violation> {
    let given = Password::read(given)?;
    let folded = given.to_lowercase();
    let first = folded.chars().next();
    if COMMON.lines().any(|common| common == folded) || folded.chars().all(|c| Some(c) == first) {
        return Err(Violation::new("common_password", "is one of the first that anybody would try"));
    }
    let email = email.trim().to_lowercase();
    let mailbox = email.rsplit_once('@').map(|(mailbox, _)| mailbox);
    if folded == email || Some(&*folded) == mailbox || folded == name.trim().to_lowercase() {
        return Err(Violation::new("guessable_password", "must not be your address or your name"));
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_hard_to_guess() {
        let verdict =
            |given: &str| check(given.into(), "ada.lovelace@example.com", "Ada Lovelace").map_err(|flaw| flaw.code);
        assert_eq!(verdict("123456789"), Err("too_short".into()));
        assert_eq!(verdict(&"é".repeat(257)), Err("too_long".into()));
        for common in ["qwertyuiop", "Password123", "1234567890", "zzzzzzzzzzzz", "CorrectHorseBatteryStaple"] {
            assert_eq!(verdict(common), Err("common_password".into()), "{common}");
        }
        for own in ["Ada.Lovelace@example.com", "ada.lovelace", "ADA LOVELACE"] {
            assert_eq!(verdict(own), Err("guessable_password".into()), "{own}");
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
}
