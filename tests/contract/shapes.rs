//! The rules of JSON that keep the topologies equal: whole numbers, money with its currency, UTC.
use std::{path::Path, sync::LazyLock};

use chrono::Timelike;
use regex::Regex;
use serde_json::Value;

use crate::{
    generate::Random,
    listed::{contracts, parts},
    round_trips::SEEDS,
};

/// RFC 3339 in UTC, to the microsecond at most.
static TIME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$").expect("a regular expression"));
static CURRENCY: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[A-Z]{3}$").expect("a regular expression"));

/// Whether a field of this name is a time.
fn is_time(name: &str) -> bool {
    matches!(name, "at" | "time") || name.ends_with("_at")
}

/// Whether a field of this name is money, and so never a bare number.
fn is_money(name: &str) -> bool {
    let names = ["amount", "price", "total", "subtotal", "tax", "discount", "refunded", "left"];
    names.contains(&name.rsplit('_').next().unwrap_or(name))
}

/// Every rule that is broken in `value`, the value of a field of this name.
fn flaws(name: &str, value: &Value) -> Vec<String> {
    let mut flaws = Vec::new();
    match value {
        Value::Number(number) if number.as_i64().is_none() => flaws.push(format!("{name} {number} is no i64")),
        Value::Number(number) if is_money(name) => flaws.push(format!("{name} {number} has no currency")),
        Value::Array(items) => flaws.extend(items.iter().flat_map(|item| self::flaws(name, item))),
        Value::Object(money) if money.contains_key("currency") => {
            let currency = money["currency"].as_str().is_some_and(|code| CURRENCY.is_match(code));
            let amount = money.get("amount").is_some_and(Value::is_i64);
            if !(currency && amount && money.len() == 2) {
                flaws.push(format!("{name} {value} is no money"));
            }
        }
        Value::Object(fields) => flaws.extend(fields.iter().flat_map(|(name, value)| self::flaws(name, value))),
        _ => {}
    }
    if is_time(name) && !value.is_null() && !value.as_str().is_some_and(|time| TIME.is_match(time)) {
        flaws.push(format!("{name} {value} is no time in UTC, to the microsecond"));
    }
    flaws
}

#[test]
fn numbers_are_whole_money_has_a_currency_and_times_are_utc() {
    for part in parts() {
        for seed in SEEDS {
            let text = part.travel(&mut Random::new(seed));
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(flaws("", &value), [""; 0], "{}", part.place);
        }
    }
    for contract in contracts() {
        for problem in (contract.problems)(&mut Random::new(0)) {
            let problem: Value = serde_json::from_str(&problem).unwrap();
            assert_eq!(flaws("", &problem), [""; 0], "{}", contract.module);
        }
    }
}

#[test]
fn a_time_is_known_by_its_name() {
    let mut random = Random::new(0);
    for part in parts() {
        (0..20).for_each(|_| drop(part.travel(&mut random)));
    }
    assert!(random.times.len() > 5, "{:?}", random.times);
    assert!(random.times.iter().all(|name| is_time(name)), "{:?}", random.times);
}

/// A skipped field is gone after a call between processes, and still there after one within: only what says
/// nothing is left out, and has its default back where it is read.
#[test]
fn no_field_of_a_contract_is_skipped() {
    for contract in contracts() {
        // Where the types of a contract are.
        let source = format!("{}/modules/{}/src", env!("CARGO_MANIFEST_DIR"), contract.module);
        let room = std::fs::read_dir(format!("{source}/api")).into_iter().flatten().map(|file| file.unwrap().path());
        let files: Vec<_> =
            ["api.rs", "error.rs"].map(|file| Path::new(&source).join(file)).into_iter().chain(room).collect();
        let texts = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
        let texts: Vec<_> = texts.map(|text| text.replace(r#"skip_serializing_if = "Patch::is_absent""#, "")).collect();
        assert!(texts.len() > 1 && texts.iter().any(|text| text.contains("kernel::api!")), "{source}");
        assert!(texts.iter().all(|text| !text.contains("serde(skip") && !text.contains(" skip_ser")), "{source}");
    }
}

#[test]
fn the_clock_tells_no_more_than_the_wire_takes() {
    assert_eq!(kernel::Clock::default().now().nanosecond() % 1000, 0);
}

#[test]
fn broken_rules_are_found() {
    for (name, value) in [
        ("weight", serde_json::json!(0.5)),
        ("price", serde_json::json!(5)),
        ("unit_price", serde_json::json!({"amount": "5", "currency": "EUR"})),
        ("unit_price", serde_json::json!({"amount": 5, "currency": "eur"})),
        ("placed_at", serde_json::json!("2026-01-01T00:00:00+00:00")),
        ("placed_at", serde_json::json!("2026-01-01T00:00:00.000000001Z")),
        ("placed_at", serde_json::json!(1_700_000_000)),
    ] {
        assert_eq!(flaws("", &serde_json::json!([{ name: value }])).len(), 1, "{name} {value}");
    }
}
