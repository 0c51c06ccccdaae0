//! What a plural and its singular have in common, as near as endings tell it.
//!
//! Plural endings are taken off and nothing else, so that `organic` does not become `organ`. What is left need not be a
//! word; it only must be the same for both. Irregular plurals (`feet`) are not known.

/// English, after Harman's S-stemmer (“How effective is suffixing?”, 1991): `-s`, `-es`, `-ies`, `-ves`.
pub(super) fn english(word: &str) -> String {
    let is_plain = word.len() > 2 && word.bytes().all(|b| b.is_ascii_lowercase());
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    let put = |count, ending| format!("{}{ending}", &word[..word.len() - count]);
    match word.len() {
        _ if !is_plain || ends(&["us", "ss", "is"]) => word.to_owned(),
        5.. if ends(&["ies"]) => put(3, "i"),
        4.. if ends(&["ie"]) => put(2, "i"),
        _ if ends(&["y"]) && !ends(&["ay", "ey", "oy", "uy"]) => put(1, "i"),
        5.. if ends(&["ves"]) => put(3, "f"),
        4.. if ends(&["ve", "fe"]) => put(2, "f"),
        5.. if ends(&["sses", "shes", "ches", "xes", "zzes"]) => put(2, ""),
        7.. if ends(&["oes"]) => put(2, ""),
        4.. if ends(&["s"]) => put(1, ""),
        _ => word.to_owned(),
    }
}

/// German, of a word whose umlauts have lost their dots: `-e`, `-er`, `-en`, `-n`, `-innen`; `-s` is as in English.
pub(super) fn german(word: &str) -> &str {
    let less = |word: &str, ending: &str| word.strip_suffix(ending).map(str::len).filter(|left| *left > 2);
    if !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return word;
    }
    // `Federn` is `Feder`, which then is as any other in `-er`.
    let word =
        if word.len() > 4 && (word.ends_with("ln") || word.ends_with("rn")) { &word[..word.len() - 1] } else { word };
    let root = less(word, "nen").filter(|_| word.ends_with("innen"));
    let root = root.or_else(|| ["en", "er", "e"].iter().find_map(|ending| less(word, ending)));
    &word[..root.unwrap_or(word.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plural_and_its_singular_are_one() {
        for (one, many) in [
            ("olive", "olives"),
            ("shirt", "shirts"),
            ("berry", "berries"),
            ("cookie", "cookies"),
            ("pie", "pies"),
            ("fly", "flies"),
            ("glass", "glasses"),
            ("dish", "dishes"),
            ("box", "boxes"),
            ("potato", "potatoes"),
            ("shoe", "shoes"),
            ("glove", "gloves"),
            ("leaf", "leaves"),
            ("knife", "knives"),
            ("honey", "honeys"),
            ("toy", "toys"),
            ("house", "houses"),
            ("vase", "vases"),
        ] {
            assert_eq!(english(one), english(many), "{one}");
        }
        for (one, many) in [
            ("tasse", "tassen"),
            ("hemd", "hemden"),
            ("glas", "glaser"),
            ("haus", "hauser"),
            ("tuch", "tucher"),
            ("hut", "hute"),
            ("schuh", "schuhe"),
            ("stein", "steine"),
            ("kreis", "kreise"),
            ("kleid", "kleider"),
            ("pfanne", "pfannen"),
            ("vase", "vasen"),
            ("uhr", "uhren"),
            ("gabel", "gabeln"),
            ("feder", "federn"),
            ("kundin", "kundinnen"),
            ("motor", "motoren"),
        ] {
            assert_eq!(german(one), german(many), "{one}");
        }
    }

    #[test]
    fn nothing_else_is_taken_off() {
        for word in ["", "s", "as", "organic", "glass", "bus", "iris", "tea", "茶s", "1990s", "walking", "red"] {
            assert_eq!(english(word), word);
        }
        for word in ["", "er", "tee", "glas", "stein", "organic", "茶en", "100er"] {
            assert_eq!(german(word), word);
        }
    }
}
