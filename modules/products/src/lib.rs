//! x
mod api;
pub mod csv;
mod error;
mod sku;
pub use api::*;
pub use error::Error;
pub use sku::Sku;
