//! What a client sent, read strictly: every flaw is named and pointed at.
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{StatusCode, header::CONTENT_TYPE, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::{Failure, Fault, Problem, Refusal};

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Violation {
    /// Where: a JSON Pointer (RFC 6901) into the body, or the parameter's name after `?` or `:`.
    pub pointer: String,
    /// Which rule was broken; stable.
    pub code: String,
    /// The same for a person.
    pub detail: String,
}

impl Violation {
    /// The rule `code` is broken at `pointer`.
    pub fn new(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.into(), detail: detail.into() }
    }
}

/// A request that breaks at least one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub Vec<Violation>);

impl Invalid {
    /// Exactly one rule is broken.
    pub fn one(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self(vec![Violation::new(pointer, code, detail)])
    }
}

/// A value that breaks a rule, before anybody knows where in the request it stood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Flaw {
    /// Which rule; stable.
    pub code: &'static str,
    /// The same for a person.
    pub detail: String,
}

impl Flaw {
    /// The rule `code` is broken.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// Collects every flaw of a request instead of stopping at the first.
#[derive(Debug, Default)]
pub struct Checks(Vec<Violation>);

impl Checks {
    /// Nothing wrong so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value, or a note of what is wrong at `pointer`.
    pub fn field<T>(&mut self, pointer: impl Into<String>, parsed: Result<T, Flaw>) -> Option<T> {
        parsed.map_err(|flaw| self.0.push(Violation::new(pointer, flaw.code, flaw.detail))).ok()
    }

    /// Notes a broken rule where `holds` is false.
    pub fn ensure(&mut self, holds: bool, pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        if !holds {
            self.0.push(Violation::new(pointer, code, detail));
        }
    }

    /// Everything that is wrong, or `value`. `None` stands for a field that has been noted.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Invalid> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Invalid(self.0)),
        }
    }
}

/// Text without control characters and stray blanks: `min` characters once trimmed, and as it was given at most `max`.
pub fn text(text: &str, min: usize, max: usize) -> Result<String, Flaw> {
    let trimmed = text.trim();
    let length = trimmed.chars().count();
    match length {
        _ if trimmed.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) => {
            Err(Flaw::new("control_character", "must not contain control characters"))
        }
        0 if min > 0 => Err(Flaw::new("required", "must not be empty")),
        _ if length < min => Err(Flaw::new("too_short", format!("must have at least {min} characters"))),
        _ if text.chars().count() > max => Err(Flaw::new("too_long", format!("must have at most {max} characters"))),
        _ => Ok(trimmed.to_owned()),
    }
}

/// Text of one line, likewise: it ends up in a mail's header, a cell or a list, which a line break or a tab would break.
pub fn line(line: &str, min: usize, max: usize) -> Result<String, Flaw> {
    let line = text(line, min, max)?;
    if line.contains(['\n', '\t', '\u{2028}', '\u{2029}']) {
        return Err(Flaw::new("control_character", "must be a single line, without tabs"));
    }
    Ok(line)
}

/// For fields whose null is as good as none: what is absent is there by `#[serde(default)]`.
pub fn or_default<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// A request that never reached a module: its form is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Malformed {
    /// The body is not JSON.
    #[error("the body is not JSON: {reason}")]
    MalformedJson {
        /// What the parser found, and where.
        reason: String,
    },
    /// The body is of another kind.
    #[error("send application/json")]
    UnsupportedMediaType,
    /// The body is over the limit.
    #[error("the body is over the limit of {limit} bytes")]
    PayloadTooLarge {
        /// In bytes.
        limit: usize,
    },
    /// No such address.
    #[error("there is nothing here")]
    NotFound,
    /// The address exists, but not for this method.
    #[error("this address does not take that method")]
    MethodNotAllowed,
    /// The machinery failed.
    #[error(transparent)]
    #[serde(untagged)]
    Fault(Fault),
    /// What all modules refuse alike.
    #[error(transparent)]
    #[serde(untagged)]
    Refusal(Refusal),
}

crate::failure!(Malformed {
    MalformedJson => BAD_REQUEST,
    UnsupportedMediaType => UNSUPPORTED_MEDIA_TYPE,
    PayloadTooLarge => PAYLOAD_TOO_LARGE,
    NotFound => NOT_FOUND,
    MethodNotAllowed => METHOD_NOT_ALLOWED,
});

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
                StatusCode::PAYLOAD_TOO_LARGE => refuse(Malformed::PayloadTooLarge { limit: BODY_LIMIT }),
                _ => refuse(Malformed::MalformedJson { reason: "the body could not be read".into() }),
            }
        })?;
        if !json && !bytes.is_empty() {
            return Err(refuse(Malformed::UnsupportedMediaType));
        }
        let text = if bytes.is_empty() { b"{}".as_slice() } else { &bytes };
        parse(text).map(Self).map_err(refuse)
    }
}

fn refuse(error: Malformed) -> Response {
    Problem::from(error).into_response()
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    // Serde would take an array for a struct, field by field.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        let json = serde_json::from_slice::<serde::de::IgnoredAny>(bytes);
        json.map_err(|cause| Malformed::MalformedJson { reason: cause.to_string() })?;
        return Err(Invalid::one("", "wrong_type", "must be an object").into());
    }
    let (mut track, mut unread) = (serde_path_to_error::Track::new(), Vec::new());
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let value = serde_ignored::deserialize(tracked, |path| {
        if unread.len() < NAMED {
            unread.push(unknown(&path));
        }
    });
    let value = value.map_err(|cause| match cause.classify() {
        serde_json::error::Category::Data => invalid(pointer(&track.path()), &cause.to_string()).into(),
        // An enum that finds no text takes what is there for a flaw of the JSON itself.
        _ if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() => {
            Invalid::one(pointer(&track.path()), "wrong_type", "is of another type").into()
        }
        _ => Malformed::MalformedJson { reason: cause.to_string() },
    })?;
    reader.end().map_err(|cause| Malformed::MalformedJson { reason: cause.to_string() })?;
    if unread.is_empty() { Ok(value) } else { Err(Invalid(unread).into()) }
}

