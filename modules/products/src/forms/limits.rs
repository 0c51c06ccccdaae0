//! How much the catalogue takes of each thing, whichever way it comes in: by request or in a file.

/// Of a file.
pub(crate) const COLUMNS: usize = 2_000;

// Characters.
pub(crate) const HANDLE: usize = 255;
pub(crate) const NAME: usize = 200;
pub(crate) const CATEGORY: usize = 100;
pub(crate) const DESCRIPTION: usize = 50_000;
pub(crate) const VENDOR: usize = 100;
pub(crate) const TAG: usize = 50;
pub(crate) const OPTION: usize = 50;
pub(crate) const VALUE: usize = 100;
pub(crate) const BARCODE: usize = 64;
pub(crate) const ADDRESS: usize = 2_000;
pub(crate) const ALT: usize = 500;
pub(crate) const QUESTION: usize = 200;

// Of each product.
pub(crate) const TAGS: usize = 50;
pub(crate) const IMAGES: usize = 50;
pub(crate) const VARIANTS: usize = 100;
/// Of each variant.
pub(crate) const OPTIONS: usize = 5;

// Minor units, pieces, grams.
/// Twelve digits, as much as payment providers take.
pub(crate) const PRICE: i64 = 999_999_999_999;
pub(crate) const QUANTITY: i64 = 1_000_000_000;
pub(crate) const WEIGHT: i64 = 10_000_000;
