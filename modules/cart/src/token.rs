//! The `Cart-Token`: what a guest comes back with.
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use kernel::Digest;

/// A secret of 32 random bytes, in base64url. It can be given away once, and not printed.
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new() -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
    }

    /// What is stored in its place: with 256 bits of chance in it, a plain SHA-256 (in hex) keeps the secret.
    pub(crate) fn hash(&self) -> String {
        Digest::of(&self.0).hex()
    }

    pub(crate) fn reveal(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_unique_and_known_by_its_hash() {
        let (one, other) = (Token::new(), Token::new());
        assert_eq!(one.0.len(), 43);
        assert_ne!(one.0, other.0);
        let abc = Token("abc".into());
        assert_eq!(abc.hash(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "FIPS 180-2, B.1");
    }
}
