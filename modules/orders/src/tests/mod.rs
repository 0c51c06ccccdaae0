//! Orders told as stories, each on both engines.
mod checkout;
mod contact;
mod crashes;
mod http;
mod keys;
mod operators;
mod people;
mod shop;
mod world;
