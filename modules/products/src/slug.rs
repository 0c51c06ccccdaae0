//! Names in plain ASCII: for addresses, for searching and for sorting, alike on both engines.
use kernel::Flaw;
use uuid::Uuid;

/// The most characters of a slug.
const SLUG_LENGTH: usize = 100;
/// The most bytes of a sort key; PostgreSQL cannot index more than some 2,700.
const KEY_LENGTH: usize = 200;

/// `text` in lower-case ASCII without accents: what people type is found however it is written.
pub(crate) fn fold(text: &str) -> String {
    deunicode::deunicode_with_tofu(text, "").to_ascii_lowercase()
}

/// What a name is sorted by: bytes, which every engine and locale orders alike.
pub(crate) fn sort_key(name: &str) -> Vec<u8> {
    let mut key = fold(name).into_bytes();
    key.truncate(KEY_LENGTH);
    key
}

/// The slug that a name makes: its letters and digits in ASCII, with hyphens between.
pub(crate) fn from_name(name: &str) -> String {
    let folded = fold(name);
    let mut slug = String::new();
    for word in folded.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        if slug.len() + 1 + word.len() > SLUG_LENGTH {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.push_str(word);
    }
    match slug {
        slug if slug.is_empty() => folded.chars().filter(char::is_ascii_alphanumeric).take(SLUG_LENGTH).collect(),
        slug if is_id(&slug) => format!("{slug}-x"),
        slug => slug,
    }
}

/// The slugs that a product of this name may get, the best first: a second one of the same name gets a number.
pub(crate) fn candidates(name: &str) -> Vec<String> {
    let slug = from_name(name);
    let slug = if slug.is_empty() { "product".to_owned() } else { slug };
    let short = slug[..slug.len().min(SLUG_LENGTH - 2)].trim_end_matches('-').to_owned();
    let numbered = (2..=9).map(|number| format!("{short}-{number}"));
    std::iter::once(slug.clone()).chain(numbered).collect()
}

/// A slug as it was given.
pub(crate) fn parse(text: &str) -> Result<String, Flaw> {
    let words = || text.split('-');
    let fits = text.len() <= SLUG_LENGTH
        && words().all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    match fits {
        true if is_id(text) => Err(Flaw::new("malformed_slug", "must not look like an identifier")),
        true => Ok(text.to_owned()),
        false => {
            let rule = format!("has 1 to {SLUG_LENGTH} lower-case letters and digits, with single hyphens between");
            Err(Flaw::new("malformed_slug", rule))
        }
    }
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
    fn a_malformed_slug_is_refused() {
        let long = "x".repeat(101);
        for slug in
            ["", "-", "a--b", "-a", "a-", "A", "ä", "a b", "a\0", "a/b", "019376b17c4e7c4e9d2b3f1e5a6b7c8d", &long]
        {
            assert_eq!(parse(slug).unwrap_err().code, "malformed_slug", "{slug}");
        }
    }

    #[test]
    fn names_sort_without_regard_to_case_and_accents() {
        let mut names = ["Zebra", "apfel", "Äpfel", "Birne"];
        names.sort_by_key(|name| sort_key(name));
        assert_eq!(names, ["apfel", "Äpfel", "Birne", "Zebra"]);
        assert!(sort_key(&"😂".repeat(200)).len() <= KEY_LENGTH);
    }
}
