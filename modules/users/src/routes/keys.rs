//! The public keys of access tokens, for whoever verifies them.
use axum::{
    Json,
    extract::State,
    http::{HeaderName, header::CACHE_CONTROL},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, Refused};
use crate::VerifyingKey;

/// The public keys of access tokens: a JSON Web Key Set (RFC 7517, section 5).
#[derive(Serialize, ToSchema)]
pub(super) struct JsonWebKeys {
    /// The keys, the one in use first.
    keys: Vec<JsonWebKey>,
}

/// One Ed25519 key (RFC 8037, section 2).
#[derive(Serialize, ToSchema)]
pub(super) struct JsonWebKey {
    /// `OKP`.
    kty: &'static str,
    /// `Ed25519`.
    crv: &'static str,
    /// The public key, in base64url.
    x: String,
    /// Which; the `kid` of a token.
    kid: String,
    /// `EdDSA`.
    alg: &'static str,
    /// `sig`.
    #[serde(rename = "use")]
    usage: &'static str,
}

impl From<VerifyingKey> for JsonWebKey {
    fn from(VerifyingKey { kid, x }: VerifyingKey) -> Self {
        Self { kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", usage: "sig" }
    }
}

/// Lists the keys that access tokens are verified with.
#[utoipa::path(get, path = "/v1/keys", responses((status = 200, body = JsonWebKeys)))]
pub(super) async fn keys(State(api): Api) -> Result<([(HeaderName, &'static str); 1], Json<JsonWebKeys>), Refused> {
    let keys = api.keys().await?.into_iter().map(Into::into).collect();
    Ok(([(CACHE_CONTROL, "public, max-age=300")], Json(JsonWebKeys { keys })))
}
