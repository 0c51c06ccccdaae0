//! What was said and answered, with everything that differs from run to run replaced by an alias.
use std::{collections::HashMap, fmt::Write, sync::LazyLock};

use regex::Regex;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// The transcript of a story.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    text: String,
    aliases: HashMap<String, String>,
}

/// Headers that are part of the contract.
const SHOWN: [&str; 9] = [
    "allow",
    "cart-token",
    "content-type",
    "etag",
    "idempotency-replayed",
    "location",
    "ratelimit",
    "retry-after",
    "www-authenticate",
];

static UUID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}").unwrap());
static TIME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)").unwrap());
static DIGEST: LazyLock<Regex> = LazyLock::new(|| Regex::new("-[0-9a-f]{16}\"$").unwrap());
static CURSOR: LazyLock<Regex> = LazyLock::new(|| Regex::new("cursor=[A-Za-z0-9_-]{16,}").unwrap());
static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}\b").unwrap());

impl Transcript {
    /// Notes what happens next.
    pub(crate) fn note(&mut self, text: &str) {
        writeln!(self.text, "# {text}\n").unwrap();
    }

    /// Notes a request.
    pub(crate) fn asked(&mut self, who: &str, method: &str, path: &str, body: Option<&Value>) {
        let path = self.alias(path);
        let body = body.map(|body| format!(" {}", self.body(body.clone()))).unwrap_or_default();
        writeln!(self.text, "{who}: {method} {path}{body}").unwrap();
    }

    /// Notes its answer.
    pub(crate) fn answered(&mut self, status: u16, headers: &HeaderMap, body: &Value) {
        writeln!(self.text, "→ {status}").unwrap();
        for name in SHOWN {
            if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) {
                let value = match name {
                    "cart-token" => "<secret>".to_owned(),
                    // The version; the digest is of a body with aliases.
                    "etag" => DIGEST.replace(value, "-…\"").into_owned(),
                    "content-type" if value == "application/json" => continue,
                    _ => self.alias(value),
                };
                writeln!(self.text, "  {name}: {value}").unwrap();
            }
        }
        if !body.is_null() {
            let body = self.aliased(body.clone(), "");
            writeln!(self.text, "{}", pretty(&body, 0)).unwrap();
        }
        self.text.push('\n');
    }

    /// The whole story.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn body(&mut self, body: Value) -> String {
        self.aliased(body, "").to_string()
    }

    fn aliased(&mut self, value: Value, key: &str) -> Value {
        match value {
            Value::Object(map) => {
                Value::Object(map.into_iter().map(|(key, value)| (key.clone(), self.aliased(value, &key))).collect())
            }
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.aliased(item, key)).collect()),
            Value::String(_) if matches!(key, "access_token" | "refresh_token") => "<secret>".into(),
            Value::String(_) if key == "trace_id" => "<trace>".into(),
            Value::String(_) if key == "next" => "<cursor>".into(),
            Value::String(text) => self.alias(&text).into(),
            other => other,
        }
    }

    /// `text` with every identifier, number and time in it replaced; the same one always by the same alias.
    fn alias(&mut self, text: &str) -> String {
        let text = TIME.replace_all(text, "<time>");
        let text = CURSOR.replace_all(&text, "cursor=<cursor>");
        let aliases = &mut self.aliases;
        let mut name = |kind: &str, found: &str| {
            let next = 1 + aliases.values().filter(|alias| alias.starts_with(&format!("<{kind}-"))).count();
            aliases.entry(found.to_owned()).or_insert_with(|| format!("<{kind}-{next}>")).clone()
        };
        let text = UUID.replace_all(&text, |found: &regex::Captures<'_>| name("id", &found[0]));
        NUMBER.replace_all(&text, |found: &regex::Captures<'_>| name("number", &found[0])).into_owned()
    }
}

/// JSON with what fits on a line on one.
fn pretty(value: &Value, indent: usize) -> String {
    const WIDTH: usize = 110;
    let short = value.to_string();
    if short.len() + indent <= WIDTH {
        return short;
    }
    let inner = " ".repeat(indent + 2);
    let lines = |all: Vec<String>| all.join(&format!(",\n{inner}"));
    let (open, all, close) = match value {
        Value::Object(map) => {
            let field = |(name, value): (&String, &Value)| format!("\"{name}\": {}", pretty(value, indent + 2));
            ('{', map.iter().map(field).collect(), '}')
        }
        Value::Array(items) => ('[', items.iter().map(|item| pretty(item, indent + 2)).collect(), ']'),
        _ => return short,
    };
    format!("{open}\n{inner}{}\n{}{close}", lines(all), " ".repeat(indent))
}
