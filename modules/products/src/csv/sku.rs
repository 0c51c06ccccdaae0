//! SKUs for those who have none.
use crate::{Sku, forms::slug::from_name};

/// The most characters of a SKU.
const SKU: usize = 64;

/// A SKU for the variant of `product` with these option values; `other` where that one is taken.
///
/// It depends on nothing else, so a second import of the file meets the variants of the first.
pub(super) fn sku<'a>(product: &'a str, values: impl Iterator<Item = &'a str>, other: bool) -> Option<Sku> {
    let parts: Vec<&str> = std::iter::once(product).chain(values).collect();
    let slugs = parts.iter().map(|part| from_name(part)).filter(|slug| !slug.is_empty());
    let mut sku = slugs.collect::<Vec<_>>().join("-");
    // Another product may be spelled alike in Latin letters, and come in another file.
    if other || sku.len() > SKU || from_name(product) != product {
        let digest = digest(&parts);
        sku.truncate(SKU - 1 - digest.len());
        let begin = sku.trim_end_matches('-');
        sku = if begin.is_empty() { digest } else { format!("{begin}-{digest}") };
    }
    sku.parse().ok()
}

/// FNV-1a, folded to 32 bits: unlike the standard library's hashes it is the same in every release.
fn digest(parts: &[&str]) -> String {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xff]));
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:08x}", (hash ^ (hash >> 32)) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::forms::slug::from_name as slug;

    #[test]
    fn a_slug_spells_every_script() {
        for (text, expected) in [
            ("Ocean Blue Shirt", "ocean-blue-shirt"),
            ("Olive & Pantry", "olive-pantry"),
            ("  --Women / Tops--", "women-tops"),
            ("Κεραμικά", "keramika"),
            ("Ελαιόλαδο 5 L", "elaiolado-5-l"),
            ("Café", "cafe"),
            ("", ""),
            (" & ", ""),
        ] {
            assert_eq!(slug(text), expected, "{text}");
        }
        assert_ne!(slug("茶"), slug("酒"));
    }

    #[test]
    fn a_made_sku_is_readable_and_never_changes() {
        let sku =
            |slug, values: &[&'static str], other| super::sku(slug, values.iter().copied(), other).unwrap().to_string();
        assert_eq!(sku("classic-varsity-top", &["Small", "Ocean Blue"], false), "classic-varsity-top-small-ocean-blue");
        assert_eq!(sku("tee", &["S"], true), "tee-s-745356ef");
        assert_ne!(sku("tee", &["a-b", "c"], true), sku("tee", &["a", "b-c"], true));
        let long = "very-long-".repeat(9) + "name";
        let (one, two) = (sku("x", &["☆", "&"], false), super::sku(&long, ["S"].into_iter(), false).unwrap());
        assert_eq!((one.as_str(), two.as_str().len() <= 64), ("x", true));
        assert_ne!(two, super::sku(&long, ["M"].into_iter(), false).unwrap());
    }

    proptest! {
        #[test]
        fn a_slug_is_its_own_slug(text in ".{0,300}") {
            let once = slug(&text);
            prop_assert_eq!(slug(&once), once.clone());
            prop_assert!(once.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
        }

        #[test]
        fn any_variant_gets_a_sku(handle in ".{1,300}", values in prop::collection::vec(".{0,80}", 0..4), other: bool) {
            let handle = slug(&handle);
            prop_assume!(!handle.is_empty());
            prop_assert!(sku(&handle, values.iter().map(String::as_str), other).is_some());
        }
    }
}
