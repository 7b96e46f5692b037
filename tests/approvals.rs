//! From an empty folder to a pilot by the command line alone, each signer on a machine of its own.

mod breaks;

use std::path::{Path, PathBuf};

use testkit::signers::ACCOUNTABILITY;

use crate::harness::{MODEL, Place, Ran, checkout, finish, proeftuin};

/// A folder for the policy, and the machines of those who sign.
struct Story {
    place: Place,
    policy: PathBuf,
    root: PathBuf,
    models: Option<PathBuf>,
}

impl Story {
    fn new() -> Self {
        let place = Place::without_model();
        let (policy, root) = (place.root().join("own"), place.root().join("root.toml"));
        for folder in ["rules", "redaction", "forms", "guidance", "use-cases"] {
            std::fs::create_dir_all(policy.join(folder)).unwrap();
        }
        let built_in = checkout().join("policy");
        for name in ["schema.cedarschema", "redaction/default.toml", "forms/requirements.toml"] {
            std::fs::copy(built_in.join(name), policy.join(name)).unwrap();
        }
        for folder in ["rules", "guidance"] {
            for entry in std::fs::read_dir(built_in.join(folder)).unwrap() {
                let entry = entry.unwrap();
                std::fs::copy(entry.path(), policy.join(folder).join(entry.file_name())).unwrap();
            }
        }
        Self { place, policy, root, models: None }
    }

    fn run(&self, args: &[&str]) -> Ran {
        let mut command = proeftuin();
        command.args(args).arg("--policy").arg(&self.policy).arg("--trust-root").arg(&self.root);
        if let Some(models) = &self.models {
            command.arg("--models").arg(models);
        }
        finish(command.arg("--state").arg(self.place.root().join("own-state")), "")
    }

    /// Runs without anything that vouches for the roster.
    fn run_untrusted(&self, args: &[&str]) -> Ran {
        let mut command = proeftuin();
        command.args(args).arg("--policy").arg(&self.policy);
        finish(command.arg("--state").arg(self.place.root().join("own-state")), "")
    }

    fn key(&self, name: &str) -> (String, String) {
        let file = self.place.root().join(format!("{name}.key"));
        let file = file.to_str().unwrap().to_owned();
        let public = self.run(&["use-case", "keygen", &file]).ok().trim().to_owned();
        (file, public)
    }

    /// Signs where nothing lies but the record with what belongs to it, and brings the signature back.
    fn sign_elsewhere(&self, key: &str, args: &[&str]) -> Ran {
        let away = tempfile::tempdir().unwrap();
        for name in ["roster.toml", "redaction/default.toml", "use-cases/letters.toml"] {
            copy(&self.policy.join(name), &away.path().join(name));
        }
        let signatures = "use-cases/letters.signatures";
        for path in files(&self.policy.join(signatures)) {
            copy(&path, &away.path().join(signatures).join(path.file_name().unwrap()));
        }
        let mut command = proeftuin();
        command.args(["use-case", "sign", "letters", "--key", key]).args(args);
        let ran = finish(command.arg("--policy").arg(away.path()), "");
        for path in files(&away.path().join(signatures)) {
            copy(&path, &self.policy.join(signatures).join(path.file_name().unwrap()));
        }
        ran
    }

