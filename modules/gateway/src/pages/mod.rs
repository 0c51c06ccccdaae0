//! The edge's own pages: where everything is, the API's description, and the same to read.
pub(crate) mod openapi;

use axum::{
    Router,
    body::Bytes,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG},
    },
    response::IntoResponse,
    routing::get,
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use kernel::{Digest, StartError};
use serde_json::json;
use utoipa::openapi::OpenApi;

/// The reference, in one file: it needs no network but for the description it shows.
const DOCS: &str = include_str!("docs.html");

/// `/`, `/docs` and `/v1/openapi.json`; made once, as they never change while the process runs.
pub(crate) fn routes(document: &OpenApi) -> Result<Router, StartError> {
    let root = json!({ "name": "Stoa", "docs": "/docs", "openapi": "/v1/openapi.json" }).to_string();
    let document = document.to_json()?;
    let policy = HeaderValue::try_from(policy(DOCS)?)?;
    let docs = move || {
        let policy = policy.clone();
        async move { ([(CONTENT_SECURITY_POLICY, policy)], page("text/html; charset=utf-8", DOCS.into())) }
    };
    Ok(Router::new()
        .route("/", json_page(root))
        .route("/v1/openapi.json", json_page(document))
        .route("/docs", get(docs)))
}

fn json_page(text: String) -> axum::routing::MethodRouter {
    let text = Bytes::from(text);
    get(move || async move { page("application/json", text) })
}

/// `no-cache`: a browser asks again, and so never shows an older release's page.
fn page(kind: &'static str, text: Bytes) -> impl IntoResponse {
    let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&Digest::of(&text).bytes()[..12]));
    ([(CONTENT_TYPE, kind.to_owned()), (CACHE_CONTROL, "no-cache".into()), (ETAG, tag)], text)
}

/// Lets a page run and wear exactly what stands in it, and talk to nobody but us (CSP level 3, section 2.3.1).
fn policy(page: &str) -> Result<String, StartError> {
    let hash = |tag: &str| {
        let (_, rest) = page.split_once(&format!("<{tag}>"))?;
        let (inner, _) = rest.split_once(&format!("</{tag}>"))?;
        Some(BASE64_STANDARD.encode(Digest::of(inner).bytes()))
    };
    let (Some(style), Some(script)) = (hash("style"), hash("script")) else {
        return Err("docs.html has no style or no script".into());
    };
    Ok(format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_one_page_that_its_policy_covers() {
        assert!(policy(DOCS).unwrap().contains("script-src 'sha256-"));
        assert_eq!((DOCS.matches("<script").count(), DOCS.matches("<style").count()), (1, 1));
        for blocked in ["style=", "onclick=", "onload=", "src=", "https://", "innerHTML", "eval("] {
            assert!(!DOCS.contains(blocked), "{blocked}");
        }
        assert!(policy("<p>").is_err());
    }
}
