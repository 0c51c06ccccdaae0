//! Versions of entities in HTTP: `ETag`, what a request asks of them, and the key of one that may be sent twice.
use std::convert::Infallible;

use axum::{
    Json,
    extract::FromRequestParts,
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{ETAG, IF_MATCH, IF_NONE_MATCH},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use uuid::Uuid;

use crate::{Condition, Digest, Fault, Refusal, Violation, Violations, problem};

/// How many bytes of a body's SHA-256 tell it from the others of one version.
const DIGEST: usize = 8;

/// An entity with its version as a strong `ETag` (RFC 9110, section 8.8.3).
///
/// The tag is the version and a digest of the body, as `"7-9f86d081884c7d65"`: what is shown may change while the
/// version does not (stock is sold, a price in a cart changes, a release adds a field), and a strong tag names one
/// body. Whoever changes the entity is asked for the version alone: see [`Condition`].
#[derive(Debug)]
pub struct Tagged<T>(pub i64, pub T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let body = match serde_json::to_vec(&self.1) {
            Ok(body) => body,
            Err(error) => return problem(Fault::internal(error)),
        };
        let tag = tag(Some(self.0), &body);
        let mut response = Json(()).into_response();
        *response.body_mut() = body.into();
        response.headers_mut().insert(ETAG, tag);
        response
    }
}

/// The strong tag of one body: of an entity with its version, of a list, which has none, by the body alone.
pub(crate) fn tag(version: Option<i64>, body: &[u8]) -> HeaderValue {
    let version = version.map_or_else(|| "list".into(), |version| version.to_string());
    let digest = &Digest::of(body).hex()[..2 * DIGEST];
    HeaderValue::try_from(format!("\"{version}-{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The tags of `If-Match` or `If-None-Match` (RFC 9110, sections 13.1.1 and 13.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityTags {
    /// `*`: whatever there is.
    Any,
    /// Each as it stands between its quotes.
    These(Vec<EntityTag>),
}

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag {
    /// `W/`: good for caches, and never for a change.
    pub weak: bool,
    /// What stands between the quotes.
    pub opaque: Vec<u8>,
}

impl EntityTags {
    /// Those of all header lines of this name; none where there is no such line.
    pub fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Violations> {
        if !headers.contains_key(name) {
            return Ok(None);
        }
        let lines: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        let text = lines.join(b", ".as_slice());
        let tags = if text.trim_ascii() == b"*" { Some(Self::Any) } else { list(&text).map(Self::These) };
        tags.map(Some).ok_or_else(|| {
            let name = if *name == IF_MATCH { "If-Match" } else { "If-None-Match" };
            Violation::new("wrong_value", "is no list of ETags; send each as it was given, in its quotes, or `*`")
                .at(name)
        })
    }

    /// Whether one of them names the body that `tag` does; `strong` takes no weak ones (RFC 9110, section 8.8.3.2).
    #[must_use]
    pub fn name(&self, tag: &HeaderValue, strong: bool) -> bool {
        match (self, list(tag.as_bytes()).as_deref()) {
            (Self::Any, _) => true,
            (Self::These(tags), Some([one])) => {
                let same = |tag: &&EntityTag| tag.packed() == one.packed() && !(strong && (tag.weak || one.weak));
                tags.iter().any(|tag| same(&tag))
            }
            _ => false,
        }
    }
}

impl EntityTag {
    /// The tag without what the edge adds for a packed body: whoever has that one has the other too.
    fn packed(&self) -> &[u8] {
        self.opaque.strip_suffix(PACKED.as_bytes()).unwrap_or(&self.opaque)
    }

    /// The version, where it is a tag of [`Tagged`]; releases before 0.2 gave the version alone.
    pub(crate) fn version(&self) -> Option<i64> {
        let text = std::str::from_utf8(&self.opaque).ok()?;
        let version = text.split('-').next()?;
        version.parse().ok().filter(|number: &i64| number.to_string() == version)
    }
}

/// Ends the tag of a packed body, which is another sequence of bytes (RFC 9110, section 8.8.3.3).
pub const PACKED: &str = "-gzip";

/// A list of tags, or none if it is not one. Empty members are passed over (RFC 9110, section 5.6.1.2).
fn list(text: &[u8]) -> Option<Vec<EntityTag>> {
    let (mut rest, mut tags) = (text, Vec::new());
    loop {
        rest = skip(rest, b" \t,");
        if rest.is_empty() {
            return (!tags.is_empty()).then_some(tags);
        }
        let weak = rest.starts_with(b"W/");
        let quoted = rest.strip_prefix(b"W/").unwrap_or(rest).strip_prefix(b"\"")?;
        let end = quoted.iter().position(|byte| *byte == b'"')?;
        let opaque = quoted[..end].to_vec();
        if opaque.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
            return None;
        }
        tags.push(EntityTag { weak, opaque });
        rest = skip(&quoted[end + 1..], b" \t");
        if !rest.is_empty() && rest[0] != b',' {
            return None;
        }
    }
}

fn skip<'a>(text: &'a [u8], bytes: &[u8]) -> &'a [u8] {
    let start = text.iter().position(|byte| !bytes.contains(byte)).unwrap_or(text.len());
    &text[start..]
}

