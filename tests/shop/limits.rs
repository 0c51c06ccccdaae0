//! What the API's description calls valid is not refused for its form, and what it calls invalid is refused.
use std::{
    collections::{BTreeSet, HashMap},
    sync::{LazyLock, Mutex},
};

use regex::Regex;
use reqwest::{Method, Url, header::HeaderValue};
use serde_json::{Map, Value, json};

use crate::{
    actor::{Actor, Reply},
    description::{Operation, described, operations},
    world::{Engine::Sqlite, Shop, Topology::Together},
};

/// What is said of a value whose form is right: nobody can know it from the description.
const CONTENT: [(&str, &str); 11] = [
    ("?cursor", "broken_cursor"),
    ("/category", "unknown_category"),
    ("/current_password", "wrong_password"),
    ("/delta", "what is on hand then must be -1000000000 to 1000000000"),
    ("/payment/method", "unknown_method"),
    ("/payment/provider", "unknown_provider"),
    ("/postal_code", "required"),
    ("/quantity", "a cart holds at most 999 of one variant"),
    ("/shipping_address/postal_code", "required"),
    ("/shipping_method", "unknown_value"),
    ("/variants/0/options", "duplicate_options"),
];

/// Where those who do not run the shop have a say.
const OPEN: [&str; 3] = ["/v1/cart", "/v1/orders", "/v1/users/me"];

/// The alternatives of a schema, without references.
fn alternatives<'a>(document: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    if let Some(name) = schema["$ref"].as_str() {
        return alternatives(document, document.pointer(name.trim_start_matches('#')).unwrap());
    }
    match schema["oneOf"].as_array() {
        Some(ways) => ways.iter().flat_map(|way| alternatives(document, way)).collect(),
        None => vec![schema],
    }
}

/// The first that is not null.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    alternatives(document, schema).into_iter().find(|way| way["type"] != "null").unwrap()
}

fn is(schema: &Value, kind: &str) -> bool {
    schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind))
}

fn matches(pattern: &str, text: &str) -> bool {
    static KNOWN: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap();
    known.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).unwrap()).is_match(text)
}

/// Whether a schema without parts takes a value.
fn takes(document: &Value, schema: &Value, value: &Value) -> bool {
    alternatives(document, schema).into_iter().any(|way| {
        let within = |count: i64, least: &str, most: &str| {
            way[least].as_i64().is_none_or(|least| count >= least)
                && way[most].as_i64().is_none_or(|most| count <= most)
        };
        let known = way["enum"].as_array().is_none_or(|all| all.contains(value));
        known
            && match value {
                Value::Null => is(way, "null"),
                Value::Bool(_) => is(way, "boolean"),
                Value::Number(number) => is(way, "integer") && within(number.as_i64().unwrap(), "minimum", "maximum"),
                Value::String(text) => {
                    is(way, "string")
                        && within(text.chars().count().try_into().unwrap(), "minLength", "maxLength")
                        && way["pattern"].as_str().is_none_or(|pattern| matches(pattern, text))
                }
                Value::Array(items) => {
                    is(way, "array") && within(items.len().try_into().unwrap(), "minItems", "maxItems")
                }
                Value::Object(_) => is(way, "object"),
            }
    })
}

/// A value that the schema takes.
fn sample(document: &Value, schema: &Value) -> Value {
    let schema = resolved(document, schema);
    let example = [&schema["example"], &schema["examples"][0], &schema["enum"][0]];
    if let Some(example) = example.into_iter().find(|example| !example.is_null()) {
        return example.clone();
    }
    if let Some(fields) = schema["properties"].as_object() {
        return Value::Object(fields.iter().map(|(name, field)| (name.clone(), sample(document, field))).collect());
    }
    let least = |limit: &str| schema[limit].as_u64().unwrap_or(1).max(1);
    match schema {
        _ if is(schema, "array") => json!([sample(document, &schema["items"])]),
        _ if is(schema, "object") => Value::Object(Map::new()),
        _ if is(schema, "integer") => least("minimum").into(),
        _ if is(schema, "boolean") => true.into(),
        _ if schema["format"] == "uuid" => "019376b1-7c4e-7c4e-9d2b-3f1e5a6b7c8d".into(),
        _ => "a".repeat(least("minLength").try_into().unwrap()).into(),
    }
}

