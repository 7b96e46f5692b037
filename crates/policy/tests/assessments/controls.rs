//! What stands behind a measure: controls and their probes, sign-offs, and measures that nobody has taken.

use std::collections::BTreeSet;

use policy::{AssessmentKind, Control, Forms, Live, Mitigations, Output, Probe, Process};

use super::{FILLED, FORM};

const PATH: &str = "use-cases/letters.mitigations.toml";

/// Everything is as it should be.
fn sound() -> Live {
    Live {
        process: Process {
            core_files_off: Some(true),
            dumps_off: Some(true),
            memory_locked: Some(true),
            egress_closed: Some(true),
            listens_on_loopback: Some(true),
        },
        came_by_loopback: Some(true),
        key_expires: Some(true),
        redaction_profile_loaded: Some(true),
        special_categories_detected: Some(true),
        special_categories_refused: Some(true),
        output_screened: Some(true),
        placeholders_restored: Some(false),
        model_pinned: Some(true),
        prefix_cache_salted: Some(true),
        log_open: Some(true),
        quota_counted: Some(true),
        guidance_acknowledged: Some(true),
    }
}

fn held(live: &Live) -> BTreeSet<&'static str> {
    Control::ALL
        .into_iter()
        .filter(|control| control.holds(live) == Probe::Holds)
        .map(Control::name)
        .collect()
}

#[test]
fn what_nobody_looked_at_does_not_hold() {
    assert_eq!(held(&Live::default()), BTreeSet::new());
    assert_eq!(held(&sound()).len(), Control::ALL.len());
    assert!(matches!(Control::EgressClosed.holds(&Live::default()), Probe::Unknown { .. }));
}

