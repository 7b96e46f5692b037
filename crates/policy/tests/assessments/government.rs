//! The government's own forms, where they are here.

use std::collections::BTreeMap;
use std::fs;

use policy::{Form, Forms, Output, Standing};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use super::{REQUIREMENTS, output_text};

/// Definitions of pre-scan, DPIA and IAMA; `None` after saying that they are absent.
fn definitions() -> Option<[String; 3]> {
    let folder = testkit::shared_dir()?.join("data/assessments");
    Some(
        ["prescan", "dpia", "iama"]
            .map(|name| fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap()),
    )
}

fn forms(definitions: &[String; 3], requirements: Option<&'static str>) -> Forms {
    let [prescan, dpia, iama] = definitions;
    let files = [("forms/prescan.yaml", prescan), ("forms/dpia.yaml", dpia), ("forms/iama.yaml", iama)];
    let files = files.map(|(path, text)| (path, text.as_str()));
    Forms::read(files.into_iter().chain(requirements.map(|text| ("forms/requirements.toml", text)))).unwrap()
}

fn parse(urn: &str, answers: &BTreeMap<String, Value>) -> Output {
    Output::parse("assessment.json", &output_text(urn, answers)).unwrap()
}

fn empty(forms: &Forms, urn: &str) -> Vec<String> {
    let report = forms.judge(&parse(urn, &BTreeMap::new()));
    assert_eq!(report.standing, Standing::Incomplete);
    report.missing
}

/// Answers whatever is missing until nothing is: an option chosen by `choose`, or some words.
fn fill(forms: &Forms, urn: &str, mut choose: impl FnMut(usize) -> usize) -> BTreeMap<String, Value> {
    let form = forms.iter().find(|form| form.urn() == urn).unwrap();
    let mut answers = BTreeMap::new();
    loop {
        let report = forms.judge(&parse(urn, &answers));
        if report.standing == Standing::Complete {
            return answers;
        }
        for label in report.missing {
            let id = label.split('[').next().unwrap();
            let options: Option<Vec<&str>> = form.options(id).map(Iterator::collect);
            let value = match options {
                Some(options) => options[choose(options.len())].to_owned(),
                None => "Words of the author.".to_owned(),
            };
            assert!(
                answers.insert(label.clone(), json!(value)).is_none(),
                "{label} was answered and counts as missing"
            );
        }
    }
}

#[test]
fn the_forms_are_read_whole() {
    let Some(definitions) = definitions() else { return };
    let forms = forms(&definitions, Some(REQUIREMENTS));
    let found: Vec<(&str, usize)> = forms.iter().map(|form| (form.urn(), form.questions())).collect();
    assert_eq!(found, [("urn:nl:dpia:3.0", 152), ("urn:nl:iama:2.0", 87), ("urn:nl:prescan:2.0", 39)]);
}

#[test]
fn an_empty_prescan_lacks_what_it_shows_first() {
    let Some(definitions) = definitions() else { return };
    let missing = empty(&forms(&definitions, None), "urn:nl:prescan:2.0");
    let shown = [
        "0.1", "0.2", "0.3", "0.4", "0.5.1", "1.1.1", "1.2.1", "1.3.1", "1.4.1", "1.5.1", "1.5.2", "1.5.3",
        "1.5.4", "2.1.1", "3.1", "4.1", "5.1.1", "6.1.1", "7.1.1",
    ];
    assert_eq!(missing, shown);
}

/// The form says that its author may stop early by marking what is left as done; what comes first is always asked.
#[test]
fn a_prescan_may_end_early() {
    let Some(definitions) = definitions() else { return };
    let urn = "urn:nl:prescan:2.0";
    let missing = |forms: &Forms, done: &[&str], answered: &BTreeMap<String, Value>| {
        let mut output: Value = serde_json::from_str(&output_text(urn, answered)).unwrap();
        output["metadata"]["completedTasks"] = json!(done);
        forms.judge(&Output::parse("prescan.json", &output.to_string()).unwrap()).missing
    };
    let (bare, asked) = (forms(&definitions, None), forms(&definitions, Some(REQUIREMENTS)));
    let all = ["0", "1", "2", "3", "4", "5", "6", "7", "8"];
    let first = ["0.1", "0.2", "0.3", "0.4", "0.5.1"];
    let none = BTreeMap::new();
    assert_eq!(missing(&asked, &all, &none), first);
    assert_eq!(missing(&asked, &all[..2], &none).len(), first.len() + 6);
    assert_eq!(missing(&asked, &[], &none), missing(&bare, &[], &none));
    let answered = fill(&asked, urn, |_| 0);
    let begun = answered.into_iter().filter(|(id, _)| id.starts_with("0.")).collect();
    assert_eq!(missing(&asked, &all, &begun), [""; 0]);
    assert!(!missing(&bare, &all, &begun).is_empty());
}

