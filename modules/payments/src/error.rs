use kernel::{Fault, Money, Refusal};
use serde::{Deserialize, Serialize};

/// Why payments said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Error {
    /// The provider said no.
    #[error("the payment was declined: {reason}")]
    Declined {
        /// A stable word of the provider.
        reason: String,
    },
    /// The payment was given up before.
    #[error("the payment was cancelled")]
    Cancelled,
    /// The order has no payment.
    #[error("there is no such payment")]
    PaymentNotFound,
    /// The payment is not far enough, or too far, for that.
    #[error("a payment that is {state} cannot do that")]
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
    /// The key of a refund named another amount before.
    #[error("this key was used for another amount")]
    KeyReused,
    /// A message that no provider signed.
    #[error("the signature does not fit")]
    BadSignature,
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
    Declined => PAYMENT_REQUIRED,
    Cancelled => CONFLICT,
    PaymentNotFound => NOT_FOUND,
    WrongState => CONFLICT,
    RefundTooLarge => CONFLICT,
    KeyReused => UNPROCESSABLE_ENTITY,
    BadSignature => BAD_REQUEST,
});
