//! Assessments: forms as they are, outputs as they come, what is missing, what stands behind a measure.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "assessments/controls.rs"]
mod controls;
#[path = "assessments/folder.rs"]
mod folder;
#[path = "assessments/government.rs"]
mod government;
#[path = "assessments/parsers.rs"]
mod parsers;

use std::collections::BTreeMap;

use policy::{Forms, Output, Report, Standing};
use serde_json::{Value, json};

const FORM: &str = include_str!("../fuzz/seeds/form/every-kind");
const FILLED: &str = include_str!("../fuzz/seeds/output/filled");
const REQUIREMENTS: &str = include_str!("../../../policy/forms/requirements.toml");
const SCHEMA: &str =
    "https://github.com/MinBZK/par-dpia-form/blob/main/schemas/assessment-output.v2.schema.json";

fn answer(value: Value) -> Value {
    json!({ "value": value, "lastEditedAt": "2026-05-01T10:00:00.000Z" })
}

/// An output of the form `urn` with these answers.
fn output_text(urn: &str, answers: &BTreeMap<String, Value>) -> String {
    let answers: BTreeMap<&String, Value> = answers.iter().map(|(id, v)| (id, answer(v.clone()))).collect();
    let metadata = json!({ "urn": urn, "createdAt": "2026-05-04T10:00:00Z" });
    json!({ "$schema": SCHEMA, "metadata": metadata, "answers": answers }).to_string()
}

fn forms() -> Forms {
    Forms::read([("forms/form.yaml", FORM)]).unwrap()
}

fn judge(text: &str) -> Report {
    forms().judge(&Output::parse("dpia.json", text).unwrap())
}

/// The filled seed with one thing changed.
fn changed(change: impl FnOnce(&mut Value)) -> Report {
    let mut output: Value = serde_json::from_str(FILLED).unwrap();
    change(&mut output);
    judge(&output.to_string())
}

#[test]
fn an_empty_output_lacks_everything_that_is_shown() {
    let report = judge(&output_text("urn:nl:dpia:1.0", &BTreeMap::new()));
    assert_eq!(report.standing, Standing::Incomplete);
    // Not what hangs on an answer, not the one with an option for no value, not the picture, not the action point; of a
    // repetition the first.
    assert_eq!(report.missing, ["1.1", "1.4", "2.1.1[0]", "2.1.2[0]", "2.2.1[0]", "2.2.2[0]"]);
    assert_eq!(report.asked, 7);
    assert_eq!(report.unmarked, ["1", "2", "3"]);
    assert_eq!(report.last_edited_ms, None);
}

#[test]
fn a_filled_output_is_complete() {
    let report = judge(FILLED);
    assert_eq!((&report.standing, report.missing.as_slice()), (&Standing::Complete, [].as_slice()));
    assert_eq!(report.unmarked, ["2", "3"]);
    assert_eq!(report.last_edited_ms, Some(1_777_802_400_000));
    assert!(report.unknown.is_empty());
}

#[test]
fn what_hangs_on_an_answer_is_asked_when_it_is_given() {
    let without = |ids: &[&str], to: &str| {
        let report = changed(|output| {
            output["answers"]["1.2"]["value"] = json!(to);
            for id in ids {
                output["answers"].as_object_mut().unwrap().remove(*id);
            }
        });
        report.missing
    };
    // The group is hidden, and so is what stands in it.
    assert_eq!(without(&["1.3.1"], "false"), Vec::<String>::new());
    assert_eq!(without(&["1.3.1"], "null"), Vec::<String>::new());
    assert_eq!(
        without(&["1.3.1"], "True"),
        ["1.2", "1.3.1"],
        "True is no option, and means true to the form"
    );
    assert_eq!(without(&["1.3.1"], "true"), ["1.3.1"]);
    let ticked = changed(|output| output["answers"]["1.4"]["value"] = json!(["red", "blue"]));
    assert_eq!(ticked.missing, ["1.5"]);
}

