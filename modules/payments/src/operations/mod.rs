//! What is done with a payment: one file for each of the trait's verbs.
mod authorize;
mod refund;
mod void;
