//! The rules of a payment: what its provider says moves it, and only forward.
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{PaymentChanged, PaymentEvent, PaymentStatus};

mod aggregate;
mod journal;
pub(crate) mod store;
#[cfg(test)]
mod tests;

pub(crate) use aggregate::{Aggregate, Compensation, next_look};
pub(crate) use journal::Journal;

/// What a provider is asked to do with a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub(crate) enum Command {
    Authorize,
    Capture,
    Void,
}

impl Command {
    /// The provider's idempotency key: an order has one payment, and each command is given once.
    pub(crate) fn key(self, order_id: Uuid) -> String {
        format!("{order_id}:{}", self.word())
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
        }
    }
}

/// A question to a provider, which is kept once it is answered or nobody waits any more: until then the payment's own row says
/// that somebody asks, or the refund's.
pub(crate) struct Attempt {
    id: Uuid,
    order_id: Uuid,
    what: &'static str,
    /// The idempotency key that it is asked under, or about.
    key: String,
    asked_at: DateTime<Utc>,
}

impl Attempt {
    pub(crate) fn new(order_id: Uuid, what: &'static str, key: String, asked_at: DateTime<Utc>) -> Self {
        Self { id: Uuid::now_v7(), order_id, what, key, asked_at }
    }
}

/// A charge as its provider sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Charge {
    /// The provider's name for it.
    pub(crate) reference: String,
    pub(crate) state: ChargeState,
}

/// How far a charge is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ChargeState {
    ActionRequired { url: String },
    Authorized,
    Captured,
    Declined { reason: String },
    Voided,
}

/// What came back from a provider, or did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This is how the charge stands now.
    Charge(Charge),
    /// There is no charge under the key.
    NotFound,
    /// It will not do that.
    Refused { reason: String },
    /// The answer never came; it may have been done.
    Unknown,
}

impl Answer {
    /// For the list of attempts.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::Charge(charge) => PaymentStatus::of(&charge.state).word(),
            Self::NotFound => "not_found",
            Self::Refused { reason } => reason,
            Self::Unknown => "unknown",
        }
    }
}

impl PaymentStatus {
    /// Its stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::ActionRequired => "action_required",
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::Declined => "declined",
            Self::Voided => "voided",
            Self::Refunded => "refunded",
            Self::PartiallyRefunded => "partially_refunded",
        }
    }

    fn of(state: &ChargeState) -> Self {
        match state {
            ChargeState::ActionRequired { .. } => Self::ActionRequired,
            ChargeState::Authorized => Self::Authorized,
            ChargeState::Captured => Self::Captured,
            ChargeState::Declined { .. } => Self::Declined,
            ChargeState::Voided => Self::Voided,
        }
    }

    /// Where `charge` moves a payment that is here; none where that is no news, because answers and
    /// webhooks come twice and in any order.
    fn after(self, charge: &ChargeState) -> Option<Self> {
        let next = Self::of(charge);
        let forward = match self {
            Self::Pending => true,
            Self::ActionRequired => next != Self::ActionRequired,
            Self::Authorized => matches!(next, Self::Captured | Self::Voided),
            Self::Captured | Self::Declined | Self::Voided | Self::Refunded | Self::PartiallyRefunded => false,
        };
        forward.then_some(next)
    }

    /// Whether the amount was taken, and perhaps given back since.
    pub(crate) fn taken(self) -> bool {
        matches!(self, Self::Captured | Self::PartiallyRefunded | Self::Refunded)
    }

    /// What the other modules are told of a payment's coming here; that it has begun is for nobody.
    pub(crate) fn event(self, changed: PaymentChanged) -> Option<PaymentEvent> {
        match self {
            Self::Pending => None,
            Self::ActionRequired => Some(PaymentEvent::ActionRequired(changed)),
            Self::Authorized => Some(PaymentEvent::Authorized(changed)),
            Self::Captured => Some(PaymentEvent::Captured(changed)),
            Self::Declined => Some(PaymentEvent::Declined(changed)),
            Self::Voided => Some(PaymentEvent::Voided(changed)),
            Self::Refunded | Self::PartiallyRefunded => Some(PaymentEvent::Refunded(changed)),
        }
    }
}

impl fmt::Display for PaymentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
