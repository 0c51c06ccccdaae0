//! What things are called in addresses and files, and what their names are sorted by.
//!
//! A slug that is given is kept as it is: two that differ in anything are two. Only one that we make is spelled in
//! ASCII, and then numbered until nobody else has it.
use std::{fmt::Display, sync::LazyLock};

use kernel::Violation;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};
use uuid::Uuid;

/// The most characters of a slug, which are those of Shopify's handles.
pub(crate) const SLUG_LENGTH: usize = super::limits::HANDLE;
/// The most characters of a slug that is made.
const MADE_LENGTH: usize = 100;
/// So many of one name are told apart by a number; those after them by a part of their identifier.
const NUMBERED: usize = 9;
/// The most bytes of a sort key; PostgreSQL cannot index more than some 2,700.
const KEY_LENGTH: usize = 200;

/// `text` in lower-case ASCII without accents, as near as letters of every script come to it.
pub(crate) fn fold(text: &str) -> String {
    deunicode::deunicode_with_tofu(text, "").to_ascii_lowercase()
}

/// What a name is sorted by: bytes, which every engine and locale orders alike.
pub(crate) fn sort_key(name: &str) -> Vec<u8> {
    let mut key = fold(name).into_bytes();
    key.truncate(KEY_LENGTH);
    key
}

/// A slug as it was given: what an address takes, in any script.
///
/// Those are the characters that RFC 3987 (section 2.2, `iunreserved`) lets stand in an address, but for blanks and
/// what nobody sees. Case counts. Letters that Unicode calls equivalent are the same: a slug is kept in the form NFC.
pub(crate) fn parse(text: &str) -> Result<String, Violation> {
    let slug: String = text.nfc().collect();
    let says_something = slug.chars().any(|c| !is_silent(c));
    match slug.chars().count() {
        1..=SLUG_LENGTH if says_something && slug.chars().all(is_allowed) => {
            if is_id(&slug) {
                Err(Violation::new("malformed_slug", "must not look like an identifier"))
            } else {
                Ok(slug)
            }
        }
        _ => {
            let rule = format!("has 1 to {SLUG_LENGTH} letters and digits of any script, with - _ . ~ but no blanks");
            Err(Violation::new("malformed_slug", rule))
        }
    }
}

/// A slug, as the API's description says it.
pub(crate) struct Slug;

impl PartialSchema for Slug {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(SLUG_LENGTH));
        text.pattern(Some(PATTERN.as_str())).into()
    }
}

impl ToSchema for Slug {}

/// Looked for among all characters once, not for each operation that takes one.
static PATTERN: LazyLock<String> = LazyLock::new(pattern);

/// What [`parse`] takes, as a regular expression: characters that it does not refuse, and one that says something.
fn pattern() -> String {
    let (any, said) = (all_but(|c| !is_allowed(c)), all_but(|c| !is_allowed(c) || is_silent(c)));
    format!("^{any}*{said}{any}*$")
}

/// A regular expression's class of all characters but those of the first plane that `are` such.
fn all_but(are: impl Fn(char) -> bool) -> String {
    let refused = |code: &u32| char::from_u32(*code).is_some_and(&are);
    let (mut class, mut code) = (String::new(), 0);
    while code <= 0xffff {
        let end = (code..=0xffff).take_while(refused).last();
        if let Some(end) = end {
            class.push_str(&format!("\\u{code:04x}"));
            if end > code {
                class.push_str(&format!("-\\u{end:04x}"));
            }
        }
        code = end.unwrap_or(code) + 1;
    }
    format!("[^{class}]")
}

/// The slug of the product that files call by this handle: the handle itself, and so of no other.
pub(crate) fn of_handle(handle: &str) -> Result<String, Violation> {
    parse(handle).map_err(|flaw| {
        let near = from_name(handle);
        let advice = if near.is_empty() { String::new() } else { format!("; `{near}` would do") };
        Violation::new("malformed_handle", format!("a handle {}{advice}", flaw.detail))
    })
}

/// A slug as an address has it.
pub(crate) fn encoded(slug: &str) -> impl Display {
    const BEYOND: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(slug, BEYOND)
}

fn is_allowed(c: char) -> bool {
    match c {
        _ if c.is_ascii() => c.is_ascii_alphanumeric() || is_sign(c),
        _ => is_joiner(c) || !(c.is_whitespace() || c.is_control() || is_invisible(c)),
    }
}

/// What says nothing by itself.
fn is_silent(c: char) -> bool {
    is_sign(c) || is_combining_mark(c) || is_joiner(c)
}

/// What addresses have between words.
fn is_sign(c: char) -> bool {
    matches!(c, '-' | '_' | '.' | '~')
}

/// What Persian and the scripts of India write within words.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// What has no form of its own: two slugs would look alike, or be shown in another order (RFC 3987, section 4.1).
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}')
}

/// The slug that a name makes: its letters and digits in ASCII, with hyphens between. Many names make one.
pub(crate) fn from_name(name: &str) -> String {
    let folded = fold(name);
    let mut slug = String::new();
    for word in folded.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        if slug.len() + 1 + word.len() > MADE_LENGTH {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.push_str(word);
    }
    match slug {
        slug if slug.is_empty() => folded.chars().filter(char::is_ascii_alphanumeric).take(MADE_LENGTH).collect(),
        slug if is_id(&slug) => format!("{slug}-x"),
        slug => slug,
    }
}

