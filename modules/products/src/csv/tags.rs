//! Tags in one cell: commas between them, and quotes around one that has a comma itself.
//!
//! Shopify's tags have no commas, so its files never need the quotes.

/// The cell of these tags.
pub(super) fn join(tags: &[String]) -> String {
    let quoted = |tag: &String| {
        let own = tag.contains(',') || tag.starts_with('"');
        if own { format!("\"{}\"", tag.replace('"', "\"\"")) } else { tag.clone() }
    };
    tags.iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// The tags of a cell, without the blanks around them; what is empty is none.
pub(super) fn split(cell: &str) -> Vec<String> {
    let (mut tags, mut rest) = (Vec::new(), cell.trim());
    while !rest.is_empty() {
        let (tag, left) = quoted(rest).unwrap_or_else(|| {
            let (tag, left) = rest.split_once(',').unwrap_or((rest, ""));
            (tag.trim().to_owned(), left)
        });
        tags.extend(Some(tag).filter(|tag| !tag.is_empty()));
        rest = left.trim_start();
    }
    tags
}

/// The tag in quotes with which `text` begins, and what is after its comma; none if the quotes are its own.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut tag = String::new();
    loop {
        let (part, left) = rest.split_once('"')?;
        tag.push_str(part);
        match left.strip_prefix('"') {
            Some(left) => {
                tag.push('"');
                rest = left;
            }
            None if left.trim_start().is_empty() => return Some((tag, "")),
            None => return left.trim_start().strip_prefix(',').map(|left| (tag, left)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_stand_between_commas() {
        for (cell, tags) in [
            ("", vec![]),
            (" , ,", vec![]),
            ("men, summer ,sale", vec!["men", "summer", "sale"]),
            ("5\" nails, \"a, b\" , c", vec!["5\" nails", "a, b", "c"]),
            ("\"big\" one, \"x", vec!["\"big\" one", "\"x"]),
            ("\"say \"\"hi\"\", you\"", vec!["say \"hi\", you"]),
        ] {
            assert_eq!(split(cell), tags, "{cell}");
        }
    }

    proptest! {
        #[test]
        fn tags_come_back(tags in prop::collection::vec("[a\", '=]{1,6}|\\PC{1,9}", 0..5)) {
            let tags: Vec<_> = tags.iter().map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect();
            prop_assert_eq!(split(&join(&tags)), tags);
        }
    }
}
