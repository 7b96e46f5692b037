//! The policy folder of the tests: the repository's own, and use cases beside its demo.

use std::path::{Path, PathBuf};

use policy::Status;

use testkit::signers::{ACCOUNTABILITY, Folder, Signers};

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
"#;

/// When everybody signed: 3 January 2020.
const SIGNED_MS: i64 = 1_578_009_600_000;

/// Writes the folder, with every record signed, and the file that pins the root key beside it.
pub fn write(to: &Path, trust_root: &Path) {
    let mut folder = Folder::new();
    read(&checkout().join("policy"), "", &mut folder);
    for case in USE_CASES {
        folder.insert(format!("use-cases/{}.toml", case.id), record(&case));
    }
    sign(to, folder);
    std::fs::write(trust_root, signers().trust_root_toml()).expect("the trust root is written");
}

/// Has every record of the folder signed as it now is.
pub fn sign_again(dir: &Path) {
    let mut folder = Folder::new();
    read(dir, "", &mut folder);
    folder.retain(|path, _| !path.contains(".signatures/"));
    sign(dir, folder);
}

/// Has the owner decide that a use case is accepted, and its record say so.
pub fn accept(dir: &Path, id: &str) {
    let mut folder = Folder::new();
    read(dir, "", &mut folder);
    let record = folder.get_mut(&format!("use-cases/{id}.toml")).expect("a record");
    *record = record.replace("status = \"pilot\"", "status = \"accepted\"");
    signers().decide(&mut folder, id, Status::Accepted, &[]);
    for (path, text) in folder {
        std::fs::write(dir.join(path), text).expect("a file of the policy is written");
    }
}

/// The key file of the roster's evaluator, written below `dir`.
pub fn evaluator_key(dir: &Path) -> PathBuf {
    let path = dir.join("evaluator.key");
    std::fs::write(&path, signers().evaluator.to_secret_text().as_str()).expect("a key file is written");
    path
}

fn signers() -> Signers {
    Signers::new("The organisation of the tests", SIGNED_MS)
}

fn sign(to: &Path, mut folder: Folder) {
    signers().sign_all(&mut folder);
    for (path, text) in folder {
        let path = to.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file of the policy is written");
    }
}

fn read(from: &Path, prefix: &str, folder: &mut Folder) {
    for entry in std::fs::read_dir(from).expect("the policy folder") {
        let entry = entry.expect("an entry");
        let name = format!("{prefix}{}", entry.file_name().to_str().expect("a name"));
        if entry.file_type().expect("a type").is_dir() {
            read(&entry.path(), &format!("{name}/"), folder);
        } else {
            folder.insert(name, std::fs::read_to_string(entry.path()).expect("a text"));
        }
    }
}

/// The hashes of a model and its dossier in the built-in list, or any for a model that it does not have.
pub fn pinned(model: &str) -> [String; 2] {
    let registry = registry::Registry::embedded().expect("the built-in list");
    registry.entry(model).map_or_else(
        |_| ["9".repeat(64), "9".repeat(64)],
        |model| [model.sha256(), model.dossier_sha256().expect("a dossier")].map(hex::encode),
    )
}

fn record(case: &UseCase) -> String {
    let [pinned, dossier] = pinned(case.model);
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
operated_by = "organisation"
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

[model_sha256]
{model} = "{pinned}"
[model_dossier_sha256]
{model} = "{dossier}"
[model_motivation]
{model} = "It is small, and these are tests."
{evidence}{ACCOUNTABILITY}"#
    )
}
