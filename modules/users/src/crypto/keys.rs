//! The key that access tokens are signed with: Ed25519, as RFC 8037 puts it into a JWT.
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{AlgorithmParameters, Jwk},
};
use kernel::{Digest, Fault, StartError};

use crate::{Claims, VerifyingKey, encode};

/// What makes the seed of this key differ from anything else that is derived from the same secret.
const DOMAIN: &[u8] = b"stoa/users/access-token/ed25519/v1\0";
/// A PKCS#8 document is this, and then the seed (RFC 8410, section 7).
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Signs with one key; tokens of the one before it are still good.
pub(crate) struct Keys {
    header: Header,
    signing: EncodingKey,
    verifying: Vec<VerifyingKey>,
}

impl Keys {
    /// The keys that the secrets stand for: the same in every replica and after every restart.
    pub(crate) fn new(secret: &str, previous: Option<&str>) -> Result<Self, StartError> {
        let (signing, key) = pair(&seed(secret))?;
        let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        let mut verifying = vec![key];
        if let Some(previous) = previous.filter(|previous| *previous != secret) {
            verifying.push(pair(&seed(previous))?.1);
        }
        Ok(Self { header, signing, verifying })
    }

    /// An access token.
    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, Fault> {
        jsonwebtoken::encode(&self.header, claims, &self.signing).map_err(Fault::internal)
    }

    /// Every key that a good token may be signed with, the present one first.
    pub(crate) fn verifying(&self) -> &[VerifyingKey] {
        &self.verifying
    }
}

fn seed(secret: &str) -> [u8; 32] {
    *Digest::of([DOMAIN, secret.as_bytes()].concat()).bytes()
}

fn pair(seed: &[u8; 32]) -> Result<(EncodingKey, VerifyingKey), StartError> {
    let signing = EncodingKey::from_ed_der(&[PKCS8.as_slice(), seed].concat());
    let jwk = Jwk::from_encoding_key(&signing, Algorithm::EdDSA)?;
    let AlgorithmParameters::OctetKeyPair(public) = jwk.algorithm else {
        return Err("a signing key that is not Ed25519".into());
    };
    let kid = encode(&Digest::of(&public.x).bytes()[..9]);
    Ok((signing, VerifyingKey { kid, x: public.x }))
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
    use kernel::Role;

    use super::*;
    use crate::{ISSUER, SessionId, UserId};

    const OLD: &str = "the signing secret of last year, retired";
    const NEW: &str = "the signing secret of this year, in force";

    fn claims() -> Claims {
        let (sub, sid) = (UserId::new(), SessionId::new());
        Claims { sub, sid, role: Role::Staff, iss: ISSUER.into(), iat: 1_800_000_000, exp: 4_000_000_000 }
    }

    fn verify(token: &str, keys: &[VerifyingKey]) -> Option<Claims> {
        let kid = decode_header(token).unwrap().kid.unwrap();
        let key = keys.iter().find(|key| key.kid == kid)?;
        let key = DecodingKey::from_ed_components(&key.x).unwrap();
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_issuer(&[ISSUER]);
        decode(token, &key, &rules).ok().map(|data| data.claims)
    }

    #[test]
    fn the_public_key_is_the_one_that_belongs_to_the_seed() {
        // RFC 8032, section 7.1, test 1.
        let seed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
        let seed: [u8; 32] = BASE64_URL_SAFE_NO_PAD.decode(seed).unwrap().try_into().unwrap();
        assert_eq!(pair(&seed).unwrap().1.x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    }

    #[test]
    fn a_token_is_verified_with_the_key_that_its_header_names() {
        let (keys, claims) = (Keys::new(NEW, None).unwrap(), claims());
        let token = keys.sign(&claims).unwrap();
        assert_eq!(verify(&token, keys.verifying()), Some(claims));
        let (body, signature) = token.rsplit_once('.').unwrap();
        let forged = format!("{body}.{}", signature.chars().rev().collect::<String>());
        assert_eq!(verify(&forged, keys.verifying()), None);
    }

    #[test]
    fn a_token_outlives_the_change_of_its_key_while_the_previous_one_is_named() {
        let token = Keys::new(OLD, None).unwrap().sign(&claims()).unwrap();
        assert!(verify(&token, Keys::new(NEW, Some(OLD)).unwrap().verifying()).is_some());
        assert!(verify(&token, Keys::new(NEW, None).unwrap().verifying()).is_none());
        assert_eq!(Keys::new(NEW, Some(NEW)).unwrap().verifying().len(), 1, "named twice, listed once");
    }

    #[test]
    fn every_replica_has_the_same_key() {
        let keys = || Keys::new(NEW, Some(OLD)).unwrap().verifying().to_vec();
        assert_eq!(keys(), keys());
        assert_ne!(keys()[0], keys()[1]);
    }
}
