//! The edge around routes that tell what reaches them, on both engines.
mod admission;
mod fakes;
mod idempotency;
mod serving;
mod shop;

pub(crate) use fakes::Accounts;
