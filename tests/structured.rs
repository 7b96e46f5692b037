//! Answers held to a schema, by the real model: what comes back fits, by another's reading of JSON Schema.

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::{Value, json};

use crate::clients::python_with;
use crate::harness::{MODEL, Shared, checkout, finish, shared};

/// PyPI's validator.
const JSONSCHEMA: &str = "jsonschema==4.26.0";
/// Schemas at least.
const SCHEMAS_MIN: usize = 50;

/// Schemas as applications write them, each with a question that goes with it.
fn schemas() -> Vec<Value> {
    let text = include_str!("structured/schemas.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn asked(shared: &Shared, number: usize, case: &Value) -> Value {
    let ask = format!("Give an example, as JSON, of: {}.", case["ask"].as_str().unwrap());
    let mut body = json!({
        "model": MODEL, "messages": [{"role": "user", "content": ask}], "max_tokens": 400, "seed": number,
        "temperature": if number.is_multiple_of(2) { 0.0 } else { 0.8 },
    });
    match number % 3 {
        0 => body["guided_json"] = case["schema"].clone(),
        1 => body["structured_outputs"] = json!({"json": case["schema"].to_string()}),
        _ => {
            let named = json!({"name": "example", "strict": true, "schema": case["schema"]});
            body["response_format"] = json!({"type": "json_schema", "json_schema": named});
        }
    }
    let reply = shared.server.chat(&shared.key, &body);
    assert_eq!(reply.status, 200, "{}: {}", case["ask"], reply.text());
    let choice = reply.json()["choices"][0].clone();
    json!({"ask": case["ask"], "schema": case["schema"], "text": choice["message"]["content"],
        "finish": choice["finish_reason"]})
}

#[test]
fn every_answer_fits_its_schema() {
    let Some(mut validator) = validator() else { return };
    let shared = shared();
    let Some(shared) = shared.as_deref() else { return };
    let cases = schemas();
    assert!(cases.len() >= SCHEMAS_MIN);
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((number, case)) = {
                    let number = next.fetch_add(1, Relaxed);
                    cases.get(number).map(|case| (number, case))
                } {
                    let answer = asked(shared, number, case).to_string();
                    answers.lock().unwrap().push(answer);
                }
            });
        }
    });
    let answers = answers.into_inner().unwrap();
    let said = finish(&mut validator, &answers.join("\n")).ok();
    println!("{said}");
    let counts: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let count = |name: &str| usize::try_from(counts[name].as_u64().unwrap()).unwrap();
    // A small model may go on for ever where a schema lets it.
    assert_eq!(count("valid") + count("cut"), cases.len(), "{said}");
    assert!(count("valid") >= SCHEMAS_MIN, "{said}");
}

/// Reads answers on its standard input and says how many fit; `None`, after saying so, where it cannot be had.
fn validator() -> Option<Command> {
    let script = checkout().join("tests/clients/python/validate.py");
    python_with("python-jsonschema", JSONSCHEMA, &script)
}

#[test]
fn choices_expressions_and_grammars_are_held_on_both_endpoints() {
    let shared = shared();
    let Some(Shared { server, key, .. }) = shared.as_deref() else { return };
    let held = |field: &str, value: Value| {
        let mut body = json!({"model": MODEL, "prompt": "The sea is", "max_tokens": 60, "n": 2, "seed": 3});
        body[field] = value;
        let reply = server.complete(key, &body).ok();
        let mut texts = reply["choices"].as_array().unwrap().iter().map(|choice| {
            assert_eq!(choice["finish_reason"], "stop", "{choice}");
            choice["text"].as_str().unwrap().to_owned()
        });
        [texts.next().unwrap(), texts.next().unwrap()]
    };
    for text in held("guided_choice", json!([" blue", " wide and cold"])) {
        assert!([" blue", " wide and cold"].contains(&text.as_str()), "{text}");
    }
    for text in held("guided_regex", json!(" [a-z]{3,8}, [0-9]{2} m")) {
        let (word, depth) = text.strip_prefix(' ').unwrap().split_once(", ").unwrap();
        assert!((3..=8).contains(&word.len()) && depth.len() == 4 && depth.ends_with(" m"), "{text}");
    }
    let sums = "start: sum \" = \" number\nsum: number (\" + \" number)~1..3\nnumber: /[1-9][0-9]?/\n";
    for text in held("structured_outputs", json!({"grammar": sums})) {
        assert!(text.contains(" + ") && text.contains(" = "), "{text}");
    }
    for text in held(
        "response_format",
        json!({"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object",
        "properties": {"wet": {"type": "boolean"}}, "required": ["wet"], "additionalProperties": false}}}),
    ) {
        assert!(["{\"wet\": true}", "{\"wet\": false}"].contains(&text.as_str()), "{text}");
    }
}

#[test]
fn what_cannot_be_enforced_is_named() {
    let shared = shared();
    let Some(Shared { server, key, .. }) = shared.as_deref() else { return };
    let refused = |more: Value| {
        let mut body = json!({"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reply = server.chat(key, &body);
        assert_eq!(reply.status, 400, "{}", reply.text());
        reply.json()["error"].clone()
    };
    let schema = json!({"properties": {"a": {"items": {"if": {}}}}});
    let error = refused(
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}}),
    );
    assert_eq!(error["param"], "response_format.json_schema.schema");
    assert!(
        error["message"].as_str().unwrap().contains("/properties/a/items/if: is not a keyword"),
        "{error}"
    );
    assert_eq!(refused(json!({"guided_grammar": "root ::= \"a\""}))["param"], "guided_grammar");
    assert_eq!(refused(json!({"guided_regex": "a", "guided_choice": ["a"]}))["param"], "guided_choice");
    assert_eq!(refused(json!({"guided_regex": "a", "ignore_eos": true}))["param"], "ignore_eos");
    let circle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}});
    assert!(refused(json!({"guided_json": circle}))["message"].as_str().unwrap().contains("itself"));
}

#[test]
fn a_placeholder_survives_in_json_and_its_value_comes_back() {
    let shared = shared();
    let Some(Shared { server, key, .. }) = shared.as_deref() else { return };
    let pattern = r"^⟦BSN_1⟧$";
    let body = json!({
        "model": MODEL, "max_tokens": 60, "temperature": 0,
        "messages": [{"role": "user", "content": "Mijn BSN is 111222333. Herhaal het als JSON."}],
        "guided_json": {"type": "object", "required": ["bsn"], "additionalProperties": false,
            "properties": {"bsn": {"type": "string", "pattern": pattern}}},
    });
    let text = server.chat(key, &body).ok()["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert!(["111222333", "⟦BSN_1⟧"].contains(&value["bsn"].as_str().unwrap()), "{text}");
}
