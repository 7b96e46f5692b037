//! What lies in `evaluations/` comes from outside: its parser, its form, and the published schema of reports.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use policy::{EvaluationReport, SignedReport};
use serde_json::{Value, json};

use super::{REPORT, evaluated, good};
use testkit::evaluations::through_the_gate;
use testkit::letters::{built_in, signers};

#[path = "../../fuzz/evaluation_entry.rs"]
mod entry;

#[test]
fn evaluation() {
    testkit::seeds::run(env!("CARGO_MANIFEST_DIR"), "evaluation", 512, entry::evaluation);
}

fn envelope(change: impl FnOnce(&mut Value)) -> String {
    let mut envelope: Value = serde_json::from_str(&evaluated()[REPORT]).unwrap();
    change(&mut envelope);
    envelope.to_string()
}

/// The envelope with another statement.
fn stating(change: impl FnOnce(&mut Value)) -> String {
    envelope(|envelope| {
        let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
        let mut statement: Value = serde_json::from_slice(&payload).unwrap();
        change(&mut statement);
        // Keys of a map are sorted, so this is RFC 8785 for what is in a report.
        envelope["payload"] = json!(STANDARD.encode(statement.to_string()));
    })
}

fn refused(text: &str) -> String {
    SignedReport::parse("evaluations/x.json", text).unwrap_err().to_string()
}

/// What is signed, byte by byte, so that other tools verify it: in-toto's statement in DSSE's envelope under Ed25519.
#[test]
fn the_form_of_what_is_signed() {
    let envelope: Value = serde_json::from_str(&evaluated()[REPORT]).unwrap();
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["subject"][0]["digest"]["sha256"], "07".repeat(32));
    assert_eq!(statement["predicate"]["report"], serde_json::to_value(good()).unwrap());
    let kind = envelope["payloadType"].as_str().unwrap();
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    message.extend_from_slice(&payload);
    let key = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
    let signature = ed25519_dalek::Signer::sign(&key, &message);
    assert_eq!(envelope["signatures"][0]["sig"], STANDARD.encode(signature.to_bytes()));
    assert_eq!(envelope["signatures"][0]["keyid"], signers().evaluator.public().to_string());
}

#[test]
fn what_is_not_a_signed_report_is_refused_by_name() {
    assert!(SignedReport::parse("x", &stating(|_| ())).unwrap().is_genuine());
    let cases: &[(&str, String)] = &[
        ("unknown field", envelope(|e| e["more"] = json!(1))),
        ("payloadType", envelope(|e| e["payloadType"] = json!("application/json"))),
        ("one signature", envelope(|e| e["signatures"] = json!([]))),
        ("base64", envelope(|e| e["payload"] = json!("%"))),
        ("64 bytes", envelope(|e| e["signatures"][0]["sig"] = json!("AAAA"))),
        ("_type", stating(|s| s["_type"] = json!("https://in-toto.io/Statement/v0.1"))),
        ("predicateType", stating(|s| s["predicateType"] = json!("x"))),
        ("subject", stating(|s| s["subject"][0]["name"] = json!("other.gguf"))),
        (
            "before the run had finished",
            stating(|s| s["predicate"]["signed"] = json!("2020-01-01T00:00:00Z")),
        ),
        ("later than signed", stating(|s| s["predicate"]["expires"] = s["predicate"]["signed"].clone())),
        (
            "does not follow",
            stating(|s| s["predicate"]["report"]["metrics"]["perplexity"]["value"] = json!("99")),
        ),
        (
            "does not follow",
            stating(|s| {
                s["predicate"]["report"]["metrics"]["perplexity_se"]["verdict"] = json!("pass");
            }),
        ),
        (
            "no number",
            stating(|s| s["predicate"]["report"]["metrics"]["perplexity"]["value"] = json!("1.50")),
        ),
        ("version", stating(|s| s["predicate"]["report"]["version"] = json!(2))),
        ("unknown field `prompt`", stating(|s| s["predicate"]["report"]["prompt"] = json!("x"))),
        ("SHA-256", stating(|s| s["predicate"]["report"]["suite"]["sha256"] = json!("A".repeat(64)))),
        (
            "finished comes before",
            stating(|s| {
                s["predicate"]["report"]["started"] = json!("2099-01-01T00:00:00Z");
            }),
        ),
        ("gate", stating(|s| s["predicate"]["report"]["suite"]["kind"] = json!("leakage"))),
        ("seed", stating(|s| s["predicate"]["report"]["suite"]["seed"] = json!("01"))),
        (
            "RFC 8785",
            envelope(|e| {
                let payload = STANDARD.decode(e["payload"].as_str().unwrap()).unwrap();
                let spaced = String::from_utf8(payload).unwrap().replacen(':', ": ", 1);
                e["payload"] = json!(STANDARD.encode(spaced));
            }),
        ),
        ("longer than", " ".repeat(200_000)),
    ];
    for (word, text) in cases {
        let message = refused(text);
        assert!(message.contains(word) && message.contains("evaluations/x.json"), "no {word} in {message}");
    }
}

