use crate::{Shortage, Sku};

kernel::failure! {
    /// Why the catalogue said no.
    pub enum Error {
        /// No such product.
        #[error("there is no product `{product}`")]
        ProductNotFound {
            /// The one asked for.
            product: String,
        } => NOT_FOUND,
        /// No such variant.
        #[error("there is no variant with the SKU `{sku}`")]
        SkuNotFound {
            /// The one asked for.
            sku: Sku,
        } => NOT_FOUND,
        /// The slug belongs to another product or category.
        #[error("the slug `{slug}` is taken")]
        SlugTaken {
            /// The one wished for.
            slug: String,
        } => CONFLICT,
        /// The SKU belongs to another variant.
        #[error("the SKU `{sku}` is taken")]
        SkuTaken {
            /// The one wished for.
            sku: Sku,
        } => CONFLICT,
        /// Somebody changed it in the meantime.
        #[error("it has changed; its version is now {version}")]
        Stale {
            /// Its version now.
            version: i64,
        } => PRECONDITION_FAILED,
        /// Fewer are left than were asked for.
        #[error("not enough in stock")]
        SoldOut {
            /// Which, and how many are left.
            lines: Vec<Shortage>,
        } => CONFLICT,
        /// Orders hold more than that.
        #[error("{reserved} are reserved; on hand cannot be fewer")]
        BelowReserved {
            /// How many are reserved.
            reserved: i64,
        } => CONFLICT,
        /// The key was of another change of stock.
        #[error("the Idempotency-Key was used for another change of stock")]
        KeyReused => UNPROCESSABLE_ENTITY,
        /// The order gave its stock back before.
        #[error("the order's stock was released")]
        Released => CONFLICT,
    }
}
