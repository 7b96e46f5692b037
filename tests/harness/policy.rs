//! The policy folder of the tests: the repository's own, and use cases beside its demo.

use std::path::Path;

use super::{MODEL, checkout};

/// What differs between the tests' use cases.
struct UseCase {
    id: &'static str,
    model: &'static str,
    not_after: &'static str,
    restore: bool,
    evidence: &'static str,
}

const USE_CASES: [UseCase; 4] = [
    UseCase { id: "pilot-test", model: MODEL, not_after: "2099-01-01", restore: true, evidence: EVIDENCE },
    UseCase { id: "ended-test", model: MODEL, not_after: "2021-01-01", restore: false, evidence: EVIDENCE },
    UseCase {
        id: "narrow-test",
        model: "another-model",
        not_after: "2099-01-01",
        restore: false,
        evidence: EVIDENCE,
    },
    UseCase { id: "bare-test", model: MODEL, not_after: "2099-01-01", restore: false, evidence: "" },
];

const EVIDENCE: &str = r#"
[evidence.dpia]
sha256 = "1111111111111111111111111111111111111111111111111111111111111111"
date = 2020-01-01T00:00:00Z
review_by = 2099-01-01T00:00:00Z

[evidence.iama]
sha256 = "2222222222222222222222222222222222222222222222222222222222222222"
date = 2020-01-01T00:00:00Z
review_by = 2099-01-01T00:00:00Z

[evidence.cio_advice]
sha256 = "3333333333333333333333333333333333333333333333333333333333333333"
date = 2020-01-02T00:00:00Z
by = "the CIO of the tests"
outcome = "positive"

[evidence.fg_advice]
sha256 = "4444444444444444444444444444444444444444444444444444444444444444"
date = 2020-01-02T00:00:00Z
by = "the data-protection officer of the tests"
outcome = "positive"

[evidence.owner_decision]
sha256 = "5555555555555555555555555555555555555555555555555555555555555555"
date = 2020-01-03T00:00:00Z
by = "the owner of the tests"
outcome = "positive"
"#;

/// Writes the folder.
pub fn write(to: &Path) {
    copy(&checkout().join("policy"), to);
    for case in USE_CASES {
        let path = to.join("use-cases").join(format!("{}.toml", case.id));
        std::fs::write(path, record(&case)).expect("a use case is written");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the policy folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn record(case: &UseCase) -> String {
    let UseCase { id, model, not_after, restore, evidence } = case;
    format!(
        r#"id = "{id}"
kind = "pilot"
revision = 1
title = "Test"
purpose = "Shows that the program does what it says."
legal_basis = "None: the data are invented."
organisation = "The organisation of the tests"
owner = "The owner of the tests"
status = "pilot"
models = ["{model}"]
allowed_roles = ["tester"]
max_data_class = "identifier"
redaction_profile = "default"
special_category_action = "refuse"
restore_placeholders = {restore}
processing_activity_id = "test"

[window]
not_before = 2020-01-01T00:00:00Z
not_after = {not_after}T00:00:00Z

[limits]
tokens_per_request = 65_536
requests_per_minute = 6000
tokens_per_day = 50_000_000
{evidence}"#
    )
}
