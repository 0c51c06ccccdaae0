//! The edge's own settings.
use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use kernel::{StartError, call::DEFAULT_TIMEOUT};
use serde::Deserialize;

/// The section `[gateway]`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Settings {
    pub(crate) timeout_ms: u64,
    pub(crate) cors_origins: Vec<String>,
}

impl Settings {
    /// Refuses what cannot be meant, in a sentence that names the setting.
    ///
    /// A request has no more time than one process grants another: else it would have longer together than apart.
    pub(crate) fn checked(mut self) -> Result<Self, StartError> {
        if !(Duration::from_millis(1)..=DEFAULT_TIMEOUT).contains(&self.timeout()) {
            return Err(format!("`gateway.timeout_ms` must be 1 to {}", DEFAULT_TIMEOUT.as_millis()).into());
        }
        self.cors_origins = self.cors_origins.iter().map(|text| origin(text)).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// How long a request may take.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// The origins whose pages may call the API.
    pub(crate) fn origins(&self) -> Vec<HeaderValue> {
        self.cors_origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()).collect()
    }
}

/// An origin exactly as a browser writes it (RFC 6454, section 6.2).
fn origin(text: &str) -> Result<String, StartError> {
    let serialized = text.parse::<Uri>().ok().and_then(|uri| {
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        let host = !authority.host().is_empty() && !authority.as_str().contains(['@', '*']);
        (host && matches!(scheme, "http" | "https")).then(|| format!("{scheme}://{authority}"))
    });
    let exact = serialized.filter(|origin| origin.eq_ignore_ascii_case(text)).map(|origin| origin.to_ascii_lowercase());
    exact.filter(|origin| HeaderValue::try_from(origin).is_ok()).ok_or_else(|| {
        format!("`gateway.cors_origins` names `{text}`, which is no origin; write it as https://shop.example").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(timeout_ms: u64, origins: &[&str]) -> Result<Settings, StartError> {
        Settings { timeout_ms, cors_origins: origins.iter().map(ToString::to_string).collect() }.checked()
    }

    #[test]
    fn a_time_limit_is_one_that_every_process_keeps() {
        assert_eq!(checked(10_000, &[]).unwrap().timeout(), Duration::from_secs(10));
        for absurd in [0, 10_001, u64::MAX] {
            assert!(checked(absurd, &[]).unwrap_err().to_string().contains("`gateway.timeout_ms`"));
        }
    }

    #[test]
    fn an_origin_is_a_scheme_a_host_and_perhaps_a_port() {
        let good = checked(1, &["https://shop.example", "http://localhost:5173", "https://SHOP.example"]).unwrap();
        assert_eq!(good.origins(), ["https://shop.example", "http://localhost:5173", "https://shop.example"]);
        for bad in
            ["*", "", "null", "shop.example", "https://shop.example/", "https://*.example", "ftp://x", "https://a@b"]
        {
            assert!(checked(1, &[bad]).is_err(), "{bad}");
        }
    }
}