/// What this program writes is what the published schema allows, and what the schema does not allow is not read.
#[test]
fn the_schema_and_the_parser_agree() {
    let schema: Value = serde_json::from_str(policy::REPORT_SCHEMA).unwrap();
    let mut folder = built_in();
    folder.insert(testkit::letters::RECORD.into(), testkit::letters::record("letters"));
    signers().sign_all(&mut folder);
    for report in [good(), through_the_gate(&folder, good())] {
        let value: Value = serde_json::from_slice(&report.to_canonical().unwrap()).unwrap();
        fits(&schema, &schema, &value, "report");
        assert_eq!(EvaluationReport::parse(&value.to_string()).unwrap(), report);
        // Every key that the schema requires is required by the parser too.
        for key in schema["required"].as_array().unwrap() {
            let mut without = value.clone();
            without.as_object_mut().unwrap().remove(key.as_str().unwrap());
            assert!(EvaluationReport::parse(&without.to_string()).is_err(), "{key}");
        }
    }
}

/// As much of JSON Schema as ours uses, patterns aside: shapes, keys and lists of values.
fn fits(root: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        return fits(root, &root["$defs"][name], value, place);
    }
    if let Some(values) = schema["enum"].as_array() {
        assert!(values.contains(value), "{place}: {value}");
    }
    if let Some(only) = schema.get("const") {
        assert_eq!(only, value, "{place}");
    }
    match schema["type"].as_str() {
        Some("object") => {
            let object = value.as_object().unwrap_or_else(|| panic!("{place} is no object"));
            for key in schema["required"].as_array().into_iter().flatten() {
                assert!(object.contains_key(key.as_str().unwrap()), "{place} has no {key}");
            }
            for (key, value) in object {
                let inner = schema["properties"].get(key).unwrap_or(&schema["additionalProperties"]);
                assert!(inner.is_object(), "{place}: {key} is not in the schema");
                fits(root, inner, value, &format!("{place}.{key}"));
            }
        }
        Some("array") => {
            let items = value.as_array().unwrap_or_else(|| panic!("{place} is no list"));
            items.iter().for_each(|item| fits(root, &schema["items"], item, place));
        }
        Some("string") => assert!(value.is_string(), "{place}"),
        Some("integer") => assert!(value.is_u64(), "{place}"),
        Some("boolean") => assert!(value.is_boolean(), "{place}"),
        other => assert!(other.is_none(), "{place}: {other:?}"),
    }
}

/// A checker of JSON Schema that others wrote, where this machine has one: `pip install jsonschema`.
#[test]
fn another_checker_agrees() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/evaluation-report.v1.json");
    let check = "import sys, json, jsonschema; s = json.load(open(sys.argv[1])); \
                 jsonschema.Draft202012Validator.check_schema(s); \
                 jsonschema.Draft202012Validator(s).validate(json.loads(sys.argv[2]))";
    let python = std::env::var("PROEFTUIN_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let run = |text: &str| {
        std::process::Command::new(&python).args(["-c", check]).arg(&schema).arg(text).output().ok()
    };
    let whole = String::from_utf8(good().to_canonical().unwrap()).unwrap();
    let Some(output) = run(&whole) else { return };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("No module named") {
        return;
    }
    assert!(output.status.success(), "{said}");
    for (from, to) in [("\"21.5\"", "21.5"), ("\"21.5\"", "\"21.50\""), ("\"version\":1", "\"version\":2")] {
        assert!(whole.contains(from), "{from}");
        assert!(!run(&whole.replace(from, to)).unwrap().status.success(), "{to}");
        assert!(EvaluationReport::parse(&whole.replace(from, to)).is_err(), "{to}");
    }
}
