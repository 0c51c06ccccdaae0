//! What people do to an order that is placed.
pub(crate) mod correct;
pub(crate) mod keyed;
pub(crate) mod retry;
pub(crate) mod stuck;
