//! x
mod api;
mod error;
mod sku;
pub use api::*;
pub use error::Error;
pub use sku::Sku;