#[test]
fn each_fact_that_fails_takes_down_its_control_alone() {
    type Case = (fn(&mut Live), &'static str);
    let cases: [Case; 17] = [
        (|l| l.process.core_files_off = Some(false), "no-core-dumps"),
        (|l| l.process.dumps_off = None, "no-core-dumps"),
        (|l| l.process.memory_locked = None, "memory-locked"),
        (|l| l.process.egress_closed = Some(false), "egress-closed"),
        (|l| l.process.listens_on_loopback = Some(false), "loopback-only"),
        (|l| l.came_by_loopback = Some(false), "loopback-only"),
        (|l| l.key_expires = Some(false), "keys-expire"),
        (|l| l.redaction_profile_loaded = Some(false), "redaction-profile-loaded"),
        (|l| l.special_categories_detected = None, "special-categories-refused"),
        (|l| l.special_categories_refused = Some(false), "special-categories-refused"),
        (|l| l.output_screened = None, "output-screened"),
        (|l| l.placeholders_restored = Some(true), "placeholders-not-restored"),
        (|l| l.model_pinned = Some(false), "model-pinned"),
        (|l| l.prefix_cache_salted = None, "prefix-cache-salted"),
        (|l| l.log_open = Some(false), "log-durable"),
        (|l| l.quota_counted = None, "quota-in-force"),
        (|l| l.guidance_acknowledged = None, "guidance-acknowledged"),
    ];
    for (change, control) in cases {
        let mut live = sound();
        change(&mut live);
        let all: BTreeSet<_> = Control::ALL.into_iter().map(Control::name).collect();
        let lost: Vec<_> = all.difference(&held(&live)).copied().collect();
        assert_eq!(lost, [control]);
    }
}

#[test]
fn what_is_off_counts_before_what_is_unknown() {
    let live = Live {
        process: Process { core_files_off: None, dumps_off: Some(false), ..Process::default() },
        ..Live::default()
    };
    assert!(matches!(Control::NoCoreDumps.holds(&live), Probe::Off { .. }));
}

fn row(assessment: &str, task: &str, behind: &str) -> String {
    format!("[[mitigation]]\nassessment = \"{assessment}\"\ntask = \"{task}\"\n{behind}\n")
}

#[test]
fn a_measure_is_open_until_a_control_or_a_person_stands_behind_it() {
    let requirements = "[[form]]\nurn = \"urn:nl:dpia:1.0\"\nmeasures = [\"2.1.1\"]\n";
    let forms = Forms::read([("forms/form.yaml", FORM), ("forms/requirements.toml", requirements)]).unwrap();
    let report = forms.judge(&Output::parse("dpia.json", FILLED).unwrap());
    let open = |text: &str| {
        let mitigations = Mitigations::parse(PATH, text).unwrap();
        let measures = mitigations.measures([(AssessmentKind::Dpia, &report)]);
        (measures.controls, measures.open.into_iter().collect::<Vec<_>>())
    };
    assert_eq!(open("").1, ["dpia 2.1.1[0]", "dpia 2.1.1[2]"]);
    let control = row("dpia", "2.1.1[0]", "control = \"output-screened\"");
    assert_eq!(open(&control), (BTreeSet::from([Control::OutputScreened]), vec!["dpia 2.1.1[2]".to_owned()]));
    let words = row("dpia", "2.1.1[2]", "text = \"We train our people.\"");
    assert_eq!(
        open(&format!("{control}{words}")).1,
        ["dpia 2.1.1[2]"],
        "words alone are not a measure taken"
    );
    let signed = format!("{words}signed_off = {{ by = \"J. Jansen\", date = 2026-01-10T09:00:00+01:00 }}\n");
    assert_eq!(open(&format!("{control}{signed}")).1, Vec::<String>::new());
    let mitigations = Mitigations::parse(PATH, &signed).unwrap();
    assert_eq!(mitigations.sign_offs().collect::<Vec<_>>(), [("J. Jansen", 1_768_032_000_000)]);
    // Neither another assessment's row nor one without a number covers a repetition.
    let elsewhere = row("iama", "2.1.1[0]", "control = \"output-screened\"");
    let whole = row("dpia", "2.1.1", "control = \"output-screened\"");
    assert_eq!(open(&format!("{elsewhere}{whole}")).1, ["dpia 2.1.1[0]", "dpia 2.1.1[2]"]);
    // Of a document nobody can say what it names; its rows count all the same.
    let document =
        Mitigations::parse(PATH, &row("dpia", "paragraph 7", "text = \"Lock the door.\"")).unwrap();
    assert_eq!(document.measures([]).open.into_iter().collect::<Vec<_>>(), ["dpia paragraph 7"]);
}

#[test]
fn a_row_that_means_nothing_is_refused() {
    let refuse = |text: &str| Mitigations::parse(PATH, text).unwrap_err().to_string();
    let both = row("dpia", "1.1", "control = \"model-pinned\"\ntext = \"x\"");
    let needs = format!(
        "{PATH}:3: mitigation: needs one of two: control, or text with signed_off once it is in place"
    );
    assert_eq!(refuse(&both), needs);
    assert_eq!(refuse(&row("dpia", "1.1", "")), needs);
    assert_eq!(refuse(&row("dpia", "1.1", "text = \" \"")), needs);
    assert!(refuse(&row("dpia", " ", "control = \"model-pinned\"")).contains("task: is blank"));
    let unknown = refuse(&row("dpia", "1.1", "control = \"magic\""));
    assert!(
        unknown.contains(":4: ") && unknown.contains("magic") && unknown.contains("output-screened"),
        "{unknown}"
    );
    assert!(refuse(&row("kia", "1.1", "control = \"model-pinned\"")).contains("kia"));
    let undated = "text = \"x\"\nsigned_off = { by = \"J\", date = 2026-01-10 }";
    assert!(refuse(&row("dpia", "1.1", undated)).contains("signed_off: needs by, and date as a moment"));
    let once = row("dpia", "1.1", "control = \"model-pinned\"");
    assert!(refuse(&format!("{once}{once}")).contains("stands here twice"));
}