#[test]
fn each_repetition_is_asked_on_its_own() {
    let risk = changed(|output| output["answers"]["2.1"][0]["2.1.2"]["value"] = json!("high"));
    assert_eq!(risk.missing, ["2.1.3[0]"]);
    let name = changed(|output| {
        output["answers"]["2.1"][1].as_object_mut().unwrap().remove("2.1.1");
    });
    assert_eq!(name.missing, ["2.1.1[2]"]);
    // A third thing, still empty, and the group that follows it.
    let third =
        changed(|output| output["answers"]["2.1"].as_array_mut().unwrap().push(json!({ "_index": 5 })));
    assert_eq!(third.missing, ["2.1.1[5]", "2.1.2[5]", "2.2.1[5]", "2.2.2[5]"]);
    // Taking a thing away takes away what is asked of it.
    let fewer = changed(|output| {
        output["answers"]["2.1"].as_array_mut().unwrap().remove(1);
        output["answers"]["2.2"].as_array_mut().unwrap().remove(1);
    });
    assert_eq!(fewer.standing, Standing::Complete);
}

#[test]
fn a_repetition_that_was_added_stands_for_one_above_it() {
    // The second aim has a number of its own, which no thing has.
    let moved = changed(|output| {
        let second = output["answers"]["2.2"][1].as_object_mut().unwrap().remove("2.2.1").unwrap();
        output["answers"]["2.2.1[7]"] = second;
    });
    assert_eq!(moved.standing, Standing::Complete, "{:?}", moved.missing);
    let none = changed(|output| {
        output["answers"]["2.2"][1].as_object_mut().unwrap().remove("2.2.1");
    });
    assert_eq!(none.missing, ["2.2.1[2]"]);
}

#[test]
fn what_counts_as_an_answer() {
    let missing = |id: &str, value: Value| changed(|output| output["answers"][id]["value"] = value).missing;
    assert_eq!(missing("1.1", json!("  \n")), ["1.1"]);
    assert_eq!(missing("1.1", Value::Null), ["1.1"]);
    assert_eq!(missing("1.1", json!(["a"])), ["1.1"], "a list is no text");
    assert_eq!(missing("1.2", json!("perhaps")), ["1.2"], "not an option");
    assert_eq!(missing("1.4", json!(["green"])), ["1.4"], "not an option");
    assert_eq!(missing("1.4", json!([])), Vec::<String>::new(), "none of these");
    let unticked = |done: Value| {
        let report = changed(|output| {
            output["metadata"]["completedTasks"] = done;
            output["answers"].as_object_mut().unwrap().remove("1.4");
        });
        report.missing
    };
    assert_eq!(unticked(json!(["1"])), Vec::<String>::new(), "the author is done with the section");
    assert_eq!(unticked(json!(["2"])), ["1.4"]);
}

#[test]
fn another_version_and_another_form_are_told_apart() {
    let standing = |urn: &str| judge(&output_text(urn, &BTreeMap::new())).standing;
    assert_eq!(standing("urn:nl:dpia:2.0"), Standing::OtherVersion(vec!["urn:nl:dpia:1.0".into()]));
    assert_eq!(standing("urn:nl:iama:1.0"), Standing::NoForm);
}

#[test]
fn an_answer_to_no_task_is_named_and_blocks_nothing() {
    let report = changed(|output| output["answers"]["9.9[3]"] = answer(json!("left over")));
    assert_eq!(report.standing, Standing::Complete);
    assert_eq!(report.unknown, ["9.9[3]"]);
}

#[test]
fn an_organisation_says_what_may_stay_open() {
    let requirements =
        "[[form]]\nurn = \"urn:nl:dpia:1.0\"\noptional = [\"1\", \"2.2.2\"]\nmeasures = [\"2.1.1\"]\n";
    let files = [("forms/form.yaml", FORM), ("forms/requirements.toml", requirements)];
    let forms = Forms::read(files).unwrap();
    let empty = Output::parse("dpia.json", &output_text("urn:nl:dpia:1.0", &BTreeMap::new())).unwrap();
    assert_eq!(forms.judge(&empty).missing, ["2.1.1[0]", "2.1.2[0]", "2.2.1[0]"]);
    let report = forms.judge(&Output::parse("dpia.json", FILLED).unwrap());
    assert_eq!(report.measures, ["2.1.1[0]", "2.1.1[2]"]);

    let wrong = requirements.replace("2.2.2", "2.2.9");
    let error = Forms::read([("forms/form.yaml", FORM), ("forms/requirements.toml", &wrong)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "forms/requirements.toml:2: form: there is no task 2.2.9 in urn:nl:dpia:1.0"
    );
    // A requirement for a form that is not here yet waits.
    Forms::read([("forms/requirements.toml", requirements)]).unwrap();
}
