use kernel::Money;

kernel::failure! {
    /// Why payments said no.
    pub enum Error {
        /// The provider said no.
        #[error("the payment was declined: {reason}")]
        Declined {
            /// A stable word of the provider.
            reason: String,
        } => PAYMENT_REQUIRED,
        /// The payment was given up before.
        #[error("the payment was cancelled")]
        Cancelled => CONFLICT,
        /// The order has no payment.
        #[error("there is no such payment")]
        PaymentNotFound => NOT_FOUND,
        /// The payment is not far enough, or too far, for that.
        #[error("a payment that is {state} cannot do that")]
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
        /// The key of a refund named another amount before.
        #[error("this key was used for another amount")]
        KeyReused => UNPROCESSABLE_ENTITY,
        /// A message that no provider signed.
        #[error("the signature does not fit")]
        BadSignature => BAD_REQUEST,
    }
}
