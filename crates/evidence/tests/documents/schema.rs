//! As much of JSON Schema (2020-12) as the official schemas of the reporting standard use, for tests. A keyword that is
//! not known here fails the test, so that nothing is passed over.

use std::collections::BTreeMap;

use serde_json::Value;

const IGNORED: [&str; 7] = ["$schema", "$id", "title", "description", "examples", "format", "$defs"];

/// Schemas by the name that `$ref` uses.
pub type Schemas = BTreeMap<&'static str, Value>;

/// Everything in `value` that `schema` does not allow, with its place.
pub fn violations(schema: &Value, value: &Value, schemas: &Schemas) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, schemas, "", &mut found);
    found
}

fn check(schema: &Value, value: &Value, schemas: &Schemas, place: &str, found: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "type" if !is(rule.as_str().unwrap(), value) => {
                found.push(format!("{place}: not of type {rule}"))
            }
            "enum" if !rule.as_array().unwrap().contains(value) => {
                found.push(format!("{place}: not one of {rule}"))
            }
            "required" => {
                let lacking =
                    rule.as_array().unwrap().iter().filter(|key| value.get(key.as_str().unwrap()).is_none());
                found.extend(lacking.map(|key| format!("{place}: {key} is missing")));
            }
            "properties" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    match rule.get(key) {
                        Some(schema) => check(schema, value, schemas, &format!("{place}/{key}"), found),
                        // The standard lets unknown keys pass; for us each would be a slip.
                        None => found.push(format!("{place}: {key} is not in the standard")),
                    }
                }
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(rule, item, schemas, &format!("{place}/{at}"), found);
                }
            }
            "oneOf" => {
                let fits = |schema: &&Value| violations(schema, value, schemas).is_empty();
                let count = rule.as_array().unwrap().iter().filter(fits).count();
                if count != 1 {
                    found.push(format!("{place}: fits {count} of the alternatives"));
                }
            }
            "$ref" => check(&schemas[rule.as_str().unwrap()], value, schemas, place, found),
            "type" | "enum" => {}
            other => assert!(IGNORED.contains(&other), "{place}: the keyword {other} is not known here"),
        }
    }
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("the type {other} is not known here"),
    }
}

/// Everything in an entry that the publication standard of the Algoritmeregister does not allow: it has a format of its
/// own, a list of fields with `required`, `max_length`, `permitted_values` and `allowed_html_tags`.
pub fn register_violations(standard: &Value, entry: &Value) -> Vec<String> {
    let fields = standard["properties"].as_object().unwrap();
    let mut found = Vec::new();
    for (name, field) in fields {
        if field["required"] == true && entry.get(name).is_none_or(|value| value == "") {
            found.push(format!("{name} is missing"));
        }
    }
    for (name, value) in entry.as_object().unwrap() {
        match fields.get(name) {
            Some(field) => register_field(name, field, value, &mut found),
            None => found.push(format!("{name} is not in the standard")),
        }
    }
    found
}

fn register_field(name: &str, field: &Value, value: &Value, found: &mut Vec<String>) {
    if let Some(max) = field["max_length"].as_u64() {
        let text = value.as_str().unwrap_or_else(|| panic!("{name} is a text"));
        if text.chars().count() as u64 > max {
            found.push(format!("{name} is longer than {max}"));
        }
        let tags =
            text.split('<').skip(1).map(|rest| rest.split('>').next().unwrap().trim_start_matches('/'));
        let allowed = field["allowed_html_tags"].as_array();
        for tag in tags.filter(|tag| !allowed.is_some_and(|list| list.iter().any(|known| known == tag))) {
            found.push(format!("{name} has the tag {tag}"));
        }
    }
    if field["type"] == "array" {
        for item in value.as_array().unwrap_or_else(|| panic!("{name} is a list")) {
            for (key, part) in item.as_object().into_iter().flatten() {
                register_field(&format!("{name}/{key}"), &field["items"][key], part, found);
            }
        }
    } else if let Some(permitted) = field["permitted_values"].as_array()
        && !permitted.contains(value)
    {
        found.push(format!("{name} is none of the permitted values"));
    }
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let schema: Value = serde_json::from_str(
        r#"{"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "enum": ["x"]},
            "b": {"type": "array", "items": {"$ref": "other"}}, "c": {"oneOf": [{"type": "string"}, {"type": "number"}]}}}"#,
    )
    .unwrap();
    let schemas = Schemas::from([("other", serde_json::json!({"type": "integer"}))]);
    let said = |text: &str| violations(&schema, &serde_json::from_str(text).unwrap(), &schemas);
    assert_eq!(said(r#"{"a": "x", "b": [1, 2], "c": 1.5}"#), Vec::<String>::new());
    assert_eq!(said(r#"{"a": "y"}"#), [r#"/a: not one of ["x"]"#]);
    assert_eq!(said(r#"{"b": [1, "2"]}"#), [r#": "a" is missing"#, r#"/b/1: not of type "integer""#]);
    assert_eq!(said(r#"{"a": "x", "c": [], "d": 1}"#).len(), 2);
    let standard: Value = serde_json::from_str(
        r#"{"properties": {"n": {"type": "string", "required": true, "max_length": 3, "allowed_html_tags": ["p"]},
            "s": {"type": "enum", "permitted_values": ["a"]}}}"#,
    )
    .unwrap();
    let said = |text: &str| register_violations(&standard, &serde_json::from_str(text).unwrap());
    assert_eq!(said(r#"{"n": "abc", "s": "a"}"#), Vec::<String>::new());
    assert_eq!(said(r#"{"n": "", "s": "b", "t": 1}"#).len(), 3);
    assert_eq!(said(r#"{"n": "<b>x"}"#).len(), 2);
}
