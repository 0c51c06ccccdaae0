//! Signed webhooks, in the scheme that Stripe publishes: `t=TIMESTAMP,v1=HMAC` over `TIMESTAMP.BODY`.
use chrono::{DateTime, Utc};
use kernel::Digest;
use subtle::ConstantTimeEq;

use crate::Error;

/// How old a message may be, in seconds, and how far in the future: two clocks may each be five minutes off.
const TOLERANCE: u64 = 600;

/// The signature of `body`, made at `now`.
pub(crate) fn sign(secret: &str, body: &str, now: DateTime<Utc>) -> String {
    let timestamp = now.timestamp();
    format!("t={timestamp},v1={}", code(secret, timestamp, body))
}

/// Whether `signature` was made of `body` with `secret`, and not long ago. Any one of several `v1` will
/// do: a provider that changes its secret signs with both.
pub(crate) fn verify(secret: &str, signature: &str, body: &str, now: DateTime<Utc>) -> Result<(), Error> {
    let parts = || signature.split(',').filter_map(|part| part.trim().split_once('='));
    let timestamp: i64 =
        parts().find(|(name, _)| *name == "t").and_then(|(_, text)| text.parse().ok()).ok_or(Error::BadSignature)?;
    let expected = code(secret, timestamp, body);
    let signed = parts()
        .filter(|(name, _)| *name == "v1")
        .fold(false, |signed, (_, code)| signed | bool::from(code.as_bytes().ct_eq(expected.as_bytes())));
    let fresh = now.timestamp().abs_diff(timestamp) <= TOLERANCE;
    if signed && fresh { Ok(()) } else { Err(Error::BadSignature) }
}

fn code(secret: &str, timestamp: i64, body: &str) -> String {
    Digest::keyed(secret, format!("{timestamp}.{body}")).hex()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";

    #[test]
    fn a_signature_fits_one_body_one_secret_and_ten_minutes() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let signature = sign(SECRET, "{}", now);
        let fits = |secret: &str, signature: &str, body: &str, minutes: i64| {
            verify(secret, signature, body, now + TimeDelta::minutes(minutes)).is_ok()
        };
        assert!(fits(SECRET, &signature, "{}", 0));
        assert!(fits(SECRET, &signature, "{}", 10) && fits(SECRET, &signature, "{}", -10), "clocks may disagree");
        assert!(!fits(SECRET, &signature, "{}", 11) && !fits(SECRET, &signature, "{}", -11));
        assert!(!fits(SECRET, &signature, "{ }", 0), "another body");
        assert!(!fits("whsec_another", &signature, "{}", 0), "another secret");
        let rolled = signature.replace(",v1=", ",v1=00,v1=");
        assert!(fits(SECRET, &rolled, "{}", 0), "one of two secrets");
        for nonsense in
            ["", "t=", "t=1", "v1=", "t=x,v1=y", "t=9223372036854775807,v1=00", "t=-9223372036854775808,v1="]
        {
            assert!(!fits(SECRET, nonsense, "{}", 0), "{nonsense}");
        }
    }

    #[test]
    fn the_scheme_is_the_published_one() {
        // echo -n '1492774577.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test
        let now = DateTime::from_timestamp(1_492_774_577, 0).unwrap();
        let signature = sign("whsec_test", r#"{"id":"evt_1"}"#, now);
        assert_eq!(signature, "t=1492774577,v1=7656fc2882a7ca0a651666b36bf2f2f22ee204f54f608f227498a2419f2890b2");
    }
}
