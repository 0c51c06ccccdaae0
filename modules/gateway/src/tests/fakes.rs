//! Users and carts as far as the edge knows them.
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::{Fault, Role, async_trait};
use users::{Claims, ISSUER, SessionId, UserId, VerifyingKey};
use uuid::Uuid;

/// The key pair of RFC 8037, appendix A.1.
const SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// Signs tokens, and may be down.
pub(crate) struct Accounts {
    kid: Mutex<&'static str>,
    up: AtomicBool,
    asked: AtomicUsize,
}

impl Accounts {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { kid: Mutex::new("first"), up: AtomicBool::new(true), asked: AtomicUsize::new(0) })
    }
    pub(crate) fn kid(&self) -> &'static str {
        *self.kid.lock().unwrap()
    }
    /// Withdraws the old key for another.
    pub(crate) fn publish(&self, kid: &'static str) {
        *self.kid.lock().unwrap() = kid;
    }
    pub(crate) fn go(&self, up: bool) {
        self.up.store(up, Ordering::SeqCst);
    }
    /// How often it was asked for its keys.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
    /// What a token of a customer says that is good from `now` (seconds since 1970) for a quarter of an hour.
    pub(crate) fn claims(id: Uuid, now: i64) -> Claims {
        let (sub, sid) = (UserId(id), SessionId::new());
        Claims { sub, sid, role: Role::Customer, iss: ISSUER.into(), iat: now, exp: now + 900 }
    }
    /// A token as this shop signs it.
    pub(crate) fn token(&self, claims: &Claims) -> String {
        sign(&header(Algorithm::EdDSA, self.kid()), claims, &ed25519(&decoded(SEED)))
    }
    /// The same, signed with another shop's key.
    pub(crate) fn foreign(&self, claims: &Claims) -> String {
        sign(&header(Algorithm::EdDSA, self.kid()), claims, &ed25519(&[7; 32]))
    }
    /// The same, with our public key for a shared secret: as `x`, and as its bytes.
    pub(crate) fn confused(&self, claims: &Claims) -> Vec<String> {
        let secrets = [PUBLIC.as_bytes().to_vec(), decoded(PUBLIC)];
        let forge =
            |secret: &Vec<u8>| sign(&header(Algorithm::HS256, self.kid()), claims, &EncodingKey::from_secret(secret));
        secrets.iter().map(forge).collect()
    }
    /// The same, unsigned.
    pub(crate) fn unsigned(&self, claims: &Claims) -> Vec<String> {
        let encode = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
        let body = encode(serde_json::to_string(claims).unwrap());
        let forge = |alg: &&str| format!("{}.{body}.", encode(format!(r#"{{"alg":"{alg}","kid":"{}"}}"#, self.kid())));
        ["none", "None", "", "EdDSA"].iter().map(forge).collect()
    }
}

fn decoded(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A private key in PKCS #8 (RFC 8410, section 7).
fn ed25519(seed: &[u8]) -> EncodingKey {
    let prefix = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    EncodingKey::from_ed_der(&[&prefix, seed].concat())
}

fn header(alg: Algorithm, kid: &str) -> Header {
    Header { kid: Some(kid.into()), ..Header::new(alg) }
}

fn sign(header: &Header, claims: &Claims, key: &EncodingKey) -> String {
    jsonwebtoken::encode(header, claims, key).unwrap()
}

#[async_trait]
impl users::Double for Accounts {
    async fn keys(&self) -> Result<Vec<VerifyingKey>, users::Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.up.load(Ordering::SeqCst) {
            Ok(vec![VerifyingKey { kid: self.kid().into(), x: PUBLIC.into() }])
        } else {
            Err(Fault::Unavailable.into())
        }
    }
}

/// Notes which carts were merged; may be down, or never answer.
#[derive(Default)]
pub(crate) struct Baskets {
    pub(crate) merged: Mutex<Vec<(String, Uuid)>>,
    pub(crate) down: AtomicBool,
    pub(crate) stuck: AtomicBool,
}

#[async_trait]
impl cart::Double for Baskets {
    async fn merge(&self, guest: String, user: Uuid) -> Result<(), cart::Error> {
        if self.stuck.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.down.load(Ordering::SeqCst) {
            return Err(Fault::Unavailable.into());
        }
        self.merged.lock().unwrap().push((guest, user));
        Ok(())
    }
}
