//! JSON bodies.
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;

use super::{Violation, Violations};
use crate::{Refusal, problem};

/// The largest body that the public API takes, in bytes.
pub const BODY_LIMIT: usize = 256 * 1024;

/// How many fields that nothing reads are named; a body could have thousands.
const NAMED: usize = 20;

/// A JSON body, read strictly.
///
/// The first flaw of form is pointed at, and every field that nothing reads. Types that are only sent
/// to us say `#[serde(deny_unknown_fields)]` too, for the API's description; those that we also answer
/// with cannot, or a process could not read what one of a later release adds.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let json = kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            match rejection.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => problem(Refusal::PayloadTooLarge { limit: BODY_LIMIT }),
                _ => problem(Refusal::MalformedJson { reason: "the body could not be read".into() }),
            }
        })?;
        if !json && !bytes.is_empty() {
            return Err(problem(Refusal::UnsupportedMediaType));
        }
        let text = if bytes.is_empty() { b"{}".as_slice() } else { &bytes };
        parse(text).map(Self).map_err(problem)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    // Serde would take an array for a struct, field by field.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        let json = serde_json::from_slice::<serde::de::IgnoredAny>(bytes);
        json.map_err(|cause| Refusal::MalformedJson { reason: cause.to_string() })?;
        return Err(Violation::new("wrong_type", "must be an object").at("").into());
    }
    let (mut track, mut unread) = (serde_path_to_error::Track::new(), Violations::new());
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let value = serde_ignored::deserialize(tracked, |path| {
        if unread.0.len() < NAMED {
            unread.0.extend(unknown(&path).0);
        }
    });
    let value = value.map_err(|cause| match cause.classify() {
        serde_json::error::Category::Data => invalid(pointer(&track.path()), &cause.to_string()).into(),
        // An enum that finds no text takes what is there for a flaw of the JSON itself.
        _ if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() => {
            Violation::new("wrong_type", "is of another type").at(pointer(&track.path())).into()
        }
        _ => Refusal::MalformedJson { reason: cause.to_string() },
    })?;
    reader.end().map_err(|cause| Refusal::MalformedJson { reason: cause.to_string() })?;
    Ok(unread.finish(Some(value))?)
}

/// A field that nothing reads.
fn unknown(path: &serde_ignored::Path<'_>) -> Violations {
    let field = if let serde_ignored::Path::Map { key, .. } = path { key } else { "" };
    Violation::new("unknown_field", format!("unknown field `{}`", field.escape_debug())).at(ignored(path))
}

fn ignored(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Map { parent, key } => format!("{}/{}", ignored(parent), escaped(key)),
        Path::Seq { parent, index } => format!("{}/{index}", ignored(parent)),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => ignored(parent),
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Map { key } => format!("{pointer}/{}", escaped(key)),
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Enum { .. } | Segment::Unknown => pointer,
    })
}

/// A field's name as a step of a JSON Pointer (RFC 6901, section 3).
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// What serde says of a flaw of form, as a violation.
pub(super) fn invalid(pointer: String, message: &str) -> Violations {
    let named = |prefix: &str| message.strip_prefix(prefix)?.split('`').next().map(str::to_owned);
    let detail = message.split(" at line ").next().unwrap_or(message);
    let detail =
        [" i64", " u32", " u64"].iter().fold(detail.to_owned(), |text, kind| text.replace(kind, " a whole number"));
    if let Some(field) = named("missing field `") {
        return Violation::new("missing_field", "is required").at(format!("{pointer}/{field}"));
    }
    if let Some(field) = named("unknown field `") {
        let pointer = if pointer.ends_with(&format!("/{field}")) { pointer } else { format!("{pointer}/{field}") };
        return Violation::new("unknown_field", detail).at(pointer);
    }
    if let Some(field) = named("duplicate field `") {
        return Violation::new("duplicate_field", detail).at(format!("{pointer}/{field}"));
    }
    let code = match message {
        _ if message.starts_with("unknown variant") => "unknown_value",
        _ if message.starts_with("invalid type") => "wrong_type",
        _ => "wrong_value",
    };
    Violation::new(code, detail).at(pointer)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its form matters")]
    struct Line {
        sku: String,
        quantity: u32,
    }
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its form matters")]
    struct Wish {
        lines: Vec<Line>,
    }

    /// As a type is that is also answered with.
    #[derive(Debug, PartialEq, Deserialize)]
    struct Place {
        city: Option<String>,
        next: Option<Box<Place>>,
    }

    #[test]
    fn every_field_that_nothing_reads_is_pointed_at() {
        let body = r#"{"city":"Berlin","x/y":[{"z":1}],"next":{"city":null,"town":"Rome"}}"#;
        let mut expected = Violations::new();
        expected.ensure(false, "/x~1y", "unknown_field", "unknown field `x/y`");
        expected.ensure(false, "/next/town", "unknown_field", "unknown field `town`");
        assert_eq!(parse::<Place>(body.as_bytes()), Err(expected.into()));
        let many: Vec<_> = (0..100).map(|n| format!("\"x{n}\":1")).collect();
        let Err(Refusal::InvalidInput { errors }) = parse::<Place>(format!("{{{}}}", many.join(",")).as_bytes()) else {
            panic!("a hundred unknown fields")
        };
        assert_eq!(errors.len(), NAMED);
    }

    #[test]
    fn what_is_no_text_is_no_word_of_an_enum() {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Word {
            Yes,
        }
        #[derive(Debug, Deserialize)]
        struct Answer {
            word: Word,
        }
        assert!(matches!(parse::<Answer>(br#"{"word":"yes"}"#), Ok(Answer { word: Word::Yes })));
        for body in [r#"{"word":1}"#, r#"{"word":null}"#, r#"{"word":[]}"#, r#"{"word":true}"#, r#"{"word":{}}"#] {
            let Err(Refusal::InvalidInput { errors }) = parse::<Answer>(body.as_bytes()) else { panic!("{body}") };
            assert_eq!(&*errors[0].pointer, "/word", "{body}: {errors:?}");
        }
    }

    #[test]
    fn each_flaw_of_form_has_a_code_and_a_pointer() {
        for (body, pointer, code) in [
            (r#"{"lines":[{"sku":"A","quantity":1,"price":2}]}"#, "/lines/0/price", "unknown_field"),
            (r#"{"lines":[{"sku":"A"}]}"#, "/lines/0/quantity", "missing_field"),
            (r#"{"lines":[{"sku":1,"quantity":1}]}"#, "/lines/0/sku", "wrong_type"),
            (r#"{"lines":[{"sku":"A","quantity":-1}]}"#, "/lines/0/quantity", "wrong_value"),
            (r#"{"lines":[{"sku":"A","quantity":1.5}]}"#, "/lines/0/quantity", "wrong_type"),
            (r#"{"lines":[{"sku":"A","sku":"B","quantity":1}]}"#, "/lines/0/sku", "duplicate_field"),
            ("[]", "", "wrong_type"),
            (r#"[[{"sku":"A","quantity":1}]]"#, "", "wrong_type"),
            ("7", "", "wrong_type"),
        ] {
            let Err(Refusal::InvalidInput { errors }) = parse::<Wish>(body.as_bytes()) else { panic!("{body}") };
            assert_eq!((&*errors[0].pointer, &*errors[0].code), (pointer, code), "{body}: {errors:?}");
        }
        for body in ["", "{", r#"{"lines":[]} x"#, "\u{0}"] {
            assert!(matches!(parse::<Wish>(body.as_bytes()), Err(Refusal::MalformedJson { .. })), "{body}");
        }
    }
}
