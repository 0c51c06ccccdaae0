//! Who is asking. Only here is that found out; what they may do each module decides.
pub(crate) mod keys;
mod token;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue,
        header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::Response,
};
use kernel::{CART_TOKEN, Caller, CartToken, Clock, Digest, Refusal, Violation, Violations, problem};

use self::keys::Keys;
use crate::Error;

/// RFC 6750, section 3.1.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"stoa\", error=\"invalid_token\"");

/// What it takes to know somebody.
#[derive(Clone)]
pub(crate) struct Gate {
    keys: Arc<Keys>,
    clock: Clock,
}

impl Gate {
    pub(crate) fn new(keys: Arc<Keys>, clock: Clock) -> Self {
        Self { keys, clock }
    }

    async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Error> {
        // Also beside an access token, where it means nothing: what is refused does not depend on who asks.
        let guest = guest(headers)?;
        let mut given = headers.get_all(AUTHORIZATION).iter();
        match (given.next(), given.next()) {
            (None, _) => Ok(guest.map_or(Caller::Anonymous, |cart| Caller::Guest { cart })),
            (Some(_), Some(_)) => Err(Error::InvalidToken),
            (Some(one), None) => {
                let token = bearer(one).ok_or(Refusal::Unauthenticated)?;
                let claims = token::verify(&self.keys, token, self.clock.now().timestamp()).await?;
                Ok(Caller::User { id: claims.sub.0, role: claims.role, session: claims.sid.0 })
            }
        }
    }
}

/// Notes the caller for the handlers. A wrong token is refused everywhere: who sends one means to be somebody.
pub(crate) async fn identify(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let caller = match gate.caller(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => return refuse(error),
    };
    let somebody = caller != Caller::Anonymous;
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    if somebody {
        // No cache between us and them may show it to others.
        response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private"));
    }
    response
}

fn refuse(error: Error) -> Response {
    let told = error == Error::InvalidToken;
    let mut response = problem(error);
    if told {
        response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}

/// The token of `Bearer …` (RFC 6750, section 2.1; the scheme in any case, RFC 9110, section 11.1).
fn bearer(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The hash of the `Cart-Token`, which stays here. An empty one is none.
///
/// One that cannot be ours is refused: taken for none, what is put in would land in a cart that nobody finds.
pub(crate) fn guest(headers: &HeaderMap) -> Result<Option<String>, Violations> {
    let Some(token) = headers.get(CART_TOKEN).map(HeaderValue::as_bytes).filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    if CartToken::fits(token) {
        Ok(Some(Digest::of(token).hex()))
    } else {
        Err(Violation::new("wrong_value", "is not a token of this shop; send it as it was given, or none")
            .at("Cart-Token"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_brings_a_token() {
        for (header, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc", Some("abc")),
            ("Basic YTpi", None),
            ("Bearer", None),
            ("abc", None),
            ("Bearerabc", None),
        ] {
            assert_eq!(bearer(&HeaderValue::from_static(header)), token, "{header}");
        }
    }

    #[test]
    fn a_cart_token_is_short_and_visible_and_leaves_only_as_its_hash() {
        let with = |token: &str| {
            guest(&HeaderMap::from_iter([(CART_TOKEN, HeaderValue::from_bytes(token.as_bytes()).unwrap())]))
        };
        assert_eq!(guest(&HeaderMap::new()), Ok(None));
        assert_eq!(with(""), Ok(None));
        assert_eq!(with("abc"), Ok(Some(Digest::of("abc").hex())));
        assert!(with(&"x".repeat(256)).is_ok());
        for wrong in [&*"x".repeat(257), "two words", "ä"] {
            assert!(with(wrong).is_err(), "{wrong}");
        }
    }
}
