//! What people do to an order that is placed: each what its name says, once for who asks.
//!
//! [`ship`], [`refund`] and [`correct`] write one decision down, whoever drives the order; [`cancel`] takes it from who
//! drives it; [`stuck`] shows what does not get on. Each takes from the service just what it needs.
mod cancel;
mod correct;
mod refund;
mod ship;
pub(crate) mod store;
mod stuck;

pub(crate) use cancel::{cancel, force};
pub(crate) use correct::correct;
pub(crate) use refund::refund;
pub(crate) use ship::ship;
pub(crate) use stuck::{retry, stuck, watch};
