//! Whose something is: carts, orders and payments, and the keys that requests are named with.
use std::fmt;

use uuid::Uuid;

use crate::{Caller, Digest};

/// Whose something is that outlives a request: an account's, or a guest's.
///
/// As text, which is what is stored, it is `user:` and the account, or `guest:` and the hash of the `Cart-Token`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// An account.
    User(Uuid),
    /// Whoever has the `Cart-Token`; by its SHA-256, in hex.
    Guest(String),
}

/// Whose idempotency keys these are: two who choose the same key mean two things.
///
/// Those who are not known share one scope. Whoever keeps their keys must tell them apart by what they ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope(String);

impl Caller {
    /// Whom what this caller makes belongs to; nobody, where they cannot be known again, or are the shop itself.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        match self {
            Self::User { id, .. } => Some(Owner::User(*id)),
            Self::Guest { cart } => Some(Owner::Guest(cart.clone())),
            Self::Anonymous | Self::System => None,
        }
    }

    /// Whose the keys are that this caller chooses.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope(match self {
            Self::User { id, .. } => format!("user:{id}"),
            // As in rows of 0.1.0, which are still good.
            Self::Guest { cart } => format!("cart:{cart}"),
            Self::Anonymous => "anonymous".into(),
            Self::System => "system".into(),
        })
    }
}

impl Owner {
    /// The account.
    #[must_use]
    pub fn user(&self) -> Option<Uuid> {
        if let Self::User(id) = self { Some(*id) } else { None }
    }

    /// The hash of the guest's token.
    #[must_use]
    pub fn guest(&self) -> Option<&str> {
        if let Self::Guest(hash) = self { Some(hash) } else { None }
    }
}

impl Scope {
    /// What `key` is written down as, where that is unique for all: 43 characters.
    #[must_use]
    pub fn name(&self, key: &str) -> String {
        Digest::of_parts(&[self.0.as_bytes(), key.as_bytes()]).base64url()
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Guest(hash) => write!(f, "guest:{hash}"),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    fn user(id: u128, role: Role) -> Caller {
        Caller::User { id: Uuid::from_u128(id), role, session: Uuid::now_v7() }
    }

    #[test]
    fn what_somebody_makes_is_theirs_whatever_they_may_do() {
        let (ada, guest) = (user(0xada, Role::Customer), Caller::Guest { cart: "f00".into() });
        assert_eq!(ada.owner().unwrap().to_string(), "user:00000000-0000-0000-0000-000000000ada");
        assert_eq!(ada.owner(), user(0xada, Role::Admin).owner());
        assert_eq!(guest.owner().unwrap().to_string(), "guest:f00");
        assert_eq!((Caller::Anonymous.owner(), Caller::System.owner()), (None, None));
    }

    #[test]
    fn a_key_belongs_to_who_sends_it() {
        let (ada, bob) = (user(0xada, Role::Staff), user(0xb0b, Role::Staff));
        let guest = Caller::Guest { cart: "f00".into() };
        assert_eq!(ada.scope().to_string(), "user:00000000-0000-0000-0000-000000000ada");
        assert_eq!(
            (guest.scope().to_string(), Caller::Anonymous.scope().to_string()),
            ("cart:f00".into(), "anonymous".into())
        );
        let everybody = [ada.clone(), bob, guest, Caller::Anonymous, Caller::System];
        let names: std::collections::BTreeSet<_> = everybody.iter().map(|caller| caller.scope().name("1")).collect();
        assert_eq!(names.len(), everybody.len());
        assert_eq!(ada.scope().name("1"), user(0xada, Role::Customer).scope().name("1"));
        assert_ne!(ada.scope().name("1"), ada.scope().name("2"));
        assert_eq!(ada.scope().name(&"k".repeat(255)).len(), 43);
    }
}
