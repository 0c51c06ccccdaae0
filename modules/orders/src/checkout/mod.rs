//! From a cart to an order that is paid: a saga that survives its process.
//!
//! Read [`form`] (what is asked for), [`totals`] (what it costs), [`saga`] (the steps, the pivot and the compensation),
//! then [`lease`] (one driver at a time), [`reconciler`] and [`subscriber`] (who goes on when nobody waits).
pub(crate) mod form;
pub(crate) mod lease;
pub(crate) mod reconciler;
pub(crate) mod saga;
pub(crate) mod subscriber;
pub(crate) mod totals;
