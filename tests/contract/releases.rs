//! While a release is rolled out, its processes and those of the one before read each other's answers.
use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    generate::Random,
    listed::{Side, contracts, parts},
    round_trips::SEEDS,
};

/// Each value is read once for every object in it.
const FEW: std::ops::Range<u64> = 0..20;
/// A field of a later release.
pub(crate) const LATER: &str = "added_later";

#[test]
fn an_answer_may_have_fields_that_a_later_release_adds() {
    let mut refused = BTreeSet::new();
    for part in parts().filter(|part| part.side != Side::Argument) {
        for seed in FEW {
            let text = part.travel(&mut Random::new(seed));
            refused.extend(refusals(&text, part.reread).into_iter().map(|flaw| format!("{}{flaw}", part.place)));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn a_problem_may_have_fields_that_a_later_release_adds() {
    for contract in contracts() {
        for text in (contract.problems)(&mut Random::new(0)) {
            assert_eq!(refusals(&text, contract.reread), [""; 0], "{}", contract.module);
        }
    }
}

/// An earlier release does not write the fields that this one added: those may be null.
#[test]
fn a_field_that_may_be_null_may_be_absent() {
    for part in parts() {
        for seed in SEEDS {
            let text = part.travel(&mut Random::new(seed));
            let bare = without_nulls(serde_json::from_str(&text).unwrap());
            if bare.is_null() {
                continue;
            }
            let back = (part.reread)(&bare.to_string()).unwrap_or_else(|flaw| panic!("{}: {flaw}", part.place));
            assert_eq!(without_nulls(serde_json::from_str(&back).unwrap()), bare, "{}", part.place);
        }
    }
}

/// A null in it would not arrive: what is null in an argument is not sent.
#[test]
fn no_argument_is_free_in_form() {
    for part in parts().filter(|part| part.side == Side::Argument) {
        let mut random = Random::new(0);
        SEEDS.for_each(|_| drop(part.travel(&mut random)));
        assert!(!random.free, "{}", part.place);
    }
}

/// Where in `text` an object does not take another field, or does not come back without it as it was.
fn refusals(text: &str, reread: fn(&str) -> Result<String, serde_json::Error>) -> Vec<String> {
    let value: Value = serde_json::from_str(text).expect("JSON");
    let refused = |at: &String| {
        let mut changed = value.clone();
        changed.pointer_mut(at).expect("it was found there")[LATER] = Value::Null;
        let read = reread(&changed.to_string());
        read.map_or(true, |back| {
            let mut back: Value = serde_json::from_str(&back).expect("JSON");
            if let Some(object) = back.pointer_mut(at).and_then(Value::as_object_mut) {
                // What is free in form keeps it.
                object.remove(LATER);
            }
            back != value
        })
    };
    objects("", &value).into_iter().filter(refused).map(|at| unnumbered(&at)).collect()
}

/// The JSON Pointers (RFC 6901) of all objects in `value`, which stands at `at`.
pub(crate) fn objects(at: &str, value: &Value) -> Vec<String> {
    let below = |name: &str, value| objects(&format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), value);
    match value {
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(index, item)| below(&index.to_string(), item)).collect()
        }
        Value::Object(fields) => {
            let fields = fields.iter().flat_map(|(name, field)| below(name, field));
            std::iter::once(at.to_owned()).chain(fields).collect()
        }
        _ => Vec::new(),
    }
}

/// The same pointer for each item of a list, so that one flaw is told once.
pub(crate) fn unnumbered(at: &str) -> String {
    let step = |step: &str| if step.parse::<usize>().is_ok() { "*".to_owned() } else { step.to_owned() };
    at.split('/').map(step).collect::<Vec<_>>().join("/")
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            // What is free in form is there, even if it is null.
            let fields = fields.into_iter().filter(|(name, field)| !field.is_null() || name == "data");
            fields.map(|(name, field)| (name, without_nulls(field))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        value => value,
    }
}
