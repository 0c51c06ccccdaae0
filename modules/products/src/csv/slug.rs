//! Names for addresses, and SKUs for those who have none.
use crate::Sku;

/// `text` in lower-case Latin letters, digits and hyphens: `Ελαιόλαδο 5 L` is `elaiolado-5-l`.
///
/// The same text always gives the same slug, and a slug gives itself. Letters that it cannot spell
/// are replaced by a number made from the whole text, so that two names stay two. Empty for empty.
pub(super) fn slug(text: &str) -> String {
    let (mut slug, mut lost) = (String::new(), false);
    for letter in text.chars().flat_map(char::to_lowercase) {
        match latin(letter) {
            Some(spelled) => slug.push_str(spelled),
            None if letter.is_ascii_alphanumeric() => slug.push(letter),
            None if ('\u{300}'..='\u{36f}').contains(&letter) => {}
            None => {
                lost |= letter.is_alphanumeric();
                if !slug.is_empty() && !slug.ends_with('-') {
                    slug.push('-');
                }
            }
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    let lost = lost || (slug.is_empty() && !text.trim().is_empty());
    let digest = if lost { digest(&[text]) } else { String::new() };
    if slug.is_empty() || digest.is_empty() { slug + &digest } else { format!("{slug}-{digest}") }
}

/// A SKU for the variant of `slug` with these option values; `other` where that one is taken.
///
/// It depends on nothing else, so a second import of the file meets the variants of the first.
pub(super) fn sku<'a>(slug: &'a str, values: impl Iterator<Item = &'a str>, other: bool) -> Option<Sku> {
    let parts: Vec<&str> = std::iter::once(slug).chain(values).collect();
    let mut sku = parts.iter().map(|part| self::slug(part)).collect::<Vec<_>>().join("-");
    if other || sku.len() > LENGTH {
        sku.truncate(LENGTH - 1 - DIGEST);
        sku = format!("{}-{}", sku.trim_end_matches('-'), digest(&parts));
    }
    sku.parse().ok()
}

const LENGTH: usize = 64;
const DIGEST: usize = 8;

/// FNV-1a, folded to 32 bits: unlike the standard library's hashes it is the same in every release.
fn digest(parts: &[&str]) -> String {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xff]));
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:08x}", (hash ^ (hash >> 32)) & 0xffff_ffff)
}

/// How Latin letters spell a lower-case letter of Greek (ISO 843, by letter) or with an accent.
fn latin(letter: char) -> Option<&'static str> {
    Some(match letter {
        'α' | 'ά' | 'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ą' | 'ă' => "a",
        'ä' | 'æ' => "ae",
        'β' => "v",
        'ç' | 'ć' | 'č' => "c",
        'δ' | 'ď' | 'đ' | 'ð' => "d",
        'ε' | 'έ' | 'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'φ' => "f",
        'γ' | 'ğ' => "g",
        'η' | 'ή' | 'ι' | 'ί' | 'ϊ' | 'ΐ' | 'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => "i",
        'κ' => "k",
        'λ' | 'ł' | 'ľ' => "l",
        'μ' | 'µ' => "m",
        'ν' | 'ñ' | 'ń' | 'ň' => "n",
        'ο' | 'ό' | 'ω' | 'ώ' | 'ò' | 'ó' | 'ô' | 'õ' | 'ø' | 'ō' | 'ő' => "o",
        'ö' | 'œ' => "oe",
        'π' => "p",
        'ρ' | 'ř' => "r",
        'σ' | 'ς' | 'ś' | 'š' | 'ş' | 'ș' => "s",
        'ß' => "ss",
        'τ' | 'ť' | 'ț' => "t",
        'θ' | 'þ' => "th",
        'ù' | 'ú' | 'û' | 'ū' | 'ů' | 'ű' => "u",
        'ü' => "ue",
        'ξ' => "x",
        'υ' | 'ύ' | 'ϋ' | 'ΰ' | 'ý' | 'ÿ' => "y",
        'ζ' | 'ź' | 'ż' | 'ž' => "z",
        'χ' => "ch",
        'ψ' => "ps",
        '\'' | '’' => "",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slug_spells_what_it_can() {
        for (text, expected) in [
            ("Ocean Blue Shirt", "ocean-blue-shirt"),
            ("Olive & Pantry", "olive-pantry"),
            ("  --Women's / Tops--", "womens-tops"),
            ("Κεραμικά", "keramika"),
            ("Ελαιόλαδο 5 L", "elaiolado-5-l"),
            ("ΨΩΜΊ", "psomi"),
            ("Café Ö", "cafe-oe"),
            ("Cafe\u{301}", "cafe"),
            ("", ""),
            ("  ", ""),
        ] {
            assert_eq!(slug(text), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_spelled_still_differs() {
        assert_ne!(slug("茶"), slug("酒"));
        assert_ne!(slug("茶 250g"), slug("酒 250g"));
        assert!(slug("茶 250g").starts_with("250g-") && !slug("&").is_empty());
    }

    #[test]
    fn a_made_sku_is_readable_and_never_changes() {
        let sku =
            |slug, values: &[&'static str], other| super::sku(slug, values.iter().copied(), other).unwrap().to_string();
        assert_eq!(sku("classic-varsity-top", &["Small", "Ocean Blue"], false), "classic-varsity-top-small-ocean-blue");
        assert_eq!(sku("tee", &["S"], true), "tee-s-745356ef");
        assert_ne!(sku("tee", &["a-b", "c"], true), sku("tee", &["a", "b-c"], true));
        let long = "very-long-".repeat(10) + "name";
        let (one, two) = (sku("x", &[], false), super::sku(&long, ["S"].into_iter(), false).unwrap());
        assert_eq!((one.as_str(), two.as_str().len() <= 64), ("x", true));
        assert_ne!(two, super::sku(&long, ["M"].into_iter(), false).unwrap());
    }

    proptest! {
        #[test]
        fn a_slug_is_its_own_slug(text in ".{0,80}") {
            let once = slug(&text);
            prop_assert_eq!(slug(&once), once.clone());
            prop_assert!(once.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            prop_assert_eq!(once.is_empty(), text.trim().is_empty());
        }

        #[test]
        fn any_variant_gets_a_sku(handle in ".{1,300}", values in prop::collection::vec(".{0,80}", 0..4), other: bool) {
            let handle = slug(&handle);
            prop_assume!(!handle.is_empty());
            prop_assert!(sku(&handle, values.iter().map(String::as_str), other).is_some());
        }
    }
}
