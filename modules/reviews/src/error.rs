use crate::ReviewId;

kernel::failure! {
    /// Why reviews said no.
    pub enum Error {
        /// No such product.
        #[error("there is no product `{product}`")]
        ProductNotFound {
            /// The one asked for.
            product: String,
        } => NOT_FOUND,
        /// No such review, or none that the caller may see.
        #[error("there is no such review")]
        ReviewNotFound => NOT_FOUND,
        /// Only who bought a product can say how it is.
        #[error("only who bought it may review it; an order counts once it is confirmed")]
        NotPurchased => FORBIDDEN,
        /// The caller has reviewed the product before.
        #[error("you have reviewed it; change that review")]
        AlreadyReviewed {
            /// That review.
            review_id: ReviewId,
        } => CONFLICT,
        /// The key was of another review.
        #[error("the Idempotency-Key was used for another review")]
        KeyReused => UNPROCESSABLE_ENTITY,
        /// Somebody changed it in the meantime.
        #[error("it has changed; its version is now {version}")]
        Stale {
            /// Its version now.
            version: i64,
        } => PRECONDITION_FAILED,
    }
}
