//! What a request is known by: who sent it, what they call it, and what it asks for.
use axum::http::{HeaderMap, HeaderValue, request::Parts};
use kernel::{Caller, Digest, IDEMPOTENCY_KEY, Role, Violation, Violations, Visible};

/// What a client may call its request.
pub(crate) type GivenKey = Visible<1, LENGTH>;
/// The longest key, in characters.
const LENGTH: usize = 255;

/// The idempotency key of one request.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// Who sent it.
    pub(crate) scope: String,
    /// SHA-256 of what they call it; of those who are not known, of the whole request.
    pub(crate) hash: String,
    /// SHA-256 of all that makes it this request.
    pub(crate) fingerprint: String,
    /// What the one who sent it may do.
    pub(crate) role: Option<Role>,
}

impl Key {
    /// The key of a request that calls itself `given`.
    pub(super) fn of(given: &[u8], parts: &Parts, body: &[u8]) -> Self {
        let caller = parts.extensions.get().unwrap_or(&Caller::Anonymous);
        let role = if let Caller::User { role, .. } = caller { Some(*role) } else { None };
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        // Bodies hold passwords. With the key in it, which is kept nowhere, the digest cannot be used to guess them.
        let fingerprint = Digest::of_parts(&[given, parts.method.as_str().as_bytes(), target.as_bytes(), body]).hex();
        // Strangers share a scope: what they ask for tells them apart, so that none is in another's way.
        let known = *caller != Caller::Anonymous;
        let hash = if known { Digest::of(given).hex() } else { fingerprint.clone() };
        Self { scope: caller.scope().to_string(), hash, fingerprint, role }
    }
}

/// What a client calls its request, if it is fit for that; none where it does not.
pub(super) fn given(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Violations> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (given, another) = (keys.next(), keys.next());
    if given.is_none_or(|given| GivenKey::fits(given.as_bytes()) && another.is_none()) {
        return Ok(given);
    }
    let detail = format!("must be one value of 1 to {LENGTH} visible ASCII characters");
    Err(Violation::new("wrong_value", detail).at("Idempotency-Key"))
}