/// The slugs that something of this name may get, the best first; `kind` is what one without letters is called.
///
/// The second of a name gets a number, and so on; from the tenth on each gets a part of its `id`, and none is refused.
pub(crate) fn candidates(name: &str, kind: &str, id: Uuid) -> Vec<String> {
    let slug = from_name(name);
    let slug = if slug.is_empty() { kind.to_owned() } else { slug };
    let short = |room: usize| slug[..slug.len().min(MADE_LENGTH - room)].trim_end_matches('-').to_owned();
    let id = id.simple().to_string();
    // The end of a UUIDv7 is random, its beginning the time.
    let last = format!("{}-{}", short(13), &id[id.len() - 12..]);
    let numbered = (2..=NUMBERED).map(|number| format!("{}-{number}", short(2)));
    std::iter::once(slug.clone()).chain(numbered).chain([last]).collect()
}

/// Whether it would be taken for an identifier where both are accepted.
fn is_id(text: &str) -> bool {
    text.parse::<Uuid>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_any_script_makes_a_slug() {
        for (name, slug) in [
            ("Ocean Blue Shirt", "ocean-blue-shirt"),
            ("  Käse & Weiß, 2 kg! ", "kase-weiss-2-kg"),
            ("Crème brûlée", "creme-brulee"),
            ("東京タワー", "dong-jing-tawa"),
            ("Ærø ½", "aero-1-2"),
            ("Łódź", "lodz"),
            ("---", ""),
            ("\u{200b}", ""),
        ] {
            assert_eq!(from_name(name), slug, "{name}");
        }
    }

    #[test]
    fn a_slug_made_from_a_name_can_be_given_back() {
        let long = "word ".repeat(60);
        let one = "x".repeat(300);
        let id = "019376b1-7c4e-7c4e-9d2b-3f1e5a6b7c8d";
        for name in [&*long, &*one, id, "A", "Größe 41"] {
            let slug = from_name(name);
            assert_eq!(parse(&slug), Ok(slug.clone()), "{name}");
        }
    }

    #[test]
    fn a_slug_that_is_given_stays_as_it_is_in_any_script() {
        let (long, other) = ("笔".repeat(SLUG_LENGTH), "x".repeat(150));
        for slug in [
            "tee",
            "TEE",
            "a_b",
            "a-b",
            "a--b",
            "-a",
            "a.b",
            "maß",
            "mass",
            "笔记",
            "笔迹",
            "𒀀",
            "☆☆",
            "κούπα",
            "हिन्दी",
            "می‌خواهم",
            "كتاب",
            "½",
            "..a",
            "İ",
            "ı",
            &long,
            &other,
        ] {
            assert_eq!(parse(slug), Ok(slug.to_owned()));
        }
        assert_eq!(parse("cafe\u{301}"), parse("café"), "what Unicode calls equivalent is the same");
    }

    #[test]
    fn a_malformed_slug_is_refused() {
        let long = "x".repeat(SLUG_LENGTH + 1);
        for slug in [
            "",
            "-",
            ".",
            "..",
            "_~",
            "\u{301}",
            "\u{200d}",
            "a b",
            "a\u{a0}b",
            "a\u{3000}b",
            " a",
            "a\0",
            "a\n",
            "a/b",
            "a%2Fb",
            "a?b",
            "a#b",
            "a&b",
            "a'b",
            "a\\b",
            "<a>",
            "a\u{200b}",
            "a\u{202e}b",
            "\u{feff}a",
            "a\u{ad}b",
            "a\u{fffd}",
            "019376b1-7c4e-7c4e-9d2b-3f1e5a6b7c8d",
            "019376b17c4e7c4e9d2b3f1e5a6b7c8d",
            &long,
        ] {
            assert_eq!(parse(slug).unwrap_err().code, "malformed_slug", "{slug}");
        }
    }

    #[test]
    fn a_name_never_runs_out_of_slugs() {
        let id = "019376b1-7c4e-7c4e-9d2b-3f1e5a6b7c8d".parse().unwrap();
        let slugs = candidates("Käse", "product", id);
        assert_eq!((&*slugs[0], &*slugs[1], &*slugs[8], &*slugs[9]), ("kase", "kase-2", "kase-9", "kase-3f1e5a6b7c8d"));
        assert_eq!(candidates("𒀀", "product", id)[1], "product-2");
        let long = candidates(&"x".repeat(300), "product", id);
        assert!(long.iter().all(|slug| slug.len() <= MADE_LENGTH && parse(slug).as_ref() == Ok(slug)), "{long:?}");
    }

    #[test]
    fn names_sort_without_regard_to_case_and_accents() {
        let mut names = ["Zebra", "apfel", "Äpfel", "Birne"];
        names.sort_by_key(|name| sort_key(name));
        assert_eq!(names, ["apfel", "Äpfel", "Birne", "Zebra"]);
        assert!(sort_key(&"😂".repeat(200)).len() <= KEY_LENGTH);
    }
}
