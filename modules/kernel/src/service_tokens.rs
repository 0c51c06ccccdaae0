//! Service tokens: how one process of the shop knows another.
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header::AUTHORIZATION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::{Clock, Fault, Problem, Refusal};

/// How long a token is good for.
const LIFETIME: Duration = Duration::from_mins(15);
/// How far two machines' clocks may be apart: twice the five minutes that we promise.
const LEEWAY: u64 = 600;

/// The secret that all processes of one shop share; it signs their calls to each other.
///
/// A token is a JWT (RFC 7519) signed with HMAC-SHA256 for one audience, the module that is called.
#[derive(Clone)]
pub struct ServiceTokens {
    keys: Option<Arc<Keys>>,
    clock: Clock,
}

struct Keys {
    sign: EncodingKey,
    verify: DecodingKey,
    minted: Mutex<Vec<(&'static str, Instant, String)>>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    exp: i64,
}

impl fmt::Debug for ServiceTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.keys.is_some() { "ServiceTokens(hidden)" } else { "ServiceTokens(none)" })
    }
}

impl ServiceTokens {
    /// The service tokens of `secret`; without one, every call from and to another process is refused.
    #[must_use]
    pub fn new(secret: Option<&str>, clock: Clock) -> Self {
        let keys = secret.map(|secret| {
            let (sign, verify) =
                (EncodingKey::from_secret(secret.as_bytes()), DecodingKey::from_secret(secret.as_bytes()));
            Arc::new(Keys { sign, verify, minted: Mutex::default() })
        });
        Self { keys, clock }
    }

    /// The `Authorization` value of a call to `module`.
    pub fn token(&self, module: &'static str) -> Result<String, Fault> {
        let keys =
            self.keys.as_ref().ok_or_else(|| Fault::internal("no service secret to call another process with"))?;
        let mut minted = keys.minted.lock().unwrap_or_else(PoisonError::into_inner);
        minted.retain(|(_, at, _)| at.elapsed() < LIFETIME / 3);
        if let Some((_, _, token)) = minted.iter().find(|(name, ..)| *name == module) {
            return Ok(token.clone());
        }
        let exp = self.clock.now().timestamp() + i64::try_from(LIFETIME.as_secs()).unwrap_or_default();
        let claims = Claims { aud: module.into(), exp };
        let token = jsonwebtoken::encode(&Header::default(), &claims, &keys.sign).map_err(Fault::internal)?;
        let token = format!("Bearer {token}");
        minted.push((module, Instant::now(), token.clone()));
        Ok(token)
    }

    /// Whether `authorization` was sealed for `module` and is still good.
    #[must_use]
    pub fn admits(&self, module: &str, authorization: Option<&str>) -> bool {
        let (Some(keys), Some(token)) = (&self.keys, authorization.and_then(|text| text.strip_prefix("Bearer ")))
        else {
            return false;
        };
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[module]);
        // The clock is ours to move, so the expiry is checked here.
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &keys.verify, &rules);
        let oldest = self.clock.now().timestamp() - i64::try_from(LEEWAY).unwrap_or_default();
        claims.is_ok_and(|data| data.claims.exp >= oldest)
    }

    /// Refuses what another process of this shop did not send. A layer for the internal routes of a module.
    pub async fn guard(State((tokens, module)): State<(Self, &'static str)>, request: Request, next: Next) -> Response {
        let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if tokens.admits(module, authorization) {
            next.run(request).await
        } else {
            tracing::warn!(module, "refused an internal call without a valid service token");
            let refusal = Refusal::Unauthenticated;
            (StatusCode::UNAUTHORIZED, Problem::from(refusal)).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_token_opens_one_module_of_one_shop_for_a_while() {
        let clock = Clock::default();
        let tokens = ServiceTokens::new(Some("secret of this shop"), clock.clone());
        let token = tokens.token("orders").unwrap();
        let fits = |tokens: &ServiceTokens, module: &str, token: &str| tokens.admits(module, Some(token));
        assert!(fits(&tokens, "orders", &token));
        assert!(!fits(&tokens, "payments", &token), "another module");
        assert!(!fits(&ServiceTokens::new(Some("secret of another shop"), clock.clone()), "orders", &token));
        assert!(!fits(&ServiceTokens::new(None, clock.clone()), "orders", &token), "no secret admits nobody");
        assert!(!fits(&tokens, "orders", &format!("{token}x")) && !tokens.admits("orders", None));
        clock.advance(TimeDelta::minutes(20));
        assert!(fits(&tokens, "orders", &token), "five minutes late on a clock that may be off by ten");
        clock.advance(TimeDelta::minutes(10));
        assert!(!fits(&tokens, "orders", &token), "too late on any clock");
    }
}
