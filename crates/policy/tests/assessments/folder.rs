//! Assessments in a policy folder: where they lie, what the set makes of them, and which rule says so.

use policy::{
    Action, AssessmentKind, Control, EntryRequest, Live, ModelFacts, PolicySet, Principal, QuotaFacts,
};
use sha2::{Digest as _, Sha256};
use testkit::signers::{ACCOUNTABILITY, Folder, Signers, files};

use super::{FILLED, FORM};

/// 2026-01-15T00:00:00Z: everybody signs.
const SIGNED_MS: i64 = 1_768_435_200_000;
const RECORD: &str = "use-cases/letters.toml";
const DPIA: &str = "use-cases/letters.assessments/dpia.json";
const MITIGATIONS: &str = "use-cases/letters.mitigations.toml";

fn record(dpia: &str) -> String {
    let (dpia, zeros, sevens) = (hex::encode(Sha256::digest(dpia)), "0".repeat(64), "07".repeat(32));
    format!(
        r#"
id = "letters"
kind = "pilot"
revision = 1
title = "Letters"
purpose = "Plainer letters."
legal_basis = "GDPR art. 6(1)(e)"
organisation = "Ministry of Examples"
owner = "Head"
status = "pilot"
models = ["open-model"]
allowed_roles = ["officer"]
max_data_class = "identifier"
redaction_profile = "default"
special_category_action = "refuse"
restore_placeholders = true
processing_activity_id = "letters-2026"
window = {{ not_before = 2026-02-01T00:00:00Z, not_after = 2026-12-01T00:00:00Z }}
limits = {{ tokens_per_request = 4096, requests_per_minute = 30, tokens_per_day = 500_000 }}
model_sha256 = {{ open-model = "{sevens}" }}
{ACCOUNTABILITY}
[evidence]
dpia = {{ sha256 = "{dpia}", date = 2025-11-03T09:00:00Z, review_by = 2027-11-03T09:00:00Z }}
iama = {{ sha256 = "{zeros}", date = 2025-11-10T09:00:00Z, review_by = 2027-11-10T09:00:00Z }}
"#
    )
}

/// A folder in which everything is in order, changed, and then signed by all.
fn set(change: impl FnOnce(&mut Folder)) -> PolicySet {
    let built_in = policy::EMBEDDED.iter().map(|&(path, text)| (path.to_owned(), text.to_owned()));
    let mut folder: Folder = built_in.collect();
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
    let signers = Signers::new("Ministry of Examples", SIGNED_MS);
    signers.sign_all(&mut folder);
    PolicySet::load_trusting(&files(&folder), Some(&signers.trust_root())).unwrap()
}

/// The rules that decide, permit or deny, for a request in this state.
fn decided(set: &PolicySet, live: Live) -> Vec<String> {
    let request = EntryRequest {
        principal: Principal {
            key_id: "key".into(),
            use_case: "letters".into(),
            actor: "actor".into(),
            roles: vec!["officer".into()],
            expires_ms: None,
        },
        action: Action::Chat,
        model: Some(ModelFacts {
            id: "open-model".into(),
            status: "approved".into(),
            pinned_sha256: Some([7; 32]),
            loaded_sha256: Some([7; 32]),
            is_default: false,
        }),
        // 2026-06-01T00:00:00Z
        now_ms: 1_780_272_000_000,
        loopback: false,
        quota: QuotaFacts { tokens_reserved: 100, ..QuotaFacts::default() },
        live,
    };
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
