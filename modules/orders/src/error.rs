use kernel::{Fault, Money, Refusal};
use products::Shortage;
use serde::{Deserialize, Serialize};

use crate::OrderId;

/// Why orders said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Error {
    /// There is nothing to order.
    #[error("the cart is empty")]
    CartEmpty,
    /// The cart has been ordered, or is just being ordered.
    #[error("this cart is already being ordered")]
    CartOrdered {
        /// The order.
        order_id: OrderId,
    },
    /// The caller used the key for something else.
    #[error("you used this Idempotency-Key for another request; choose a new one")]
    KeyReused,
    /// Fewer are left than were asked for.
    #[error("not enough in stock")]
    SoldOut {
        /// Which, and how many are left.
        lines: Vec<Shortage>,
    },
    /// The provider said no.
    #[error("the payment was declined: {reason}")]
    PaymentDeclined {
        /// The order; it is cancelled.
        order_id: OrderId,
        /// A stable word of the provider.
        reason: String,
    },
    /// Prices, shipping or tax are not what was shown.
    #[error("the total is now {total}")]
    TotalChanged {
        /// The total now.
        total: Money,
    },
    /// No such order, or not one that the caller may see.
    #[error("there is no such order")]
    OrderNotFound,
    /// The order is not far enough, or too far, for that.
    #[error("an order that is {state} cannot do that")]
    WrongState {
        /// How far it is.
        state: String,
    },
    /// More than what is left of it.
    #[error("only {left} can be paid back")]
    RefundTooLarge {
        /// What is left.
        left: Money,
    },
    /// The provider said no to paying back.
    #[error("the refund was declined: {reason}")]
    RefundDeclined {
        /// A stable word of the provider.
        reason: String,
    },
    /// Something happened to it in the meantime.
    #[error("it has changed; its version is now {version}")]
    Stale {
        /// Its version now.
        version: i64,
    },
    /// No such event was ever received.
    #[error("no such event was received")]
    EventNotFound,
    /// The machinery failed.
    #[error(transparent)]
    #[serde(untagged)]
    Fault(Fault),
    /// Refused as any module would.
    #[error(transparent)]
    #[serde(untagged)]
    Refusal(Refusal),
}

kernel::failure!(Error {
    CartEmpty => CONFLICT,
    CartOrdered => CONFLICT,
    KeyReused => UNPROCESSABLE_ENTITY,
    SoldOut => CONFLICT,
    PaymentDeclined => PAYMENT_REQUIRED,
    TotalChanged => CONFLICT,
    OrderNotFound => NOT_FOUND,
    WrongState => CONFLICT,
    RefundTooLarge => CONFLICT,
    RefundDeclined => CONFLICT,
    Stale => PRECONDITION_FAILED,
    EventNotFound => NOT_FOUND,
});
