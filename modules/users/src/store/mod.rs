//! The SQL of accounts, their wrong passwords, their sessions and their addresses.
pub(crate) mod accounts;
pub(crate) mod addresses;
pub(crate) mod failures;
pub(crate) mod sessions;