impl<S: Send + Sync> FromRequestParts<S> for Condition {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let read = |name| EntityTags::read(&parts.headers, name);
        let tags = read(&IF_MATCH).and_then(|only| Ok((only, read(&IF_NONE_MATCH)?)));
        let (only, unless) = tags.map_err(|flaw| problem(Refusal::from(flaw)))?;
        Ok(Self::new(only.as_ref(), unless.as_ref()))
    }
}

/// The header that names a request, so that sending it twice does it once (IETF draft of that name).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header that says that a request was answered before, and that this is what came of it.
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What the client calls this request; one that it does not name is made up, and so happens once.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(pub String);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let given = parts.headers.get(IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok());
        Ok(Self(given.map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tags_is_read_as_rfc_9110_writes_it() {
        let tag = |weak, opaque: &str| EntityTag { weak, opaque: opaque.into() };
        for (text, tags) in [
            ("\"3\"", Some(vec![tag(false, "3")])),
            ("W/\"3\", \"4\"", Some(vec![tag(true, "3"), tag(false, "4")])),
            (" ,\"a,b\" ,, \"\"\t", Some(vec![tag(false, "a,b"), tag(false, "")])),
            ("3", None),
            ("", None),
            (",", None),
            ("\"3", None),
            ("\"3\" \"4\"", None),
            ("\"a b\"", None),
            ("w/\"3\"", None),
            ("*, \"3\"", None),
            ("\"3\"x", None),
        ] {
            assert_eq!(list(text.as_bytes()), tags, "{text}");
        }
    }

    #[test]
    fn a_tag_names_its_version_with_and_without_a_digest() {
        for (opaque, version) in [
            ("3", Some(3)),
            ("12-9f86d081884c7d65", Some(12)),
            ("12-9f86d081884c7d65-gzip", Some(12)),
            ("03", None),
            ("+3", None),
            ("-3", None),
            ("x", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(EntityTag { weak: false, opaque: opaque.into() }.version(), version, "{opaque}");
        }
    }

    #[test]
    fn a_strong_tag_never_names_two_bodies() {
        let tag = |version, body: &str| Tagged(version, body.to_owned()).into_response().headers()[ETAG].clone();
        assert_eq!(tag(1, "a"), tag(1, "a"));
        assert_ne!(tag(1, "a"), tag(1, "b"));
        assert_ne!(tag(1, "a"), tag(2, "a"));
    }

    #[test]
    fn tags_are_compared_as_strongly_as_it_takes() {
        let now = HeaderValue::from_static("\"3-ab\"");
        let given = |text: &'static str| {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(text))]);
            EntityTags::read(&headers, &IF_NONE_MATCH).unwrap().unwrap()
        };
        for (text, weakly, strongly) in [
            ("*", true, true),
            ("\"3-ab\"", true, true),
            ("\"3-ab-gzip\"", true, true),
            ("W/\"3-ab\"", true, false),
            ("\"3\", \"3-ab\"", true, true),
            ("\"3\", \"3-cd\"", false, false),
        ] {
            assert_eq!((given(text).name(&now, false), given(text).name(&now, true)), (weakly, strongly), "{text}");
        }
    }
}
