//! The terms that products are indexed by, and which of them a word may be in.
//!
//! Terms leave nothing out that the patterns would find; what they find beside that is sorted out by the patterns.
use std::collections::BTreeSet;

use kernel::Digest;

use super::Patterns;

/// The longest part that is told from others, in bytes.
const PART: usize = 48;
/// The longest term that is kept as it is, in bytes.
const TERM: usize = 64;

/// What a product is indexed by: each word of `words`, and each of `prose` that is none of those, after a blank.
pub(crate) fn terms(words: &str, prose: &str) -> BTreeSet<String> {
    let own: BTreeSet<_> = words.split_whitespace().collect();
    let told = prose.split_whitespace().filter(|word| !own.contains(word)).map(|word| format!(" {word}"));
    own.iter().map(|word| (*word).to_owned()).chain(told).collect()
}

/// What a term is called: itself, unless it is very long.
pub(crate) fn name(term: &str) -> String {
    if term.len() <= TERM {
        term.to_owned()
    } else {
        format!("{}{}", head(term, TERM / 2), &Digest::of(term).hex()[..32])
    }
}

/// The parts of a term that a search may begin with: from every character on where any part of it is found, and else the
/// whole. What begins with a digit is looked for from the beginning of a word only.
pub(crate) fn parts(term: &str) -> BTreeSet<Vec<u8>> {
    let everywhere = !term.starts_with(' ');
    let starts = term.char_indices().filter(|(at, c)| *at == 0 || (everywhere && !c.is_numeric()));
    starts.map(|(at, _)| head(&term[at..], PART).as_bytes().to_vec()).collect()
}

/// The part by which it is known that there is a term.
pub(crate) fn first_part(term: &str) -> Vec<u8> {
    head(term, PART).as_bytes().to_vec()
}

/// Where the parts of the terms are that a word may be in: between the first and the second, between the third and the
/// fourth, and the others themselves: a singular is a word of `prose`, or one of `words`.
pub(crate) fn places([_, begin, english, german]: &Patterns) -> [Vec<u8>; 7] {
    let bytes = |pattern: &str| head(pattern.trim_matches('%').trim_end(), PART).as_bytes().to_vec();
    let (told, own) = (bytes(begin), bytes(begin.trim_matches('%').trim_start()));
    let end = |begin: &[u8]| [begin, &[u8::MAX]].concat();
    let singular = bytes(english.trim_matches('%').trim_start());
    [own.clone(), end(&own), told.clone(), end(&told), bytes(english), singular, bytes(german)]
}

/// So many bytes of `text` at the most, and no part of a character.
fn head(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::tests::{finds, found},
        *,
    };

    /// Whether the index would bring `q` to the patterns.
    fn leads(q: &str, words: &str, prose: &str) -> bool {
        let parts: BTreeSet<_> = terms(words, prose).iter().flat_map(|term| super::parts(term)).collect();
        let asked = super::super::asked(q).unwrap_or_default();
        asked.iter().map(places).all(|[own, own_end, told, told_end, singulars @ ..]| {
            parts.range(own..own_end).next().is_some()
                || parts.range(told..told_end).next().is_some()
                || singulars.iter().any(|singular| parts.contains(singular))
        })
    }

    #[test]
    fn long_words_are_found_by_any_part_and_told_from_each_other() {
        let long = |end: &str| format!("{}{end}", "ab茶".repeat(100));
        let (one, other) = (long("x"), long("y"));
        assert!(name(&one) != name(&other) && name(&one).len() <= TERM && name("tea") == "tea");
        let found = found(&one, "");
        assert!(finds("b茶x", &found) && leads("b茶x", &found.words, &found.prose));
        assert!(parts(&one).iter().all(|part| part.len() <= PART));
    }

    proptest! {
        #[test]
        fn whatever_the_patterns_find_the_index_leads_to(
            name in "[a-c茶öß0-2 .-]{1,12}", told in "[a-ces茶ö0-2 .]{0,20}", q in "[a-ces茶öß0-2 -]{1,5}",
        ) {
            let found = found(&name, &told);
            let plurals = name.split(' ').chain(told.split(' ')).flat_map(|word| ["s", "es", "en"].map(|end| format!("{word}{end}")));
            for q in plurals.chain([q]).filter(|q| finds(q, &found)) {
                prop_assert!(leads(&q, &found.words, &found.prose), "{} {:?}", q, found);
            }
        }
    }
}
