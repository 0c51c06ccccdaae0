//! What a refresh token is exchanged for: always the same, so that asking again can be answered again.
//!
//! Nothing of it is stored but its hash, as of any token. Only whoever has the token *and* the shop's secret can make it.
use kernel::Digest;

/// What makes this key differ from anything else that is derived from the same secret.
const DOMAIN: &[u8] = b"stoa/users/refresh-token/hmac-sha256/v1\0";

/// Makes refresh tokens, each from the one before it.
pub(crate) struct RefreshTokens(Vec<Digest>);

impl RefreshTokens {
    /// With the secret in force, and the one before it.
    pub(crate) fn new(secret: &str, previous: Option<&str>) -> Self {
        let key = |secret: &str| Digest::of([DOMAIN, secret.as_bytes()].concat());
        Self([Some(secret), previous].into_iter().flatten().map(key).collect())
    }

    /// What `token` is exchanged for, and then what it was exchanged for if that was before the secret was changed.
    pub(crate) fn next(&self, token: &str) -> impl Iterator<Item = String> {
        self.0.iter().map(move |key| Digest::keyed(key.bytes(), token).base64url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_token_takes_the_token_and_the_secret() {
        let next = |secret, previous, token: &str| RefreshTokens::new(secret, previous).next(token).collect::<Vec<_>>();
        let [one] = &next("new", None, "token")[..] else { panic!("one secret, one token") };
        assert_eq!(one.len(), 43);
        assert_ne!([one], &*next("new", None, "another").iter().collect::<Vec<_>>());
        assert_eq!(next("new", Some("old"), "token"), [one.clone(), next("old", None, "token").remove(0)]);
    }
}
