//! Assessments in a policy folder: where they lie, what the set makes of them, and which rule says so.

use policy::{AssessmentKind, Control, EntryRequest, Live, PolicySet};
use sha2::{Digest as _, Sha256};
use testkit::letters::{self, RECORD};
use testkit::signers::Folder;

use super::{FILLED, FORM};

const DPIA: &str = "use-cases/letters.assessments/dpia.json";
const MITIGATIONS: &str = "use-cases/letters.mitigations.toml";

/// The pilot with a DPIA of these bytes.
fn record(dpia: &str) -> String {
    letters::record("letters").replace(&"1".repeat(64), &hex::encode(Sha256::digest(dpia)))
}

/// A folder in which everything is in order, changed, and then signed by all.
fn set(change: impl FnOnce(&mut Folder)) -> PolicySet {
    let mut folder = letters::built_in();
    let requirements = "[[form]]\nurn = \"urn:nl:dpia:1.0\"\nmeasures = [\"2.1.1\"]\n";
    let rows = [0, 2].map(|index| {
        format!(
            "[[mitigation]]\nassessment = \"dpia\"\ntask = \"2.1.1[{index}]\"\ncontrol = \"keys-expire\"\n"
        )
    });
    folder.insert("forms/requirements.toml".into(), requirements.into());
    folder.insert("forms/dpia.yaml".into(), FORM.into());
    folder.insert(RECORD.into(), record(FILLED));
    folder.insert(DPIA.into(), FILLED.into());
    folder.insert(MITIGATIONS.into(), rows.concat());
    change(&mut folder);
    letters::sign_and_load(folder)
}

#[test]
fn a_measure_that_nobody_signed_voids_what_was_signed() {
    let mut signed = None;
    set(|folder| signed = Some(folder.clone()));
    let mut folder = signed.unwrap();
    letters::signers().sign_all(&mut folder);
    assert_eq!(decided(&letters::load(&folder), Live::in_force()), ["pilot-may-enter"]);
    let changes: [fn(&mut Folder); 2] = [
        |folder| folder.get_mut(MITIGATIONS).unwrap().push_str("# a remark\n"),
        |folder| drop(folder.remove(MITIGATIONS)),
    ];
    for change in changes {
        let mut folder = folder.clone();
        change(&mut folder);
        let rules = decided(&letters::load(&folder), Live::in_force());
        assert!(rules.contains(&"signed-record-changed".to_owned()), "{rules:?}");
    }
}

/// The rules that decide, permit or deny, for a request in this state.
fn decided(set: &PolicySet, live: Live) -> Vec<String> {
    let request = EntryRequest { live, ..letters::request().entry };
    set.enter(&request).determining()
}

#[test]
fn what_lies_beside_the_record_is_judged() {
    let whole = set(|_| {});
    assert_eq!(decided(&whole, Live::in_force()), ["pilot-may-enter"]);
    let assessments = whole.assessments("letters").unwrap();
    assert_eq!(assessments.standings[&AssessmentKind::Dpia], "complete");
    assert_eq!(assessments.standings[&AssessmentKind::Iama], "document");
    assert!(assessments.measures.controls.contains(&Control::KeysExpire));
    let off = Live { key_expires: Some(false), ..Live::in_force() };
    assert_eq!(decided(&whole, off), ["control-off"]);
    assert_eq!(decided(&whole, Live::default()), ["control-off"]);
}

#[test]
fn each_way_to_fall_short_has_its_rule() {
    let decided = |change: fn(&mut Folder)| decided(&set(change), Live::in_force());
    let open = FILLED.replacen("\"1.1\"", "\"1.9\"", 1);
    assert_ne!(open, FILLED);
    assert_eq!(
        decided(|folder| {
            let open = FILLED.replacen("\"1.1\"", "\"1.9\"", 1);
            folder.insert(RECORD.into(), record(&open));
            folder.insert(DPIA.into(), open);
        }),
        ["dpia-incomplete"]
    );
    assert_eq!(
        decided(|folder| {
            folder.insert(DPIA.into(), format!("{FILLED} "));
        }),
        ["assessment-file-changed"]
    );
    assert_eq!(
        decided(|folder| {
            folder.remove("forms/dpia.yaml");
        }),
        // Without the form nobody can say which measures it names either, and the row stands.
        ["assessment-form-missing"]
    );
    assert_eq!(
        decided(|folder| {
            folder.remove(MITIGATIONS);
        }),
        ["mitigation-open"]
    );
    // Only the hash is there: a document, for people to judge.
    assert_eq!(
        decided(|folder| {
            folder.remove(DPIA);
        }),
        ["pilot-may-enter"]
    );
}

#[test]
fn forms_are_part_of_what_the_roster_approves() {
    let built_in = policy::PolicyFiles::embedded().unwrap();
    let more = built_in.iter().chain([("forms/dpia.yaml", FORM)]);
    let more = policy::PolicyFiles::from_entries(more).unwrap();
    assert_ne!(more.rules_digest(), built_in.rules_digest());
    assert!(!PolicySet::load(&more).unwrap().rules_approved());
}

#[test]
fn what_belongs_to_no_record_and_what_bears_another_name_is_refused() {
    let load = |path: &str, text: &str| {
        let built_in = policy::EMBEDDED.iter().copied();
        let entries = policy::PolicyFiles::from_entries(built_in.chain([(path, text)]));
        entries.and_then(|files| PolicySet::load(&files)).unwrap_err().to_string()
    };
    assert!(
        load("use-cases/lost.assessments/dpia.json", FILLED)
            .starts_with("use-cases/lost.assessments/dpia.json: ")
    );
    assert!(
        load("use-cases/lost.mitigations.toml", "")
            .starts_with("use-cases/lost.mitigations.toml: nothing reads")
    );
    assert!(
        load("use-cases/demo.assessments/kia.json", FILLED).contains("nothing reads a file of this name")
    );
    assert!(load("forms/dpia.yaml.old", FORM).contains("nothing reads a file of this name"));
    let renamed = load("use-cases/demo.assessments/iama.json", FILLED);
    assert_eq!(
        renamed,
        "use-cases/demo.assessments/iama.json: metadata.urn: is a DPIA; give the file that one's name"
    );
}
