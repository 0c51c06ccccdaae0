//! What is told, and to whom.
use chrono::TimeDelta;
use orders::Order;

use crate::Preferences;

/// What somebody wants who never said.
pub(crate) const DEFAULT: Preferences = Preferences { order_updates: true, marketing: false };

/// After so many attempts a message is given up.
pub(crate) const ATTEMPTS: i64 = 10;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Confirmed,
    Cancelled,
    Shipped,
    Refunded,
}

impl Kind {
    /// Its name in the API, and its template's.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "order_confirmed",
            Self::Cancelled => "order_cancelled",
            Self::Shipped => "order_shipped",
            Self::Refunded => "order_refunded",
        }
    }

    /// Its subject line.
    pub(crate) fn subject(self, number: &str) -> String {
        match self {
            Self::Confirmed => format!("Your order {number} is confirmed"),
            Self::Cancelled => format!("Your order {number} is cancelled"),
            Self::Shipped => format!("Your order {number} is on its way"),
            Self::Refunded => format!("A refund for your order {number}"),
        }
    }

    /// Whether the customer does not know yet: one whose order was declined or sold out saw it on the screen.
    pub(crate) fn is_news(self, order: &Order) -> bool {
        let reason = order.cancellation.as_ref().map(|cancellation| &*cancellation.reason);
        self != Self::Cancelled || !matches!(reason, Some("declined" | "sold_out"))
    }

    /// Whether a customer may want to hear nothing of it. What is about their money is not theirs to decline.
    pub(crate) fn can_be_declined(self) -> bool {
        self == Self::Shipped
    }
}

/// How long to wait after a failed attempt, the first being 1: half a minute, doubled each time; four hours in all.
pub(crate) fn pause(attempt: i64) -> TimeDelta {
    TimeDelta::seconds(30 << (attempt - 1).clamp(0, 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_and_are_four_hours_in_all() {
        assert_eq!(pause(1), TimeDelta::seconds(30));
        let all: TimeDelta = (1..ATTEMPTS).map(pause).sum();
        assert_eq!(all.num_minutes(), 255);
        assert_eq!(pause(i64::MAX), pause(9));
    }
}
