//! How much a cart holds, for the code that checks it and for the API's description.

/// The most of one variant.
pub(crate) const MOST: i64 = 999;
/// How many of one variant there may be, from `MIN`.
pub(crate) type Most<const MIN: i64> = kernel::Whole<MIN, MOST>;
/// The most different lines.
pub(crate) const LINES: i64 = 100;
