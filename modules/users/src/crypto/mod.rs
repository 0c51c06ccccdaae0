//! What is made of the shop's secrets and of people's: keys, tokens and hashes.
mod keys;
mod passwords;
mod refresh_tokens;

pub(crate) use keys::Keys;
pub(crate) use passwords::Hasher;
pub(crate) use refresh_tokens::RefreshTokens;
