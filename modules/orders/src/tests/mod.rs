//! Orders told as stories, each on both engines.
mod checkout;
mod contact;
mod crashes;
mod http;
mod keys;
mod operators;
mod people;
pub(crate) mod shop;
mod world;
