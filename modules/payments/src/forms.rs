//! What each field of a payment may hold, for the code that checks it and for the API's description.
use kernel::Line;

/// Who moves the money.
pub type Provider = Line<1, 50>;
/// The provider's word for the means.
pub type Means = Line<1, 100>;
/// The provider's name for a charge.
pub(crate) type Reference = Line<1, 100>;
