use kernel::{Fault, Refusal};
use products::Sku;
use serde::{Deserialize, Serialize};

/// Why the cart said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Error {
    /// No such variant is on sale.
    #[error("there is no variant with the SKU `{sku}`")]
    SkuNotFound {
        /// The one asked for.
        sku: String,
    },
    /// The cart has no such line.
    #[error("`{sku}` is not in the cart")]
    ItemNotFound {
        /// The one asked for.
        sku: Sku,
    },
    /// The cart has as many different lines as it can hold.
    #[error("a cart holds at most {limit} different items")]
    CartFull {
        /// How many lines it can hold.
        limit: i64,
    },
    /// Somebody changed it in the meantime.
    #[error("it has changed; its version is now {version}")]
    Stale {
        /// Its version now.
        version: i64,
    },
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
    SkuNotFound => NOT_FOUND,
    ItemNotFound => NOT_FOUND,
    CartFull => CONFLICT,
    Stale => PRECONDITION_FAILED,
});
