//! What is refused, with which words, and never with the words of an answer. The fuzz targets as ordinary tests.

use policy::{Form, Forms, Output};
use serde_json::{Value, json};

use super::{FILLED, FORM};

#[path = "../../fuzz/assessment_entries.rs"]
mod entries;

#[test]
fn fuzz_form() {
    testkit::seeds::run(env!("CARGO_MANIFEST_DIR"), "form", 256, entries::form);
}

#[test]
fn fuzz_output() {
    testkit::seeds::run(env!("CARGO_MANIFEST_DIR"), "output", 256, entries::output);
}

#[test]
fn fuzz_mitigations() {
    testkit::seeds::run(env!("CARGO_MANIFEST_DIR"), "mitigations", 256, entries::mitigations);
}

#[test]
fn a_form_that_cannot_be_judged_is_refused() {
    let change = |from: &str, to: &str| {
        assert!(FORM.contains(from), "{from}");
        Form::parse("form.yaml", &FORM.replacen(from, to, 1)).unwrap_err().to_string()
    };
    let cases = [
        (
            "type: [date]",
            "type: [spell]",
            "form.yaml:33: 1.5: has a type that this program does not know; a newer program may",
        ),
        ("id: \"1.5\"", "id: \"1.4\"", "form.yaml:31: 1.4: stands twice in the form; give one another id"),
        (
            "id: \"1.5\"",
            "id: \"__proto__\"",
            "form.yaml:31: id: is not an id of a task: it begins with a digit and has letters, digits, dots, - and _",
        ),
        (
            "value: true }, action: show",
            "value: true }, action: hide",
            "form.yaml:23: 1.3: depends on another task in a way that this program does not know",
        ),
        (
            "operator: equals, value: true",
            "operator: all, value: true",
            "form.yaml:23: 1.3: is shown under a condition that this program cannot judge",
        ),
        (
            "operator: equals, value: true",
            "operator: equals, value: null",
            "form.yaml:23: 1.3: is shown under a condition that this program cannot judge",
        ),
        (
            "source: { id: \"2.1.1\" }",
            "source: { id: \"2.7\" }",
            "form.yaml:60: 2.2: depends on 2.7, and there is no such task",
        ),
        (
            "source: { id: \"2.1.1\" }",
            "source: { id: \"2.2.1\" }",
            "form.yaml:60: 2.2: is repeated after itself, in a circle",
        ),
        ("version: \"1.0\"", "vision: \"1.0\"", "form.yaml:1: version: is missing"),
        (
            "name: Invented",
            "name: &a Invented\nalso: *a",
            "form.yaml:2: form: uses an alias (*name); write it out",
        ),
        ("name: Invented", "name: !!str Invented", "form.yaml:1: form: uses a tag (!name); leave it out"),
        ("name: Invented", "urn: Invented", "form.yaml:2: form: gives urn twice; keep one of the two"),
    ];
    let got: Vec<_> = cases.iter().map(|(from, to, _)| change(from, to)).collect();
    assert_eq!(got, cases.map(|(_, _, expected)| expected));
    let deep = format!("tasks: {}{}", "[".repeat(60), "]".repeat(60));
    assert!(Form::parse("form.yaml", &deep).unwrap_err().to_string().contains("nested too deeply"));
    assert!(Form::parse("form.yaml", "").unwrap_err().to_string().contains("is empty"));
    let two = format!("{FORM}---\n{FORM}");
    assert!(Form::parse("form.yaml", &two).unwrap_err().to_string().contains("second document"));
    let twice = Forms::read([("forms/a.yaml", FORM), ("forms/b.yaml", FORM)]).unwrap_err();
    assert_eq!(
        twice.to_string(),
        "forms/b.yaml: urn: defines urn:nl:dpia:1.0, and so does another file; keep one of the two"
    );
}

#[test]
fn an_output_that_is_none_is_refused_without_a_word_of_it() {
    let error = |change: fn(&mut Value)| {
        let mut output: Value = serde_json::from_str(FILLED).unwrap();
        change(&mut output);
        let error = Output::parse("dpia.json", &output.to_string()).unwrap_err().to_string();
        assert!(!error.contains("CANARY"), "{error}");
        error
    };
    let start = |text: String| text.chars().take(60).collect::<String>();
    type Case = (fn(&mut Value), &'static str);
    let cases: [Case; 12] = [
        (|o| o["$schema"] = json!("CANARY"), "dpia.json: $schema: must be"),
        (|o| o["metadata"]["urn"] = json!("urn:nl:kia:1.0"), "dpia.json: metadata.urn: must be"),
        (|o| o["metadata"]["urn"] = json!("urn:nl:dpia:3"), "dpia.json: metadata.urn: must be"),
        (|o| o["metadata"]["createdAt"] = json!("CANARY"), "dpia.json: metadata.createdAt: must be date"),
        (
            |o| o["metadata"]["completedTasks"] = json!(["CANARY"]),
            "dpia.json: metadata.completedTasks: must be",
        ),
        (|o| o["answers"] = json!(["CANARY"]), "dpia.json: answers: must be an object"),
        (|o| o["answers"]["CANARY"] = json!({}), "dpia.json: answers: has a key that is no id"),
        (|o| o["answers"]["1.1"]["value"] = json!({ "CANARY": 1 }), "dpia.json: answers.1.1: value must be"),
        (|o| o["answers"]["1.1"]["value"] = json!(7), "dpia.json: answers.1.1: value must be"),
        (
            |o| o["answers"]["1.1"]["lastEditedAt"] = json!("CANARY"),
            "dpia.json: answers.1.1.lastEditedAt: must be",
        ),
        (|o| o["answers"]["2.1"][1]["_index"] = json!(0), "dpia.json: answers.2.1: each repetition needs"),
        (
            |o| o["answers"]["2.1.1[0]"] = o["answers"]["1.1"].clone(),
            "dpia.json: answers.2.1.1[0]: is answered twice",
        ),
    ];
    for (change, expected) in cases {
        let text = error(change);
        // Which of two equal answers comes second depends on the order of keys, so the place may be the other one.
        let other = expected.replace("answers.2.1.1[0]", "answers.2.1[0].2.1.1");
        assert!(text.starts_with(expected) || text.starts_with(&other), "{} is not {expected}", start(text));
    }
}

#[test]
fn broken_json_and_a_key_twice_name_the_line() {
    let refuse = |text: &str| Output::parse("dpia.json", text).unwrap_err().to_string();
    let cut = FILLED.split("\"2.1\"").next().unwrap();
    assert!(refuse(cut).starts_with("dpia.json:15: assessment: is not JSON"), "{}", refuse(cut));
    let twice = FILLED.replacen("\"1.2\"", "\"1.1\"", 1);
    assert!(
        refuse(&twice).starts_with("dpia.json:11: assessment: is not JSON, or gives a key twice"),
        "{}",
        refuse(&twice)
    );
    assert!(!refuse(&twice).contains("CANARY"));
}
