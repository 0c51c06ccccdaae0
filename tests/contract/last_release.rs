//! What the last release wrote is kept in `tests/releases`: this one reads it, and writes what that one can read.
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    generate::Random,
    listed::{Part, Side, contracts, parts},
    releases::{objects, unnumbered},
    round_trips::SEEDS,
};

/// How many values of each type are kept.
const KEPT: std::ops::Range<u64> = 0..3;

/// Everything that one release writes for another.
#[derive(Serialize, Deserialize)]
struct Release {
    /// Each argument, answer and event.
    parts: BTreeMap<String, Written>,
    /// Each module's problem bodies.
    problems: BTreeMap<String, Vec<Value>>,
}

/// What is written at one place.
#[derive(Default, Serialize, Deserialize)]
struct Written {
    samples: Vec<Value>,
    /// The variants of its enums.
    words: BTreeMap<String, BTreeSet<String>>,
    /// The fields of its objects, each by the object's JSON Pointer.
    objects: BTreeMap<String, BTreeMap<String, Field>>,
}

/// What a field may be.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Field {
    always: bool,
    kinds: BTreeSet<String>,
}

impl Written {
    fn of(part: &Part) -> Self {
        let mut random = Random::new(0);
        let values: Vec<Value> = SEEDS.map(|_| json(&part.travel(&mut random))).collect();
        let words = random.enums.into_keys();
        let words = words.map(|(name, words)| (name.to_owned(), words.iter().map(ToString::to_string).collect()));
        let samples = KEPT.map(|seed| json(&part.travel(&mut Random::new(seed)))).collect();
        let mut objects = forms(&values);
        if random.free {
            // What is free in form has none to keep.
            objects.retain(|at, _| !at.contains("/data"));
        }
        Self { samples, words: words.collect(), objects }
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// The form of every object in these values.
fn forms(values: &[Value]) -> BTreeMap<String, BTreeMap<String, Field>> {
    let mut seen: BTreeMap<String, Vec<&serde_json::Map<String, Value>>> = BTreeMap::new();
    for value in values {
        for at in objects("", value) {
            let object = value.pointer(&at).and_then(Value::as_object).expect("it was found there");
            seen.entry(unnumbered(&at)).or_default().push(object);
        }
    }
    let form = |objects: &[&serde_json::Map<String, Value>]| {
        let names: BTreeSet<_> = objects.iter().flat_map(|object| object.keys()).collect();
        let field = |name: &String| Field {
            always: objects.iter().all(|object| object.contains_key(name)),
            kinds: objects.iter().filter_map(|object| object.get(name)).map(|value| kind(value).to_owned()).collect(),
        };
        names.into_iter().map(|name| (name.clone(), field(name))).collect()
    };
    seen.iter().map(|(at, objects)| (at.clone(), form(objects))).collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What a process of the last release cannot read of what this one writes.
fn unreadable(last: &Written, now: &Written) -> Vec<String> {
    let mut found = Vec::new();
    for (name, words) in &now.words {
        let known = last.words.get(name);
        let new = words.iter().filter(|word| known.is_some_and(|known| !known.contains(*word)));
        found.extend(new.map(|word| format!("{name} may be `{word}`: let it be read for one release first")));
    }
    for (at, fields) in &last.objects {
        let Some(written) = now.objects.get(at) else { continue };
        for (name, field) in fields {
            let is = written.get(name).cloned().unwrap_or_default();
            if field.always && !is.always && !field.kinds.contains("null") {
                found.push(format!("{at}/{name} may be absent"));
            }
            let other = is.kinds.iter().filter(|kind| !field.kinds.contains(*kind));
            found.extend(other.map(|kind| format!("{at}/{name} may be of the type {kind}")));
        }
    }
    found
}

/// The file of the last release.
fn file() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/releases");
    let files = folder.read_dir().expect("tests/releases").map(|file| file.expect("a file").path());
    let mut kept: Vec<_> = files.filter(|file| file.extension().is_some_and(|kind| kind == "json")).collect();
    assert_eq!(kept.len(), 1, "one release is the last");
    kept.remove(0)
}

fn last() -> Release {
    serde_json::from_str(&std::fs::read_to_string(file()).expect("it is kept")).expect("it is JSON")
}

#[test]
fn this_release_reads_what_the_last_one_writes() {
    let last = last();
    for (place, written) in &last.parts {
        let part = parts().find(|part| part.place == *place);
        let part = part.unwrap_or_else(|| panic!("{place} is gone, and the last release still calls it"));
        for sample in &written.samples {
            let read = (part.reread)(&sample.to_string());
            read.unwrap_or_else(|error| panic!("{place}: {error} in {sample}"));
        }
    }
    for contract in contracts() {
        // A module that the last release did not have wrote none.
        for problem in last.problems.get(contract.module).into_iter().flatten() {
            let read = (contract.reread)(&problem.to_string());
            assert_eq!(read.ok().map(|text| json(&text)).as_ref(), Some(problem), "{}", contract.module);
        }
    }
}

#[test]
fn the_last_release_reads_what_this_one_writes() {
    let last = last();
    for part in parts() {
        let Some(written) = last.parts.get(&part.place) else { continue };
        let mut unreadable = unreadable(written, &Written::of(&part));
        if let (Side::Event, Some((_, event))) = (part.side, part.place.split_once(' ')) {
            // A kind of event that it does not know it passes over.
            unreadable.retain(|flaw| !flaw.starts_with(&format!("{event} may be ")));
        }
        assert_eq!(unreadable, [""; 0], "{}", part.place);
    }
}

#[test]
fn what_the_last_release_could_not_read_is_found() {
    let object = |value: Value| Written { objects: forms(&[value]), ..Written::default() };
    let words = |words: &[&str]| {
        let words = words.iter().map(ToString::to_string).collect();
        Written { words: [("Status".to_owned(), words)].into(), ..Written::default() }
    };
    let last = object(serde_json::json!({"id": 1, "lines": [{"sku": "A"}]}));
    for (now, flaws) in [
        (serde_json::json!({"id": 1, "lines": [{"sku": "A", "note": null}], "later": 1}), 0),
        (serde_json::json!({"lines": []}), 1),
        (serde_json::json!({"id": "1", "lines": [{"sku": null}]}), 2),
    ] {
        assert_eq!(unreadable(&last, &object(now)).len(), flaws);
    }
    assert_eq!(unreadable(&words(&["open"]), &words(&["open", "frozen"])).len(), 1);
}

/// Writes the file anew, for `just release`.
#[test]
fn what_is_kept_is_complete() {
    let release = || Release {
        parts: parts().map(|part| (part.place.clone(), Written::of(&part))).collect(),
        problems: contracts()
            .into_iter()
            .map(|contract| {
                let problems = (contract.problems)(&mut Random::new(0));
                (contract.module.to_owned(), problems.iter().map(|text| json(text)).collect())
            })
            .collect(),
    };
    if std::env::vars().any(|(name, _)| name == "STOA_KEEP_RELEASE") {
        std::fs::write(file(), serde_json::to_string_pretty(&release()).expect("JSON")).expect("it is written");
    }
    let kept = last();
    assert!(kept.parts.len() > 50 && kept.parts.values().all(|written| !written.samples.is_empty()));
    assert!(kept.problems.len() > 5 && kept.problems.values().all(|problems| !problems.is_empty()));
}
