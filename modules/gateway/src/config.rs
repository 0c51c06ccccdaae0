//! The edge's own settings.
use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use kernel::{StartError, call::DEFAULT_TIMEOUT};
use serde::Deserialize;

/// The section `[gateway]`.
#[derive(Debug, Deserialize)]
pub(crate) struct Config {
    pub(crate) timeout_ms: u64,
    pub(crate) cors_origins: Vec<String>,
}

impl Config {
    /// How long a request may take.
    ///
    /// No more than one process grants another: else the same request would have longer together than apart.
    pub(crate) fn timeout(&self) -> Result<Duration, StartError> {
        let timeout = Duration::from_millis(self.timeout_ms);
        if (Duration::from_millis(1)..=DEFAULT_TIMEOUT).contains(&timeout) {
            Ok(timeout)
        } else {
            Err(format!("`gateway.timeout_ms` must be 1 to {}", DEFAULT_TIMEOUT.as_millis()).into())
        }
    }

    /// The origins whose pages may call the API; each exactly as a browser writes it (RFC 6454, section 6.2).
    pub(crate) fn origins(&self) -> Result<Vec<HeaderValue>, StartError> {
        self.cors_origins.iter().map(|text| origin(text)).collect()
    }
}

fn origin(text: &str) -> Result<HeaderValue, StartError> {
    let serialized = text.parse::<Uri>().ok().and_then(|uri| {
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        let host = !authority.host().is_empty() && !authority.as_str().contains(['@', '*']);
        (host && matches!(scheme, "http" | "https")).then(|| format!("{scheme}://{authority}"))
    });
    let exact = serialized.filter(|origin| origin.eq_ignore_ascii_case(text)).map(|origin| origin.to_ascii_lowercase());
    exact.and_then(|origin| HeaderValue::try_from(origin).ok()).ok_or_else(|| {
        format!("`gateway.cors_origins` names `{text}`, which is no origin; write it as https://shop.example").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(timeout_ms: u64, origins: &[&str]) -> Config {
        Config { timeout_ms, cors_origins: origins.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn a_time_limit_is_one_that_every_process_keeps() {
        assert_eq!(config(10_000, &[]).timeout().unwrap(), Duration::from_secs(10));
        for absurd in [0, 10_001, u64::MAX] {
            assert!(config(absurd, &[]).timeout().unwrap_err().to_string().contains("`gateway.timeout_ms`"));
        }
    }

    #[test]
    fn an_origin_is_a_scheme_a_host_and_perhaps_a_port() {
        let good = config(1, &["https://shop.example", "http://localhost:5173", "https://SHOP.example"]);
        assert_eq!(good.origins().unwrap(), ["https://shop.example", "http://localhost:5173", "https://shop.example"]);
        for bad in
            ["*", "", "null", "shop.example", "https://shop.example/", "https://*.example", "ftp://x", "https://a@b"]
        {
            assert!(config(1, &[bad]).origins().is_err(), "{bad}");
        }
    }
}
