//! What each field of a product may hold; every flaw is noted where it stands.
use std::collections::HashSet;

use kernel::{Currency, Money, Patch, Violation, Violations, text};

use crate::{
    Image, OptionValue, forms,
    forms::{limits, slug},
};

/// Tags within tags cost the parser the square of their number; each may have one that closes it.
const MAX_TAGS_OF_HTML: usize = 4_000;
/// So often is HTML cleaned at the most until that changes nothing; two times are the rule.
const CLEANINGS: usize = 5;

/// HTML without what is dangerous in it.
///
/// To clean it once more changes nothing, and its limits hold for what comes out as for what goes in: so whatever an
/// export holds can be brought in again.
pub(crate) fn description(html: &str) -> Result<String, Violation> {
    let mut html = within_limits(&html.replace("\r\n", "\n"))?;
    for _ in 0..CLEANINGS {
        let clean = within_limits(&ammonia::clean(&html))?;
        if clean == html {
            return Ok(clean);
        }
        html = clean;
    }
    Err(Violation::new("malformed_html", "its tags are too tangled to be cleaned"))
}

fn within_limits(html: &str) -> Result<String, Violation> {
    let html = text(html, 0, limits::DESCRIPTION)?;
    let (tags, closing) = (html.matches('<').count(), html.matches("</").count());
    if tags - closing > MAX_TAGS_OF_HTML || closing > MAX_TAGS_OF_HTML {
        return Err(Violation::new("too_many_tags", format!("must have at most {MAX_TAGS_OF_HTML} HTML tags")));
    }
    Ok(html)
}

/// The slug of a category, if there is one.
pub(crate) fn category(given: &str) -> Result<Option<String>, Violation> {
    Some(given).filter(|given| !given.is_empty()).map(slug::parse).transpose()
}

/// Words to find a product by, each once.
pub(crate) fn tags(checks: &mut Violations, given: Vec<String>) -> Vec<String> {
    at_most(checks, "/tags", given.len(), limits::TAGS);
    let mut seen = HashSet::new();
    let tags = given.iter().take(limits::TAGS).enumerate();
    let tags = tags.filter_map(|(index, tag)| checks.field(format!("/tags/{index}"), forms::Tag::read(tag)));
    tags.filter(|tag| seen.insert(tag.to_lowercase())).collect()
}

/// Pictures, the main one first.
pub(crate) fn images(checks: &mut Violations, given: Vec<Image>) -> Vec<Image> {
    at_most(checks, "/images", given.len(), limits::IMAGES);
    let images = given.into_iter().take(limits::IMAGES).enumerate().filter_map(|(index, image)| {
        let url = checks.field(format!("/images/{index}/url"), forms::Web::read(&image.url));
        let alt = checks.field(format!("/images/{index}/alt"), forms::Alt::read(&image.alt));
        Some(Image { url: url?, alt: alt? })
    });
    images.collect()
}

/// What a field is to hold that cannot be empty.
pub(crate) fn held<T, U>(
    checks: &mut Violations,
    at: &str,
    given: Patch<T>,
    parse: impl FnOnce(T) -> Result<U, Violation>,
) -> Option<U> {
    match given {
        Patch::Absent => None,
        Patch::Empty => checks.field(at, Err(Violation::new("required", "must not be null"))),
        Patch::Value(given) => checks.field(at, parse(given)),
    }
}

/// What a field is to hold that can be empty: by `null`, or by what `parse` finds empty.
pub(crate) fn filled<T, U>(
    checks: &mut Violations,
    at: &str,
    given: Patch<T>,
    parse: impl FnOnce(T) -> Result<Option<U>, Violation>,
) -> Patch<U> {
    match given {
        Patch::Absent => Patch::Absent,
        Patch::Empty => Patch::Empty,
        Patch::Value(given) => checks.field(at, parse(given)).map_or(Patch::Absent, Patch::from),
    }
}

