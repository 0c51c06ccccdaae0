//! The keys of parcels and refunds: each names one of them once, for who sends it.
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Caller, line};

use crate::Error;

/// How long what 0.1.0 noted, without who sent its key, counts for whoever sends it: as long as the edge keeps keys.
const MEMORY: TimeDelta = TimeDelta::days(1);

/// A key with who sent it: two members of staff who choose the same mean two things.
pub(crate) struct Key {
    pub(crate) sender: String,
    /// What it is written down as: as 0.1.0 would, which may be asked the next time.
    plain: String,
    /// What it is written down as where another sender's key is.
    own: String,
}

impl Key {
    pub(crate) fn of_parcel(caller: &Caller, key: String) -> Result<Self, Error> {
        let (scope, plain) = (caller.scope(), checked(key)?);
        Ok(Self { own: scope.name(&plain), sender: scope.to_string(), plain })
    }

    /// Payments take a shorter key, and have names for their own.
    pub(crate) fn of_refund(caller: &Caller, key: String) -> Result<Self, Error> {
        let (scope, key) = (caller.scope(), checked(key)?);
        let [plain, own] = [kernel::Digest::of(&key).base64url(), scope.name(&key)];
        Ok(Self { plain: format!("refund-{plain}"), own: format!("refund-{own}"), sender: scope.to_string() })
    }

    /// What it is written down as, where `taken` tells of what is written down as 0.1.0 would.
    pub(crate) fn name(&self, taken: Option<Taken<'_>>, now: DateTime<Utc>) -> &str {
        let ours = taken.is_none_or(|taken| match taken.sender {
            Some(sender) => sender == self.sender,
            None => taken.at.is_none_or(|at| now < at + MEMORY),
        });
        if ours { &self.plain } else { &self.own }
    }

    pub(crate) fn plain(&self) -> &str {
        &self.plain
    }

    pub(crate) fn own(&self) -> &str {
        &self.own
    }
}

/// By whom a name was taken, and when, where that is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken<'a> {
    pub(crate) sender: Option<&'a str>,
    /// None where it is not done yet.
    pub(crate) at: Option<DateTime<Utc>>,
}

/// The key of a request, as a client may choose it.
pub(crate) fn checked(key: String) -> Result<String, Error> {
    let checked = line(&key, 1, 255);
    checked.map_err(|flaw| flaw.at("Idempotency-Key").into())
}

#[cfg(test)]
mod tests {
    use kernel::Role;
    use uuid::Uuid;

    use super::*;

    fn sam(id: u128) -> Caller {
        Caller::User { id: Uuid::from_u128(id), role: Role::Staff, session: Uuid::now_v7() }
    }

    #[test]
    fn a_name_is_shared_by_those_who_send_the_key_and_by_0_1_0_for_a_day() {
        let (now, day) = (DateTime::UNIX_EPOCH + TimeDelta::days(9), TimeDelta::days(1));
        for of in [Key::of_parcel, Key::of_refund] {
            let [ada, bob] = [1, 2].map(|id| of(&sam(id), "1".into()).unwrap());
            assert_eq!((ada.plain(), ada.name(None, now)), (bob.plain(), bob.plain()));
            let by = |sender, at| Some(Taken { sender, at });
            let (theirs, unknown) = (by(Some(&*ada.sender), Some(now - day * 9)), by(None, Some(now - day)));
            assert_eq!((ada.name(theirs, now), bob.name(theirs, now)), (ada.plain(), &*bob.own));
            assert_eq!(bob.name(unknown, now), bob.own, "an old one is somebody's of then");
            assert_eq!(bob.name(unknown, now - TimeDelta::seconds(1)), bob.plain(), "it may be the same request");
            assert_eq!(bob.name(by(None, None), now), bob.plain(), "it is not done yet");
            assert_ne!(ada.own, bob.own);
        }
        let long = Key::of_refund(&sam(1), "k".repeat(255)).unwrap();
        assert!(long.plain.len() <= 100 && long.own.len() <= 100);
        assert!(Key::of_refund(&sam(1), "k".repeat(256)).is_err() && Key::of_parcel(&sam(1), String::new()).is_err());
    }
}
