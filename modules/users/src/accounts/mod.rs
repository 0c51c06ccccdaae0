//! Accounts: which passwords are good enough for one, and how often one may guess.
pub(crate) mod passwords;
pub(crate) mod throttle;
