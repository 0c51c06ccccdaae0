//! What is done with a payment, each by the verb of the trait and of the provider.
//!
//! Each question is committed before it is asked, never in a transaction, and its answer is recorded in another: what
//! happens in between is looked up.
mod authorize;
mod capture;
mod find;
mod refund;
mod void;

pub(crate) use authorize::authorize;
pub(crate) use capture::capture;
pub(crate) use find::find;
pub(crate) use refund::{refund, resume};
pub(crate) use void::{compensate, void};
