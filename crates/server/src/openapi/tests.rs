//! The document is true: it has every row of the table, and exactly the fields that are read; what it allows is taken.

use std::collections::BTreeSet;

use gateway::{CallerClass, ENDPOINTS, EndpointId, Method, Origin, Trace};
use serde_json::{Map, Value, json};

use super::{document, requests};
use crate::error::ApiError;
use crate::routes::generate::read;
use crate::wire::{embeddings, fields, messages, tokens};

#[test]
fn every_row_of_the_table_is_there_with_its_key_and_its_errors() {
    let document = document();
    for row in ENDPOINTS {
        let method = if row.method == Method::Get { "get" } else { "post" };
        let operation = &document["paths"][row.path][method];
        assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{}", row.path);
        assert_eq!(operation["security"].is_array(), row.caller == CallerClass::KeyHolder, "{}", row.path);
        assert_eq!(operation["requestBody"].is_object(), row.method == Method::Post, "{}", row.path);
        assert_eq!(operation["responses"]["401"].is_object(), row.caller == CallerClass::KeyHolder);
        let text: Vec<&str> = operation["x-proeftuin-text"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(text, row.text);
    }
    let operations: usize =
        document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!(operations, ENDPOINTS.len());
    let ids: BTreeSet<String> = ENDPOINTS
        .iter()
        .map(|row| {
            let method = if row.method == Method::Get { "get" } else { "post" };
            document["paths"][row.path][method]["operationId"].to_string()
        })
        .collect();
    assert_eq!(ids.len(), ENDPOINTS.len());
    assert_no_dangling(&document, &document);
}

fn assert_no_dangling(document: &Value, value: &Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(name)) = map.get("$ref") {
                assert!(document.pointer(name.trim_start_matches('#')).is_some(), "{name}");
            }
            map.values().for_each(|value| assert_no_dangling(document, value));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_no_dangling(document, item)),
        _ => {}
    }
}

/// What the wire makes of a body.
fn parse(id: EndpointId, body: &Value) -> Result<(), ApiError> {
    match id {
        EndpointId::Embeddings => embeddings::parse(body.clone()).map(drop),
        EndpointId::CountTokens => messages::parse_counted(body.clone()).map(drop),
        EndpointId::Tokenize => tokens::parse_text(body.clone()).map(drop),
        EndpointId::Detokenize => tokens::parse_ids(body.clone()).map(drop),
        id => {
            let row = gateway::endpoint(id).unwrap();
            let bytes = serde_json::to_vec(body).unwrap();
            read(row, &bytes, Trace::NONE, Origin { loopback: true }).map(drop)
        }
    }
}

/// The same body after a call, for results to belong to.
fn called(id: EndpointId, mut body: Value) -> Value {
    let function = json!({"name": "f", "arguments": "{}"});
    let (list, call) = match id {
        EndpointId::Responses => {
            ("input", json!({"type": "function_call", "call_id": "f", "name": "f", "arguments": "{}"}))
        }
        EndpointId::Messages | EndpointId::CountTokens => {
            let used = json!({"type": "tool_use", "id": "f", "name": "f", "input": {}});
            ("messages", json!({"role": "assistant", "content": [used]}))
        }
        _ => {
            let call = json!({"id": "f", "type": "function", "function": function});
            ("messages", json!({"role": "assistant", "tool_calls": [call]}))
        }
    };
    if let Some(list) = body.get_mut(list).and_then(Value::as_array_mut) {
        list.insert(0, call);
    }
    body
}

/// Bodies that a schema allows: the least of each kind, and with one more field at a time, in every form of that field.
fn variants(schema: &Value) -> Vec<Value> {
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().filter(|value| !value.is_null()).cloned().collect();
    }
    if let Some(kinds) = schema["anyOf"].as_array() {
        return kinds.iter().flat_map(variants).collect();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("object") if schema["properties"].is_object() => objects(schema),
        Some("object") => vec![json!({})],
        Some("array") if schema["maxItems"] == 0 => vec![json!([])],
        Some("array") => variants(&schema["items"]).into_iter().map(|item| json!([item])).collect(),
        Some("string") => vec![json!("f")],
        Some("integer" | "number") => {
            let low = schema["minimum"].as_f64().unwrap_or(0.0).max(0.0);
            vec![if low.fract() == 0.0 { json!(low as u64) } else { json!(low) }]
        }
        Some("boolean") => vec![json!(true), json!(false)],
        Some("null") => vec![],
        _ => vec![json!("x")],
    }
}

fn objects(schema: &Value) -> Vec<Value> {
    let properties = schema["properties"].as_object().unwrap();
    let required: Vec<&str> =
        schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let least: Map<String, Value> =
        required.iter().map(|name| ((*name).to_owned(), variants(&properties[*name]).remove(0))).collect();
    let mut all = vec![Value::Object(least.clone())];
    for (name, schema) in properties {
        for value in variants(schema) {
            let mut body = least.clone();
            body.insert(name.clone(), value);
            if name == "stream_options" {
                body.insert("stream".to_owned(), json!(true));
            }
            all.push(Value::Object(body));
        }
    }
    all
}

/// Places of all fields of a schema, `[]` for any index. What is open, such as a JSON schema, has none.
fn places(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    for kind in schema["anyOf"].as_array().into_iter().flatten() {
        places(kind, at, found);
    }
    if schema["items"].is_object() {
        places(&schema["items"], &format!("{at}[]"), found);
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let place = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        places(field, &place, found);
        found.insert(place);
    }
}

/// What hangs together in a way that no schema says.
const TOGETHER: &[&str] = &[
    "stream_options",
    "best_of",
    "max_tokens",
    "tool_choice",
    "tool_choice.type",
    "tool_choice.name",
    "tool_choice.function.name",
    "messages",
];

#[test]
fn every_field_that_is_read_is_documented_and_the_other_way_about() {
    for row in ENDPOINTS.iter().filter(|row| row.method == Method::Post) {
        let Some(schema) = requests::body(row.id).filter(|_| row.id != EndpointId::Acknowledge) else {
            continue;
        };
        let mut documented = BTreeSet::new();
        places(&schema, "", &mut documented);
        let mut seen = BTreeSet::new();
        for body in variants(&schema) {
            let (taken, parsed) = fields::recorded(|| parse(row.id, &called(row.id, body.clone())));
            seen.extend(taken);
            if let Err(error) = parsed {
                let param = error.param().unwrap_or_default().to_owned();
                assert!(TOGETHER.contains(&&*param), "{} {body}: {}", row.path, error.why());
            }
        }
        let undocumented: Vec<_> = seen.difference(&documented).collect();
        let unread: Vec<_> = documented.difference(&seen).collect();
        assert!(
            undocumented.is_empty() && unread.is_empty(),
            "{}: not documented {undocumented:?}, not read {unread:?}",
            row.path
        );
    }
}

#[test]
fn what_no_schema_has_is_refused() {
    for row in ENDPOINTS.iter().filter(|row| row.method == Method::Post) {
        let Some(schema) = requests::body(row.id).filter(|_| row.id != EndpointId::Acknowledge) else {
            continue;
        };
        let least = variants(&schema).remove(0);
        assert!(parse(row.id, &least).is_ok(), "{} {least}", row.path);
        for name in least.as_object().unwrap().keys().filter(|name| *name != "add_special_tokens") {
            let mut body = least.clone();
            body.as_object_mut().unwrap().remove(name);
            assert!(parse(row.id, &body).is_err(), "{} without {name}", row.path);
        }
        let mut body = least.clone();
        body["x_other"] = json!(1);
        assert!(parse(row.id, &body).is_err(), "{}", row.path);
    }
}
