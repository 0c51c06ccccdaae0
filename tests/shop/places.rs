//! The matrix against the source: every place at which a process can die is in it.
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use regex::Regex;

use crate::{
    matrix::rows,
    world::{
        Bus::{Direct, Nats},
        Topology::Apart,
    },
};

/// Where a name has a part that is not written there: its pattern, and where its values are found.
const PARTS: [(&str, &str, &str); 7] = [
    (r"orders\.(\w+)\.(un)?committed", "orders/src/order/event.rs", r#"=> "([A-Z]\w+)","#),
    (r"orders\.(\w+)\.before", "orders/src/checkout/saga.rs", r#"(?:step\(lease,|limited\()\s*"(\w+)""#),
    (r"orders\.(\w+)\.after", "orders/src/checkout/saga.rs", r#"(?:step\(lease,|limited\()\s*"(\w+)""#),
    (r"payments\.(\w+)\.(intended|answered)", "payments/src", r#"timed\(\s*"(\w+)""#),
    (r"(\w+)\.inbox\.\w+", "", r"^modules/(\w+)/src/lib.rs\n(?s:.*)\.subscribe\("),
    (r"(\w+)\.outbox\.\w+", "", r"^modules/(\w+)/src/(?s:.*)outbox\s*\.add\("),
    (r"(\w+)\.relay\.\w+", "", r"^modules/(\w+)/src/lib.rs\n(?s:.*)\.relay\("),
];

#[test]
fn the_matrix_forgets_no_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    read(root, Path::new("modules"), &mut sources);
    let rows = [Direct, Nats].into_iter().flat_map(|bus| rows(Apart, bus));
    let names: BTreeSet<_> = rows.flat_map(|row| row.points).map(unnumbered).collect();
    let place = Regex::new(r"failpoint!\((.*)\);").unwrap();
    let patterns: BTreeSet<_> = sources
        .iter()
        .filter(|(path, _)| !path.ends_with("kernel/src/failpoint.rs"))
        .flat_map(|(_, text)| place.captures_iter(text))
        .map(|found| pattern(&found[1]))
        .collect();
    for pattern in &patterns {
        let pattern = Regex::new(&format!("^{pattern}$")).unwrap();
        assert!(names.iter().any(|name| pattern.is_match(name)), "nobody dies at {pattern}");
    }
    for name in &names {
        let known = patterns.iter().any(|pattern| Regex::new(&format!("^{pattern}$")).unwrap().is_match(name));
        assert!(known, "there is no {name}");
    }
    for (pattern, file, value) in PARTS {
        let (pattern, value) = (Regex::new(&format!("^{pattern}$")).unwrap(), Regex::new(value).unwrap());
        let files = sources.iter().filter(|(path, _)| path.starts_with(Path::new("modules").join(file)));
        let texts: Vec<_> = files.map(|(path, text)| format!("{}\n{text}", path.display())).collect();
        let values = texts.iter().flat_map(|text| value.captures_iter(text)).map(|found| found[1].to_owned());
        let values: BTreeSet<String> = values.filter(|value| value != "kernel").collect();
        let mut died: BTreeMap<String, usize> = BTreeMap::new();
        for found in names.iter().filter_map(|name| pattern.captures(name)) {
            *died.entry(found[1].to_owned()).or_default() += 1;
        }
        assert!(!values.is_empty(), "{pattern}");
        let most = died.values().copied().max();
        for value in values {
            assert_eq!(died.get(&value).copied(), most, "{value} of {pattern}");
        }
    }
}

fn unnumbered(point: &str) -> &str {
    point.split(':').next().unwrap_or_default()
}

/// The names that a place may have, from what is written there.
fn pattern(parts: &str) -> String {
    let part = |part: &str| match part.trim().strip_prefix('"') {
        Some(text) => text.trim_end_matches('"').replace('.', r"\."),
        None => r"\w+".to_owned(),
    };
    parts.split(',').map(part).collect::<Vec<_>>().join(r"\.")
}

fn read(root: &Path, folder: &Path, into: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(root.join(folder)).unwrap().flatten() {
        let path = folder.join(entry.file_name());
        if root.join(&path).is_dir() {
            if entry.file_name() != "tests" {
                read(root, &path, into);
            }
        } else if path.extension().is_some_and(|kind| kind == "rs") && entry.file_name() != "tests.rs" {
            into.push((path.clone(), std::fs::read_to_string(root.join(&path)).unwrap()));
        }
    }
}
