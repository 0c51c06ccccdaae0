//! The API's description is what the code does: every argument stands in it.
use regex::Regex;
use reqwest::Method;
use serde_json::Value;

use crate::world::roles;

pub(crate) fn described() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// One operation of the description.
pub(crate) struct Operation<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) spec: &'a Value,
}

pub(crate) fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, spec) in item.as_object().unwrap() {
            if let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) {
                found.push(Operation { method, path, spec });
            }
        }
    }
    found
}

impl Operation<'_> {
    pub(crate) fn parameters(&self, place: &str) -> Vec<&Value> {
        let all = self.spec["parameters"].as_array();
        all.into_iter().flatten().filter(|parameter| parameter["in"] == place).collect()
    }

    fn has(&self, place: &str, name: &str) -> bool {
        self.parameters(place).iter().any(|parameter| parameter["name"] == name)
    }
}

/// The compiler sees to it that an argument is described; this, that nothing goes round the macro that asks it.
#[test]
fn every_argument_of_every_handler_is_described() {
    let handler = Regex::new(
        r#"(?s)#\[utoipa::path\(\s*(\w+),\s*path = "([^"]+)".*?\)\]\s*(?:pub\(super\) )?async fn \w+\((.*?)\)\s*->(.*?)\{"#,
    );
    let (handler, document) = (handler.unwrap(), described());
    let operations = operations(&document);
    let mut seen = 0;
    for module in roles().iter().filter(|role| !role.edge) {
        let modules = concat!(env!("CARGO_MANIFEST_DIR"), "/modules");
        let own = files(&format!("{modules}/{}/src", module.name));
        // Of a module that hears of others the kernel has some.
        let inbox = (!module.hears.is_empty()).then(|| format!("{modules}/kernel/src/events/routes.rs"));
        for file in own.into_iter().chain(inbox) {
            let source = std::fs::read_to_string(&file).unwrap().replace("MODULE/", &format!("{}/", module.name));
            assert!(
                !source.contains("utoipa_axum::routes") || file.contains("tests"),
                "{file} goes round kernel::routes!"
            );
            for found in handler.captures_iter(&source) {
                let (method, path, arguments, answer) = (&found[1], &found[2], &found[3], &found[4]);
                let same = |operation: &&Operation<'_>| {
                    operation.path == path && operation.method.as_str().eq_ignore_ascii_case(method)
                };
                let operation = operations.iter().find(same).unwrap_or_else(|| panic!("{method} {path} is missing"));
                let body = arguments.contains("Body<") || arguments.contains(": News");
                assert_eq!(operation.spec["requestBody"].is_object(), body, "{method} {path}: its body");
                let placeholders = path.matches('{').count();
                assert_eq!(operation.parameters("path").len(), placeholders, "{method} {path}: its path");
                assert_eq!(!operation.parameters("query").is_empty(), arguments.contains("Query<"), "{method} {path}");
                if arguments.contains("Condition") {
                    assert!(operation.has("header", "If-Match") && operation.has("header", "If-None-Match"), "{path}");
                }
                let guests = arguments.contains("Shopper") || answer.contains("SignedIn");
                assert_eq!(operation.has("header", "Cart-Token"), guests, "{method} {path}");
                let named = method == "post";
                assert_eq!(operation.has("header", "Idempotency-Key"), named, "{method} {path}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, operations.len(), "each is found in the source");
}

#[test]
fn every_module_has_a_tag_with_a_word_about_it_and_its_operations_below() {
    let document = described();
    let tags = document["tags"].as_array().unwrap();
    assert!(tags.iter().all(|tag| tag["description"].as_str().is_some_and(|about| about.ends_with('.'))), "{tags:?}");
    let modules: Vec<_> = roles().iter().filter(|role| !role.edge).map(|role| role.name).collect();
    assert_eq!(tags.iter().filter_map(|tag| tag["name"].as_str()).collect::<Vec<_>>(), modules);
    for Operation { path, spec, .. } in operations(&document) {
        let tag = spec["tags"][0].as_str().unwrap();
        let id = spec["operationId"].as_str().unwrap();
        assert!(modules.contains(&tag) && id.starts_with(&format!("{tag}.")), "{path}: {id}");
    }
}

/// A number or a text that is to be an object as well could be nothing at all.
#[test]
fn no_schema_contradicts_itself() {
    fn look(schema: &Value, seen: &mut usize) {
        let types = schema["allOf"].as_array().into_iter().flatten().filter_map(|one| one["type"].as_str());
        let types: std::collections::BTreeSet<_> = types.collect();
        assert!(types.len() < 2, "{schema}");
        *seen += usize::from(schema["pattern"].is_string() && schema["description"].is_string());
        match schema {
            Value::Object(fields) => fields.values().for_each(|field| look(field, seen)),
            Value::Array(items) => items.iter().for_each(|item| look(item, seen)),
            _ => {}
        }
    }
    let mut seen = 0;
    look(&described()["components"]["schemas"], &mut seen);
    assert!(seen >= 5, "{seen} fields have a form and a word about it");
}

fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path().to_str().unwrap().to_owned();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&path));
        } else if entry.path().extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_reference_leads_somewhere() {
    let document = described();
    let text = document.to_string();
    let reference = Regex::new(r##""#/components/(\w+)/([^"]+)""##).unwrap();
    for found in reference.captures_iter(&text) {
        assert!(document["components"][&found[1]][&found[2]].is_object(), "{}", &found[0]);
    }
}