/// A field that nothing reads.
fn unknown(path: &serde_ignored::Path<'_>) -> Violation {
    let field = if let serde_ignored::Path::Map { key, .. } = path { key } else { "" };
    Violation::new(ignored(path), "unknown_field", format!("unknown field `{}`", field.escape_debug()))
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
fn invalid(pointer: String, message: &str) -> Invalid {
    let named = |prefix: &str| message.strip_prefix(prefix)?.split('`').next().map(str::to_owned);
    let detail = message.split(" at line ").next().unwrap_or(message);
    let detail =
        [" i64", " u32", " u64"].iter().fold(detail.to_owned(), |text, kind| text.replace(kind, " a whole number"));
    if let Some(field) = named("missing field `") {
        return Invalid::one(format!("{pointer}/{field}"), "missing_field", "is required");
    }
    if let Some(field) = named("unknown field `") {
        let pointer = if pointer.ends_with(&format!("/{field}")) { pointer } else { format!("{pointer}/{field}") };
        return Invalid::one(pointer, "unknown_field", detail);
    }
    if let Some(field) = named("duplicate field `") {
        return Invalid::one(format!("{pointer}/{field}"), "duplicate_field", detail);
    }
    let code = match message {
        _ if message.starts_with("unknown variant") => "unknown_value",
        _ if message.starts_with("invalid type") => "wrong_type",
        _ => "wrong_value",
    };
    Invalid::one(pointer, code, detail)
}

/// Query parameters, read strictly.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        axum::extract::Query::try_from_uri(&parts.uri).map(|axum::extract::Query(value)| Self(value)).map_err(
            |rejection| {
                let message =
                    std::error::Error::source(&rejection).map_or_else(|| rejection.body_text(), ToString::to_string);
                let (place, message) = match message.split_once(": ") {
                    Some((place, message)) if !place.contains(' ') => (format!("/{place}"), message.to_owned()),
                    _ => (String::new(), message),
                };
                let Invalid(mut errors) = invalid(place, &message);
                for error in &mut errors {
                    error.pointer = format!("?{}", error.pointer.trim_start_matches('/'));
                }
                refuse(Invalid(errors).into())
            },
        )
    }
}

/// Path parameters; one that does not parse names nothing there is.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let value = axum::extract::Path::from_request_parts(parts, state).await;
        value.map(|axum::extract::Path(value)| Self(value)).map_err(|_| refuse(Malformed::NotFound))
    }
}

/// The answer of a failure, for a layer that has no handler.
pub fn problem(error: impl Failure) -> Response {
    Problem::from(error).into_response()
}

#[cfg(test)]
mod tests {
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
        let expected = Invalid(vec![
            Violation::new("/x~1y", "unknown_field", "unknown field `x/y`"),
            Violation::new("/next/town", "unknown_field", "unknown field `town`"),
        ]);
        assert_eq!(parse::<Place>(body.as_bytes()), Err(expected.into()));
        let many: Vec<_> = (0..100).map(|n| format!("\"x{n}\":1")).collect();
        let Err(Malformed::Refusal(Refusal::InvalidInput { errors })) =
            parse::<Place>(format!("{{{}}}", many.join(",")).as_bytes())
        else {
            panic!("a hundred unknown fields")
        };
        assert_eq!(errors.len(), NAMED);
    }

    #[test]
    fn a_line_is_one() {
        for (given, read) in [
            (" Ada\n", Ok("Ada")),
            ("Ad\u{e1} \u{200d}L.", Ok("Ad\u{e1} \u{200d}L.")),
            ("Ada\nBob", Err("control_character")),
            ("Ada\r\nBob", Err("control_character")),
            ("Ada\tBob", Err("control_character")),
            ("Ada\u{b}Bob", Err("control_character")),
            ("Ada\u{85}Bob", Err("control_character")),
            ("Ada\u{2028}Bob", Err("control_character")),
            ("Ada\u{2029}Bob", Err("control_character")),
            ("\n", Err("required")),
            ("0123456789", Err("too_long")),
        ] {
            assert_eq!(line(given, 1, 9).as_deref().map_err(|flaw| flaw.code), read, "{given:?}");
        }
        assert_eq!(text("Ada\nBob\tX", 1, 9).as_deref(), Ok("Ada\nBob\tX"), "text has lines");
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
            let Err(Malformed::Refusal(Refusal::InvalidInput { errors })) = parse::<Answer>(body.as_bytes()) else {
                panic!("{body}")
            };
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
            let Err(Malformed::Refusal(Refusal::InvalidInput { errors })) = parse::<Wish>(body.as_bytes()) else {
                panic!("{body}")
            };
            assert_eq!((&*errors[0].pointer, &*errors[0].code), (pointer, code), "{body}: {errors:?}");
        }
        for body in ["", "{", r#"{"lines":[]} x"#, "\u{0}"] {
            assert!(matches!(parse::<Wish>(body.as_bytes()), Err(Malformed::MalformedJson { .. })), "{body}");
        }
    }
}
