//! What each field of an order and of what is done to it may hold, for the code that checks it and for the API's
//! description.
use kernel::{Amount, Line};

/// The code of a way to send an order.
pub(crate) type MethodCode = Line<1, 50>;
/// Who carries a parcel, and their number for it.
pub(crate) type Carrier = Line<1, 100>;
pub(crate) type TrackingNumber = Line<1, 100>;
/// Why money is paid back.
pub(crate) type Reason = Line<1, 500>;
/// What can be paid back: more than nothing.
pub(crate) type Refundable = Amount<1, { i64::MAX }>;
