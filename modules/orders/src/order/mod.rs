//! An order: what happened to it, what may be decided about it, and how that is written down.
//!
//! Read [`event`] (what can happen), [`aggregate`] (what an order is once that has happened), [`decisions`] (which
//! event a wish calls for), then [`journal`] (one decision, one transaction) and [`store`] (its rows). Aside stand
//! [`key`] (who sent what once) and [`refunds`] (what is to be paid back, and is not yet).
mod aggregate;
mod decisions;
pub(crate) mod event;
pub(crate) mod journal;
pub(crate) mod key;
pub(crate) mod refunds;
pub(crate) mod store;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use aggregate::Aggregate;