pub(crate) fn options(checks: &mut Violations, at: &str, given: Vec<OptionValue>) -> Vec<OptionValue> {
    at_most(checks, &format!("{at}/options"), given.len(), limits::OPTIONS);
    let mut seen = HashSet::new();
    let mut options = Vec::new();
    for (index, option) in given.into_iter().take(limits::OPTIONS).enumerate() {
        let at = format!("{at}/options/{index}");
        let name = checks.field(format!("{at}/name"), forms::OptionName::read(&option.name));
        let value = checks.field(format!("{at}/value"), forms::OptionChoice::read(&option.value));
        let (Some(name), Some(value)) = (name, value) else { continue };
        checks.ensure(seen.insert(name.clone()), format!("{at}/name"), "duplicate_option", "is chosen twice");
        options.push(OptionValue { name, value });
    }
    options
}

/// A price in the shop's currency, as minor units.
pub(crate) fn amount(given: Money, currency: Currency) -> Result<i64, Violation> {
    if given.currency == currency {
        within(given.amount, limits::PRICE)
    } else {
        Err(Violation::new("wrong_currency", format!("the shop's prices are in {currency}")))
    }
}

/// A number from 0 to `max`.
pub(crate) fn within(given: i64, max: i64) -> Result<i64, Violation> {
    if (0..=max).contains(&given) {
        Ok(given)
    } else {
        Err(Violation::new("out_of_range", format!("must be 0 to {max}")))
    }
}

pub(crate) fn at_most(checks: &mut Violations, pointer: &str, count: usize, max: usize) {
    checks.ensure(count <= max, pointer, "too_many", format!("must be at most {max}"));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn html_loses_what_is_dangerous_and_keeps_the_rest() {
        for (html, clean) in [
            ("<p>Soft &amp; <b>warm</b></p>", "<p>Soft &amp; <b>warm</b></p>"),
            ("<script>alert(1)</script>x", "x"),
            ("<img src=x onerror=alert(1)>", "<img src=\"x\">"),
            ("<a href=\"javascript:alert(1)\">x</a>", "<a rel=\"noopener noreferrer\">x</a>"),
            ("<p>unclosed", "<p>unclosed</p>"),
            ("a\r\nb", "a\nb"),
            ("<script>x</script> \ty ", "y"),
            ("<p><b>a<p>b", "<p><b>a</b></p><p><b>b</b></p>"),
        ] {
            let once = description(html).unwrap();
            assert_eq!(once, clean);
            assert_eq!(description(&once).unwrap(), clean, "twice is as once");
        }
        assert_eq!(description("a\0b").unwrap_err().code, "control_character");
        assert_eq!(description(&"x".repeat(limits::DESCRIPTION + 1)).unwrap_err().code, "too_long");
    }

    #[test]
    fn deep_html_is_no_trouble() {
        assert!(description(&"<b>".repeat(MAX_TAGS_OF_HTML)).is_ok());
        assert_eq!(description(&"<b>".repeat(MAX_TAGS_OF_HTML + 1)).unwrap_err().code, "too_many_tags");
    }

    #[test]
    fn what_would_grow_beyond_the_limit_is_refused_at_once() {
        assert_eq!(description(&"&".repeat(limits::DESCRIPTION)).unwrap_err().code, "too_long");
        let tangled = "<p><b><i>".repeat(MAX_TAGS_OF_HTML / 3);
        assert_eq!(description(&tangled).unwrap_err().code, "too_long", "each paragraph gets the tags before it");
    }

    proptest! {
        #[test]
        fn cleaned_html_stays_as_it_is(html in "(<(/?(p|b|a|table|td|svg|math|style|form|ul|li|br|script))?( href=x)?>|[a-c<>&\"'= \t\n!-]){0,40}") {
            if let Ok(clean) = description(&html) {
                prop_assert_eq!(description(&clean), Ok(clean));
            }
        }
    }

    #[test]
    fn a_tag_counts_once_however_it_is_written() {
        let mut checks = Violations::new();
        assert_eq!(tags(&mut checks, vec!["Men".into(), " men ".into(), "Summer".into()]), ["Men", "Summer"]);
    }
}