    fn status(&self, status: &str) {
        let path = self.policy.join("use-cases/letters.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let line = text.lines().find(|line| line.starts_with("status")).unwrap().to_owned();
        std::fs::write(&path, text.replace(&line, &format!("status = \"{status}\""))).unwrap();
    }

    /// The first rule in the way, or `runs`.
    fn check(&self) -> String {
        let ran = self.run(&["use-case", "check", "letters"]);
        if ran.code == 0 {
            assert!(ran.out.contains("letters: runs with"), "{}", ran.out);
            return "runs".to_owned();
        }
        let rule = ran.out.lines().find_map(|line| line.strip_prefix("- "));
        let rule = rule.unwrap_or_else(|| panic!("{}\n{}", ran.out, ran.err));
        rule.split([' ', ':']).next().unwrap().to_owned()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(from, to).unwrap();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).map_or_else(|_| Vec::new(), |list| list.map(|e| e.unwrap().path()).collect())
}

fn roster(signers: &[(&str, &str, &str)]) -> String {
    let mut text = "version = 1\nissued = 2020-01-01T00:00:00Z\nexpires = 2099-01-01T00:00:00Z\n".to_owned();
    for (person, role, key) in signers {
        text.push_str(&format!(
            "\n[[signer]]\nperson = \"{person}\"\nrole = \"{role}\"\nkey = \"{key}\"\n\
             organisation = \"Ministry of Examples\"\nfrom = 2020-01-01T00:00:00Z\nuntil = 2099-01-01T00:00:00Z\n"
        ));
    }
    text
}

fn record() -> String {
    let [pinned, dossier] = crate::harness::policy::pinned(MODEL);
    format!(
        r#"id = "letters"
kind = "pilot"
revision = 1
title = "Letters"
purpose = "Plainer letters."
legal_basis = "GDPR art. 6(1)(e)"
organisation = "Ministry of Examples"
owner = "Head of Correspondence"
operated_by = "organisation"
status = "draft"
models = ["{MODEL}"]
allowed_roles = ["writer"]
max_data_class = "identifier"
redaction_profile = "default"
special_category_action = "refuse"
restore_placeholders = true
processing_activity_id = "letters"
window = {{ not_before = 2020-01-01T00:00:00Z, not_after = 2099-01-01T00:00:00Z }}
limits = {{ tokens_per_request = 4096, requests_per_minute = 30, tokens_per_day = 500_000 }}
[model_sha256]
{MODEL} = "{pinned}"
[model_dossier_sha256]
{MODEL} = "{dossier}"
[model_motivation]
{MODEL} = "It is small, and these are tests."
[evidence]
dpia = {{ sha256 = "{d}", date = 2020-01-01T00:00:00Z, review_by = 2099-01-01T00:00:00Z }}
iama = {{ sha256 = "{d}", date = 2020-01-01T00:00:00Z, review_by = 2099-01-01T00:00:00Z }}
{ACCOUNTABILITY}"#,
        d = "1".repeat(64)
    )
}

#[test]
fn from_an_empty_folder_to_a_pilot() {
    let story = Story::new();
    let [root, cio, fg, owner] = ["root", "cio", "fg", "owner"].map(|name| story.key(name));
    std::fs::write(&story.root, format!("threshold = 1\nkeys = [\"{}\"]\n", root.1)).unwrap();
    let again = story.run(&["use-case", "keygen", &root.0]).refused();
    assert!(again.contains("never written over"), "{again}");
    std::fs::write(story.policy.join("use-cases/letters.toml"), record()).unwrap();
    assert_eq!(story.check(), "use-case-not-started");
    story.status("pilot");
    assert_eq!(story.check(), "roster-missing");
    story.status("draft");

    let lines = [("c.io", "cio", cio.1.as_str()), ("f.g", "fg", &fg.1), ("o.wner", "owner", &owner.1)];
    std::fs::write(story.policy.join("roster.toml"), roster(&lines)).unwrap();
    let said = story.run(&["roster", "check"]);
    assert!(said.code == 1 && said.out.contains("0 of 1 root signatures hold"), "{}", said.out);
    story.run(&["roster", "sign", "--key", &root.0]).ok();
    let said = story.run(&["roster", "check"]).ok();
    assert!(said.contains("version 1") && said.contains("f.g for Ministry of Examples"), "{said}");

    let said = story.sign_elsewhere(&owner.0, &["--as", "owner", "--to", "pilot"]).refused();
    assert!(said.contains("cio has not advised yet"), "{said}");
    let said = story.sign_elsewhere(&cio.0, &["--as", "cio", "--verdict", "positive"]).ok();
    assert!(said.contains("signed use-cases/letters.signatures/cio.json"), "{said}");
    let condition =
        ["--as", "fg", "--verdict", "conditional", "--condition", "training=Train the team first."];
    story.sign_elsewhere(&fg.0, &condition).ok();
    let said = story.sign_elsewhere(&owner.0, &["--as", "owner", "--to", "accepted"]).refused();
    assert!(said.contains("no use case goes from advised to accepted"), "{said}");
    let said = story.sign_elsewhere(&owner.0, &["--as", "owner", "--to", "pilot"]).ok();
    assert!(said.contains("set status = \"pilot\""), "{said}");
    story.status("pilot");
    assert_eq!(story.check(), "condition-open");
    story.sign_elsewhere(&fg.0, &["--as", "fg", "--met", "training"]).ok();
    assert_eq!(story.check(), "runs");
    let said = story.run(&["use-case", "status", "letters"]).ok();
    for part in ["positive by c.io", "conditional by f.g", "pilot by o.wner", "roster    version 1"] {
        assert!(said.contains(part), "no {part} in:\n{said}");
    }
    broken(&story, &lines, &root.0);
}

/// Some of the ways to break it, as the command line tells them; all of them are in the tests of the policy.
fn broken(story: &Story, lines: &[(&str, &str, &str)], root_key: &str) {
    let path = story.policy.join("use-cases/letters.toml");
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, whole.replace("Plainer", "All")).unwrap();
    let said = story.run(&["use-case", "status", "letters"]);
    assert!(
        said.code == 1 && said.out.contains("fg.json: the record is not what was signed"),
        "{}",
        said.out
    );
    assert_eq!(story.check(), "signed-record-changed");
    std::fs::write(&path, &whole).unwrap();

    // The root lies where an editor of the policy could write it.
    let inside = story.policy.join("roles");
    std::fs::create_dir_all(&inside).unwrap();
    let inside = inside.join("root.toml");
    std::fs::copy(&story.root, &inside).unwrap();
    let mut command = proeftuin();
    command.args(["use-case", "check"]).arg("--policy").arg(&story.policy).arg("--trust-root").arg(&inside);
    let said = finish(&mut command, "").refused();
    assert!(said.contains("lies inside the policy folder"), "{said}");
    std::fs::remove_file(inside).unwrap();

    // A roster that was served is not replaced by an older one, though the root signed that too.
    let newer = roster(lines).replace("version = 1", "version = 2");
    std::fs::write(story.policy.join("roster.toml"), newer).unwrap();
    story.run(&["roster", "sign", "--key", root_key]).ok();
    assert_eq!(story.check(), "runs");
    story.run(&["keys", "list"]).ok();
    std::fs::write(story.policy.join("roster.toml"), roster(lines)).unwrap();
    story.run(&["roster", "sign", "--key", root_key]).ok();
    assert_eq!(story.check(), "roster-rolled-back");
}
