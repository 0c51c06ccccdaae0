//! Access tokens: JWTs (RFC 7519) signed with Ed25519 (RFC 8037), and nothing else.
use jsonwebtoken::{Algorithm, Validation};
use users::{Claims, ISSUER};

use super::keys::Keys;
use crate::Error;

/// The longest token that is looked at, in bytes.
const LENGTH: usize = 4096;
/// How long after its end a token is still good, in seconds: two machines' clocks may be so far apart.
///
/// No more, as for so long a session that was ended may go on. On clocks that are further apart tokens end
/// early, and clients refresh them.
const GRACE: i64 = 300;
/// How far in the future a token may have been signed, in seconds: each of two clocks may be off by five
/// minutes. It costs nothing, as the end counts too, and without it nobody could sign in.
const AHEAD: i64 = 600;

/// What `token` says, if this shop signed it and it is good at `now` (seconds since 1970).
pub(crate) async fn verify(keys: &Keys, token: &str, now: i64) -> Result<Claims, Error> {
    if token.len() > LENGTH {
        return Err(Error::InvalidToken);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| Error::InvalidToken)?;
    // The algorithm is ours to say, not the token's: else it could be `none`, or our public key a shared secret.
    if header.alg != Algorithm::EdDSA || header.crit.is_some() {
        return Err(Error::InvalidToken);
    }
    let key = keys.find(&header.kid.ok_or(Error::InvalidToken)?).await?.ok_or(Error::InvalidToken)?;
    let claims: Claims = jsonwebtoken::decode(token, &key, &rules()).map_err(|_| Error::InvalidToken)?.claims;
    let good = now <= claims.exp.saturating_add(GRACE) && claims.iat <= now.saturating_add(AHEAD);
    if good { Ok(claims) } else { Err(Error::InvalidToken) }
}

fn rules() -> Validation {
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.set_issuer(&[ISSUER]);
    rules.set_required_spec_claims(&["iss"]);
    // The clock is ours to move, so the times are checked here.
    rules.validate_exp = false;
    rules
}
