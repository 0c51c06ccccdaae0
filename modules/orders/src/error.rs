use kernel::Money;
use products::Shortage;

use crate::OrderId;

kernel::failure! {
    /// Why orders said no.
    pub enum Error {
        /// There is nothing to order.
        #[error("the cart is empty")]
        CartEmpty => CONFLICT,
        /// The cart has been ordered, or is just being ordered.
        #[error("this cart is already being ordered")]
        CartOrdered {
            /// The order.
            order_id: OrderId,
        } => CONFLICT,
        /// The caller used the key for something else.
        #[error("this Idempotency-Key was used for another request; choose a new one")]
        KeyReused => UNPROCESSABLE_ENTITY,
        /// Fewer are left than were asked for.
        #[error("not enough in stock")]
        SoldOut {
            /// Which, and how many are left.
            lines: Vec<Shortage>,
        } => CONFLICT,
        /// The provider said no.
        #[error("the payment was declined: {reason}")]
        PaymentDeclined {
            /// The order; it is cancelled.
            order_id: OrderId,
            /// A stable word of the provider.
            reason: String,
        } => PAYMENT_REQUIRED,
        /// Prices, shipping or tax are not what was shown.
        #[error("the total is now {total}")]
        TotalChanged {
            /// The total now.
            total: Money,
        } => CONFLICT,
        /// No such order, or not one that the caller may see.
        #[error("there is no such order")]
        OrderNotFound => NOT_FOUND,
        /// The order is not far enough, or too far, for that.
        #[error("an order that is {state} cannot do that")]
        WrongState {
            /// How far it is.
            state: String,
        } => CONFLICT,
        /// More than what is left of it.
        #[error("only {left} can be paid back")]
        RefundTooLarge {
            /// What is left.
            left: Money,
        } => CONFLICT,
        /// The provider said no to paying back.
        #[error("the refund was declined: {reason}")]
        RefundDeclined {
            /// A stable word of the provider.
            reason: String,
        } => CONFLICT,
        /// Something happened to it in the meantime.
        #[error("it has changed; its version is now {version}")]
        Stale {
            /// Its version now.
            version: i64,
        } => PRECONDITION_FAILED,
    }
}