/// Values at and beyond the limits of a schema without parts.
fn candidates(document: &Value, schema: &Value) -> Vec<Value> {
    let plain = resolved(document, schema);
    let example = sample(document, plain);
    let limits = |least: &str, most: &str| {
        let limits = [plain[least].as_i64(), plain[most].as_i64()].into_iter().flatten();
        limits.flat_map(|limit| [limit.checked_sub(1), Some(limit), limit.checked_add(1)]).flatten().collect::<Vec<_>>()
    };
    let mut values = vec![Value::Null, json!({}), example.clone()];
    if is(plain, "integer") {
        values.extend(limits("minimum", "maximum").into_iter().map(Value::from));
        values.push("x".into());
    } else if is(plain, "array") {
        let items = limits("minItems", "maxItems").into_iter().filter_map(|count| usize::try_from(count).ok());
        values.extend(items.map(|count| Value::Array(vec![example[0].clone(); count])));
        values.push("x".into());
    } else if is(plain, "string") {
        for length in limits("minLength", "maxLength").into_iter().filter_map(|length| usize::try_from(length).ok()) {
            let begun = example.as_str().unwrap();
            values.push("a".repeat(length).into());
            values.push(format!("{begun}{}", "a".repeat(length.saturating_sub(begun.chars().count()))).into());
        }
        let odd = ["", " ", "a b", "a\u{0}", "\u{85}a\r\n", "a\nb", "ä", "/", "-", "\u{301}", "\u{200b}", "1"];
        values.extend(odd.map(Value::from));
        values.push(1.into());
        let all = plain["enum"].as_array().into_iter().flatten();
        values.extend(all.filter(|value| value.as_str().unwrap().len() != 3).cloned());
    }
    let mut seen = BTreeSet::new();
    values.retain(|value| seen.insert(value.to_string()));
    values
}

/// The places of all fields of a schema, as JSON Pointers into a sample of it.
fn fields<'a>(document: &'a Value, schema: &'a Value, at: &str, found: &mut Vec<(String, &'a Value)>) {
    let plain = resolved(document, schema);
    if let Some(fields) = plain["properties"].as_object() {
        for (name, field) in fields {
            self::fields(document, field, &format!("{at}/{name}"), found);
        }
        return;
    }
    if is(plain, "array") {
        fields(document, &plain["items"], &format!("{at}/0"), found);
    }
    if !at.is_empty() {
        found.push((at.to_owned(), schema));
    }
}

/// What somebody sees of the description's limits.
struct Probe<'a> {
    who: Actor<'a>,
    /// Whether it asks there: the operation's number and path.
    takes_part: fn(usize, &str) -> bool,
    order: &'a str,
    document: &'a Value,
    wrong: BTreeSet<String>,
    asked: usize,
}

