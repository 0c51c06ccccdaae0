use kernel::{Fault, Refusal};
use serde::{Deserialize, Serialize};

use crate::{Shortage, Sku};

/// Why the catalogue said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Error {
    /// No such product.
    #[error("there is no product `{product}`")]
    ProductNotFound {
        /// The one asked for.
        product: String,
    },
    /// No such variant.
    #[error("there is no variant with the SKU `{sku}`")]
    SkuNotFound {
        /// The one asked for.
        sku: Sku,
    },
    /// The slug belongs to another product or category.
    #[error("the slug `{slug}` is taken")]
    SlugTaken {
        /// The one wished for.
        slug: String,
    },
    /// The SKU belongs to another variant.
    #[error("the SKU `{sku}` is taken")]
    SkuTaken {
        /// The one wished for.
        sku: Sku,
    },
    /// Somebody changed it in the meantime.
    #[error("it has changed; its version is now {version}")]
    Stale {
        /// Its version now.
        version: i64,
    },
    /// Fewer are left than were asked for.
    #[error("not enough in stock")]
    SoldOut {
        /// Which, and how many are left.
        lines: Vec<Shortage>,
    },
    /// Orders hold more than that.
    #[error("{reserved} are reserved; on hand cannot be fewer")]
    BelowReserved {
        /// How many are reserved.
        reserved: i64,
    },
    /// The key was of another change of stock.
    #[error("the Idempotency-Key was used for another change of stock")]
    KeyReused,
    /// The order gave its stock back before.
    #[error("the order's stock was released")]
    Released,
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
    ProductNotFound => NOT_FOUND,
    SkuNotFound => NOT_FOUND,
    SlugTaken => CONFLICT,
    SkuTaken => CONFLICT,
    Stale => PRECONDITION_FAILED,
    SoldOut => CONFLICT,
    BelowReserved => CONFLICT,
    KeyReused => UNPROCESSABLE_ENTITY,
    Released => CONFLICT,
});