#[test]
fn an_empty_dpia_and_iama_lack_what_they_show_first() {
    let Some(definitions) = definitions() else { return };
    let (bare, asked) = (forms(&definitions, None), forms(&definitions, Some(REQUIREMENTS)));
    let has = |missing: &[String], id: &str| missing.iter().any(|label| label == id);
    let dpia = empty(&asked, "urn:nl:dpia:3.0");
    for id in ["0", "2.1.6[0]", "5.1.1[0]", "6.1.1.1[0]", "7.1.1[0]", "16.1.1[0]", "17.1.3[0]", "18"] {
        assert!(has(&dpia, id), "{id}");
    }
    for id in ["1.2.1[0]", "2.1.7[0]", "2.3", "12.1.2.1[0]", "15.1.2", "17.1.5[0]", "19.5.1", "20.1.1[0]"] {
        assert!(!has(&dpia, id), "{id}");
    }
    // Questions of the definition, less those under conditions, those with an option for no value, and the image; then less those that may stay open.
    assert_eq!((empty(&bare, "urn:nl:dpia:3.0").len(), dpia.len()), (100, 72));
    let iama = empty(&asked, "urn:nl:iama:2.0");
    for id in ["2.2A.1", "2.2B.1", "1.actiepunten.tekst[0]", "1.3.4", "4.3.1"] {
        assert!(!has(&iama, id), "{id}");
    }
    assert_eq!((empty(&bare, "urn:nl:iama:2.0").len(), iama.len()), (74, 65));
}

#[test]
fn filled_forms_are_complete_and_lack_each_answer_that_is_taken_out() {
    let Some(definitions) = definitions() else { return };
    let forms = forms(&definitions, Some(REQUIREMENTS));
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig::with_cases(24),
        TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]),
    );
    let urns: Vec<String> = forms.iter().map(|form| form.urn().to_owned()).collect();
    let choices =
        (0..urns.len(), prop::collection::vec(0usize..64, 16), any::<prop::sample::Index>(), any::<bool>());
    runner
        .run(&choices, |(urn, choices, out, clear)| {
            let urn = &urns[urn];
            let mut next = choices.iter().cycle();
            let mut answers = fill(&forms, urn, |count| next.next().unwrap() % count);
            let taken = out.get(&answers.keys().cloned().collect::<Vec<_>>()).clone();
            match clear {
                true => answers.insert(taken.clone(), Value::Null),
                false => answers.remove(&taken),
            };
            let report = forms.judge(&parse(urn, &answers));
            prop_assert_eq!(&report.standing, &Standing::Incomplete);
            prop_assert!(report.missing.contains(&taken), "{} is not among {:?}", taken, report.missing);
            Ok(())
        })
        .unwrap();
}

#[test]
fn conditions_of_the_real_forms_are_followed() {
    let Some(definitions) = definitions() else { return };
    let forms = forms(&definitions, Some(REQUIREMENTS));
    let missing = |urn: &str, id: &str, value: &str| {
        let answers = BTreeMap::from([(id.to_owned(), json!(value))]);
        let report = forms.judge(&parse(urn, &answers));
        report.missing
    };
    let has = |missing: Vec<String>, id: &str| missing.iter().any(|label| label == id);
    assert!(has(missing("urn:nl:prescan:2.0", "0.5.1", "true"), "0.5.3"));
    assert!(!has(missing("urn:nl:prescan:2.0", "0.5.1", "false"), "0.5.3"));
    assert!(has(missing("urn:nl:iama:2.0", "2.1.1.1", "zelflerend"), "2.2B.1"));
    assert!(!has(missing("urn:nl:iama:2.0", "2.1.1.1", "zelflerend"), "2.2A.1"));
    assert!(has(missing("urn:nl:dpia:3.0", "17.1.4[0]", "hoog"), "17.1.5[0]"));
    assert!(!has(missing("urn:nl:dpia:3.0", "17.1.4[0]", "laag"), "17.1.5[0]"));
    // A second processing is a second set of aims, and of parties.
    let second = missing("urn:nl:dpia:3.0", "3.1.1[1]", "Words of the author.");
    assert!(has(second.clone(), "5.1.1[1]") && has(second.clone(), "6.1.1.1[1]") && has(second, "7.1.1[1]"));
}

#[test]
fn the_output_schema_is_the_one_that_is_read() {
    let Some(shared) = testkit::shared_dir() else { return };
    let schema =
        fs::read_to_string(shared.join("data/schemas/rijks-assessment-output.v2.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["$id"], super::SCHEMA);
    assert_eq!(schema["$defs"]["answer"]["required"], json!(["value", "lastEditedAt"]));
    assert!(Form::parse("form.yaml", super::FORM).is_ok());
}
