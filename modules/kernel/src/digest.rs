//! SHA-256: how secrets and long things are kept, compared and derived.
use std::fmt::Write;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};

/// A SHA-256 (FIPS 180-4), with or without a key, as bytes or as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `text`. Of a secret with 128 random bits or more it needs no salt.
    pub fn of(text: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// The digest of several parts, which contain no NUL but in the last: that is what parts them.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        Self::of(parts.join(&0))
    }

    /// The HMAC (RFC 2104) of `text`: only whoever has the `secret` can make it.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    pub fn keyed(secret: impl AsRef<[u8]>, text: impl AsRef<[u8]>) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_ref()).expect("HMAC takes keys of any length");
        mac.update(text.as_ref());
        Self(mac.finalize().into_bytes().into())
    }

    /// Its 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As 64 characters, in lower case.
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.iter().fold(String::with_capacity(64), |mut hex, byte| {
            write!(hex, "{byte:02x}").ok();
            hex
        })
    }

    /// As 43 characters: base64url without padding (RFC 4648, section 5).
    #[must_use]
    pub fn base64url(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_published_one() {
        let abc = Digest::of("abc");
        assert_eq!(abc.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "FIPS 180-2, B.1");
        assert_eq!(abc.base64url(), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
        assert_eq!(abc.bytes()[..3], [0xba, 0x78, 0x16]);
        let jefe = Digest::keyed("Jefe", "what do ya want for nothing?");
        assert_eq!(jefe.hex(), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "RFC 4231, 4.3");
    }

    #[test]
    fn a_digest_knows_its_parts() {
        assert_eq!(Digest::of_parts(&[b"abc"]), Digest::of("abc"));
        assert_eq!(Digest::of_parts(&[b"a", b"bc"]), Digest::of("a\0bc"));
        assert_ne!(Digest::of_parts(&[b"a", b"bc"]), Digest::of_parts(&[b"ab", b"c"]));
    }
}
