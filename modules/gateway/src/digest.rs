//! SHA-256 in hex: how secrets and long things are kept and compared.
use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The digest of `parts`, which contain no NUL but in the last: that is what parts them.
pub(crate) fn sha256(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hash.update([0]);
        }
        hash.update(part);
    }
    hash.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        write!(hex, "{byte:02x}").ok();
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_published_one_and_knows_its_parts() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&[b"abc"]), abc, "FIPS 180-4, appendix B.1");
        assert_ne!(sha256(&[b"a", b"bc"]), sha256(&[b"ab", b"c"]));
    }
}