impl Probe<'_> {
    /// Notes it where the answer is not what the description says of `value` at `pointer`.
    fn judge(&mut self, operation: &Operation<'_>, pointer: &str, schema: &Value, value: &Value, reply: &Reply) {
        self.asked += 1;
        let fits = takes(self.document, schema, value);
        let formatted =
            alternatives(self.document, schema).iter().any(|way| is(way, "string") && way["format"].is_string());
        let all = || reply.body["errors"].as_array().into_iter().flatten();
        let said = all().find(|error| error["pointer"] == pointer);
        let known = |code: &str| said.is_some_and(|said| said["code"] == code || said["detail"] == code);
        let content = CONTENT.iter().any(|(at, code)| pointer == *at && known(code));
        let refused = said.is_some() && !content;
        // An amount may be refused for all of its price.
        let invalid = all().any(|error| pointer.starts_with(error["pointer"].as_str().unwrap()));
        // What must also be an address or a good password is not taken for its length alone.
        let good = if fits { !refused || formatted } else { invalid || matches!(reply.status, 400 | 401 | 403 | 404) };
        if reply.status >= 500 || !good {
            let (method, path, status) = (&operation.method, operation.path, reply.status);
            let value = format!("{:.60}", value.to_string());
            self.wrong.insert(format!("{method} {path} {pointer} = {value}: fits: {fits}, but {status} {said:?}"));
        }
    }

    async fn ask_all(&mut self) {
        for (number, operation) in operations(self.document).into_iter().enumerate() {
            // The last would end the session that asks.
            if !(self.takes_part)(number, operation.path) || operation.path == "/v1/sessions/current" {
                continue;
            }
            let path = operation.parameters("path").iter().fold(operation.path.to_owned(), |path, parameter| {
                let name = parameter["name"].as_str().unwrap();
                let sample = sample(self.document, &parameter["schema"]);
                let own = if path.contains("orders/{id}") { self.order } else { sample.as_str().unwrap() };
                path.replace(&format!("{{{name}}}"), own)
            });
            self.ask(&operation, &path).await;
        }
    }

    async fn ask(&mut self, operation: &Operation<'_>, path: &str) {
        let document = self.document;
        let kind = &operation.spec["requestBody"]["content"]["application/json"]["schema"];
        let whole = kind.is_object().then(|| sample(document, kind));
        for parameter in operation.parameters("query") {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            for value in candidates(document, schema).into_iter().filter(|value| !value.is_null() && !value.is_object())
            {
                let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                let url = Url::parse_with_params("http://shop/", [(name, &text)]).unwrap();
                let reply = self.who.send(Method::GET, &format!("{path}?{}", url.query().unwrap()), None, &[]).await;
                let value = if is(resolved(document, schema), "string") { text.into() } else { value };
                self.judge(operation, &format!("?{name}"), schema, &value, &reply);
            }
        }
        for parameter in operation.parameters("header") {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            for value in candidates(document, schema).into_iter().filter(Value::is_string) {
                let text = value.as_str().unwrap();
                if HeaderValue::try_from(text).is_err() || text.trim() != text {
                    continue;
                }
                let who = self.who.clone().with(name, text);
                let reply = who.send(operation.method.clone(), path, whole.as_ref(), &[]).await;
                self.judge(operation, name, schema, &value, &reply);
            }
        }
        let Some(whole) = whole.filter(Value::is_object) else { return };
        let mut found = Vec::new();
        fields(document, kind, "", &mut found);
        for (pointer, schema) in found {
            for value in candidates(document, schema) {
                let mut body = whole.clone();
                *body.pointer_mut(&pointer).unwrap() = value.clone();
                let reply = self.who.send(operation.method.clone(), path, Some(&body), &[]).await;
                self.judge(operation, &pointer, schema, &value, &reply);
            }
        }
    }
}

#[tokio::test]
async fn what_is_described_is_what_is_taken() {
    let shop = Shop::open(Together, Sqlite, &[("STOA_PRODUCTS__DEMO", "false")]).await;
    let (admin, customer) = (shop.staff("root", "admin").await, shop.customer("ada").await);
    let price = json!({"amount": 100, "currency": "EUR"});
    let variant = json!({"sku": "TEE-BLUE-M", "price": price, "on_hand": 100});
    let product = json!({"name": "A", "slug": "a", "variants": [variant]});
    assert_eq!(admin.send(Method::POST, "/v1/products", Some(&product), &[]).await.status, 201);
    let order = admin.with_cart(&[("TEE-BLUE-M", 1)]).await.order("ok", "order").await.text("/id");
    let document = described();
    let document = &document;
    let probe = |who, takes_part: fn(usize, &str) -> bool| Probe {
        who,
        takes_part,
        document,
        order: &order,
        asked: 0,
        wrong: BTreeSet::new(),
    };
    let mut probes = [
        probe(admin.clone(), |number, _| number % 2 == 0),
        probe(admin, |number, _| number % 2 == 1),
        probe(customer, |_, path| OPEN.iter().any(|open| path.starts_with(open))),
        probe(shop.guest("guest"), |_, path| OPEN.iter().any(|open| path.starts_with(open))),
    ];
    let [one, two, three, four] = &mut probes;
    tokio::join!(one.ask_all(), two.ask_all(), three.ask_all(), four.ask_all());
    let asked: usize = probes.iter().map(|probe| probe.asked).sum();
    let wrong: BTreeSet<_> = probes.into_iter().flat_map(|probe| probe.wrong).collect();
    assert!(asked > 1000, "{asked}");
    assert!(wrong.is_empty(), "{} of {asked}: {wrong:#?}", wrong.len());
}
