use products::Sku;

kernel::failure! {
    /// Why the cart said no.
    pub enum Error {
        /// No such variant is on sale.
        #[error("there is no variant with the SKU `{sku}`")]
        SkuNotFound {
            /// The one asked for.
            sku: String,
        } => NOT_FOUND,
        /// The cart has no such line.
        #[error("`{sku}` is not in the cart")]
        ItemNotFound {
            /// The one asked for.
            sku: Sku,
        } => NOT_FOUND,
        /// The cart has as many different lines as it can hold.
        #[error("a cart holds at most {limit} different items")]
        CartFull {
            /// How many lines it can hold.
            limit: i64,
        } => CONFLICT,
        /// Somebody changed it in the meantime.
        #[error("it has changed; its version is now {version}")]
        Stale {
            /// Its version now.
            version: i64,
        } => PRECONDITION_FAILED,
    }
}
