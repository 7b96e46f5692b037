//! From an empty folder to an accepted use case, and then every way to break it: each denied by its own rule, with a
//! remedy.

use std::path::Path;

use policy::{EvaluationReport, Metric, Threshold};
use testkit::evaluations::DEMAND;

use super::{Story, copy, record, roster};
use crate::harness::{MODEL, Ran};

/// An accepted use case and the keys of everybody in it.
struct Accepted {
    story: Story,
    keys: Keys,
}

#[derive(Clone)]
struct Keys {
    root: (String, String),
    cio: (String, String),
    fg: (String, String),
    owner: (String, String),
    evaluator: (String, String),
    stranger: (String, String),
}

const RECORD: &str = "use-cases/letters.toml";
const REPORT: &str = "evaluations/perplexity.smollm2-135m-instruct.json";

/// Where the contract of its supplier lies: a scan, and no text.
const CONTRACT: &str = "contracts/hosting.pdf";
const SCAN: &[u8] = b"%PDF-1.7\n\xff\xfe\x00";

/// A supplier under contract and with a processing agreement, and one that was taken without.
fn suppliers() -> String {
    let sha256 = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(SCAN));
    format!(
        r#"
[[supplier]]
name = "Example Hosting"
service = "hosting"
[supplier.contract]
reference = "2020-17"
terms = "arbit-2022"
sha256 = "{sha256}"
file = "{CONTRACT}"
from = 2020-01-01T00:00:00Z
until = 2080-01-01T00:00:00Z
[supplier.agreement]
sha256 = "{}"
until = 2081-01-01T00:00:00Z
[[supplier]]
name = "Example Advice"
service = "maintenance"
no_personal_data = "Advises on paper."
[supplier.exception]
motivation = "Too small a job for a contract."
by = "CIO"
until = 2082-01-01T00:00:00Z
"#,
        "6".repeat(64)
    )
}

impl Accepted {
    fn new() -> Self {
        let story = Story::new();
        let [root, cio, fg, owner, evaluator, stranger] =
            ["root", "cio", "fg", "owner", "evaluator", "stranger"].map(|name| story.key(name));
        let keys = Keys { root, cio, fg, owner, evaluator, stranger };
        std::fs::write(&story.root, format!("threshold = 1\nkeys = [\"{}\"]\n", keys.root.1)).unwrap();
        let mut this = Self { story, keys };
        std::fs::create_dir(this.story.policy.join("contracts")).unwrap();
        std::fs::write(this.story.policy.join(CONTRACT), SCAN).unwrap();
        let demand = DEMAND.replace("max_age_days", "needed_for = \"accepted\"\nmax_age_days");
        let record = record().replace("\"organisation\"", "\"suppliers\"");
        this.write(RECORD, &(record + &demand + &suppliers()));
        this.write("redaction/default.toml", &this.read("redaction/default.toml"));
        this.seal(&this.roster());
        this.sign("cio", &["--verdict", "positive"]);
        this.sign("fg", &["--verdict", "conditional", "--condition", "training=Train the team first."]);
        this.sign("fg", &["--met", "training"]);
        this.sign("owner", &["--to", "pilot"]);
        this.story.status("pilot");
        assert_eq!(this.check(None).code, 0);
        this.sign("owner", &["--to", "accepted"]);
        this.story.status("accepted");
        this.models(|_| {});
        assert!(this.check(None).out.contains("- evaluation-missing"));
        this.evaluate(|_| {}, &this.keys.evaluator.0, 365);
        let ran = this.check(None);
        assert_eq!(ran.code, 0, "{}", ran.out);
        this
    }

    fn roster(&self) -> String {
        let Keys { cio, fg, owner, evaluator, .. } = &self.keys;
        roster(&[
            ("c.io", "cio", &cio.1),
            ("f.g", "fg", &fg.1),
            ("o.wner", "owner", &owner.1),
            ("e.valuator", "evaluator", &evaluator.1),
        ])
    }

    /// Puts a roster in the folder, signed by the root.
    fn seal(&self, roster: &str) {
        self.write("roster.toml", roster);
        self.story.run(&["roster", "sign", "--key", &self.keys.root.0]).ok();
    }

    fn sign(&self, role: &str, args: &[&str]) -> Ran {
        let key = match role {
            "cio" => &self.keys.cio,
            "fg" => &self.keys.fg,
            _ => &self.keys.owner,
        };
        self.sign_with(&key.0, role, args)
    }

    /// Has a report signed into the folder, of a run that ended a minute ago.
    fn evaluate(&self, change: impl FnOnce(&mut EvaluationReport), key: &str, days: u32) {
        let now_ms =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
        let mut report = testkit::evaluations::report(MODEL, &pinned(), now_ms / 1000 * 1000 - 60_000);
        change(&mut report);
        let path = self.story.place.root().join("report.json");
        std::fs::write(&path, report.to_canonical().unwrap()).unwrap();
        let days = days.to_string();
        let ran = self.story.run(&["eval", "sign", path.to_str().unwrap(), "--key", key, "--days", &days]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }

    fn sign_with(&self, key: &str, role: &str, args: &[&str]) -> Ran {
        let args: Vec<_> = ["--as", role].into_iter().chain(args.iter().copied()).collect();
        let ran = self.story.sign_elsewhere(key, &args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran
    }

    /// A `models.toml` of this place: the built-in one, changed.
    fn models(&mut self, change: impl FnOnce(&mut String)) {
        let mut text = include_str!("../../models.toml").to_owned();
        change(&mut text);
        let path = self.story.place.root().join("models.toml");
        std::fs::write(&path, text).unwrap();
        self.story.models = Some(path);
    }

    fn check(&self, at: Option<&str>) -> Ran {
        let mut args = vec!["use-case", "check", "letters"];
        args.extend(at.iter().flat_map(|at| ["--at", at]));
        self.story.run(&args)
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.story.policy.join(path)).unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.story.policy.join(path), text).unwrap();
    }

    fn change(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from}");
        self.write(path, &text.replace(from, to));
    }

    fn remove(&self, names: &[&str]) {
        for name in names {
            let path = format!("use-cases/letters.signatures/{name}.json");
            std::fs::remove_file(self.story.policy.join(path)).unwrap();
        }
    }

    /// Takes out the line of the record that begins so.
    fn without(&self, key: &str) {
        let text = self.read(RECORD);
        let line = text.lines().find(|line| line.starts_with(key)).expect("a line").to_owned();
        self.write(RECORD, &text.replace(&line, ""));
    }
}

/// Copies a folder, whole.
fn mirror(from: &Path, to: &Path) {
    if to.exists() {
        std::fs::remove_dir_all(to).unwrap();
    }
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            mirror(&entry.path(), &to);
        } else {
            copy(&entry.path(), &to);
        }
    }
}

/// What is done, and the moment to judge at, if not now.
type Break = (&'static str, fn(&mut Accepted), Option<&'static str>);

/// The rule that has to be among those that deny, the deed and the moment.
const BREAKS: &[Break] = &[
    // The state of the record.
    ("use-case-not-started", |a| a.story.status("draft"), None),
    ("use-case-not-started", |a| a.story.status("advised"), None),
    ("use-case-suspended", |a| a.story.status("suspended"), None),
    ("use-case-retired", |a| a.story.status("retired"), None),
    ("state-not-decided", |a| a.story.status("pilot"), None),
    // Dates.
    ("window-not-begun", |_| {}, Some("2019-12-31T00:00:00Z")),
    ("window-ended", |_| {}, Some("2099-01-01T00:00:00Z")),
    ("evidence-dated-ahead", |_| {}, Some("2020-06-01T00:00:00Z")),
    ("evidence-dpia-review-due", |_| {}, Some("2099-01-01T00:00:00Z")),
    ("evidence-iama-review-due", |_| {}, Some("2099-01-01T00:00:00Z")),
    ("evidence-cio-advice-expired", |_| {}, Some("2090-01-01T00:00:00Z")),
    ("evidence-fg-advice-expired", |_| {}, Some("2090-01-01T00:00:00Z")),
    ("evidence-owner-decision-expired", |_| {}, Some("2090-01-01T00:00:00Z")),
    ("condition-sign-off-expired", |_| {}, Some("2090-01-01T00:00:00Z")),
    // Trust.
    ("trust-root-missing", |a| a.story.root = "".into(), None),
    ("roster-missing", |a| std::fs::remove_file(a.story.policy.join("roster.toml")).unwrap(), None),
    ("roster-not-signed", |a| a.change("roster.toml", "c.io", "e.vil"), None),
    (
        "roster-not-signed",
        |a| std::fs::remove_dir_all(a.story.policy.join("roster.signatures")).unwrap(),
        None,
    ),
    (
        "roster-not-signed",
        |a| {
            let strangers = format!("threshold = 1\nkeys = [\"{}\"]\n", a.keys.stranger.1);
            std::fs::write(&a.story.root, strangers).unwrap();
        },
        None,
    ),
    ("roster-expired", |a| a.seal(&a.roster().replacen("expires = 2099", "expires = 2021", 1)), None),
    ("roster-dated-ahead", |a| a.seal(&a.roster().replacen("issued = 2020", "issued = 2098", 1)), None),
    (
        "signature-key-unknown",
        |a| drop(a.sign_with(&a.keys.stranger.0.clone(), "cio", &["--verdict", "positive"])),
        None,
    ),
    (
        "signature-wrong-role",
        |a| drop(a.sign_with(&a.keys.fg.0.clone(), "cio", &["--verdict", "positive"])),
        None,
    ),
    ("signature-outside-term", |a| a.seal(&a.roster().replacen("until = 2099", "until = 2021", 1)), None),
    (
        "signature-not-genuine",
        |a| {
            let (fg, cio) = ("use-cases/letters.signatures/fg.json", "use-cases/letters.signatures/cio.json");
            let text = a.read(fg).replace("\"role\": \"fg\"", "\"role\": \"cio\"");
            a.write(cio, &text);
        },
        None,
    ),
    ("evidence-four-eyes", |a| a.seal(&a.roster().replace("\"f.g\"", "\"c.io\"")), None),
    (
        "rules-not-approved",
        |a| {
            a.change(
                "rules/10-use-case.cedar",
                "resource.status == \"suspended\"",
                "resource.status == \"nothing\"",
            );
        },
        None,
    ),
    (
        "rules-not-approved",
        |a| {
            a.write(
                "rules/95-open.cedar",
                "@id(\"open\") @remedy(\"x\") @remedy_nl(\"x\")\npermit (principal, action, resource);\n",
            );
        },
        None,
    ),
    // What was signed.
    ("signed-record-changed", |a| a.change(RECORD, "Plainer", "All"), None),
    (
        "signed-record-changed",
        |a| a.change(RECORD, "max_data_class = \"identifier\"", "max_data_class = \"criminal\""),
        None,
    ),
    ("signed-record-changed", |a| a.change(RECORD, "\"writer\"", "\"writer\", \"anybody\""), None),
    (
        "signed-record-changed",
        |a| a.change(RECORD, "tokens_per_day = 500_000", "tokens_per_day = 900_000"),
        None,
    ),
    ("signed-record-changed", |a| a.change(RECORD, "By hand again.", "Never."), None),
    ("signed-assessment-changed", |a| a.change(RECORD, &"1".repeat(64), &"3".repeat(64)), None),
    ("signed-model-changed", |a| a.change(RECORD, &pinned(), &"4".repeat(64)), None),
    ("signed-redaction-changed", |a| a.write("redaction/default.toml", "# another\n"), None),
    ("model-not-as-signed", |a| a.models(|text| *text = text.replace(&pinned(), &"4".repeat(64))), None),
    ("signed-model-changed", |a| a.change(RECORD, &dossier(), &"4".repeat(64)), None),
    (
        "model-dossier-not-as-signed",
        |a| a.models(|text| *text = text.replace("training_data = \"part\"", "training_data = \"closed\"")),
        None,
    ),
    (
        "model-dossier-missing",
        |a| a.models(|text| text.truncate(text.find("[model.dossier]").unwrap())),
        None,
    ),
    (
        "model-review-lapsed",
        |a| {
            let review =
                "legal_review = { by = \"Legal\", date = \"2020-01-01\", review_by = \"2020-12-31\" }";
            a.models(|text| *text = text.replace("legal_review = \"unknown\"", review));
        },
        None,
    ),
    ("model-openness-unmotivated", |a| a.without(&format!("{MODEL} = \"It is small")), None),
    (
        "model-signature-missing",
        |a| a.change(RECORD, "restore_placeholders", "model_signature_required = true\nrestore_placeholders"),
        None,
    ),
    (
        "model-signature-not-genuine",
        |a| {
            let key = include_str!("../../crates/registry/tests/signatures/p256.pub").replace('\n', "\\n");
            let line = format!("signature = {{ bundle = \"nobody.sig\", key = \"{key}\" }}\nlicense = ");
            a.models(|text| *text = text.replace("license = ", &line));
        },
        None,
    ),
    ("model-not-approved", |a| a.models(|text| *text = text.replace("\"approved\"", "\"suspended\"")), None),
    ("model-not-approved", |a| a.models(|text| *text = text.replace(MODEL, "another")), None),
    // Advice and decision.
    ("evidence-cio-advice-missing", |a| a.remove(&["cio", "owner-1", "owner-2"]), None),
    ("evidence-fg-advice-missing", |a| a.remove(&["fg", "owner-1", "owner-2"]), None),
    ("evidence-owner-decision-missing", |a| a.remove(&["owner-1", "owner-2"]), None),
    ("decision-advice-changed", |a| a.remove(&["cio"]), None),
    ("transition-illegal", |a| a.remove(&["owner-1"]), None),
    ("evidence-cio-advice-negative", |a| drop(a.sign("cio", &["--verdict", "negative"])), None),
    ("evidence-fg-advice-negative", |a| drop(a.sign("fg", &["--verdict", "negative"])), None),
    (
        "condition-open",
        |a| {
            a.sign("cio", &["--verdict", "conditional", "--condition", "again=Ask again."]);
        },
        None,
    ),
    // Evaluations.
    ("evaluation-missing", |a| std::fs::remove_file(a.story.policy.join(REPORT)).unwrap(), None),
    (
        "evaluation-not-genuine",
        |a| {
            let text = a.read(REPORT);
            let at = text.find("\"sig\": \"").unwrap() + 20;
            let letter = if &text[at..=at] == "A" { "B" } else { "A" };
            a.write(REPORT, &format!("{}{letter}{}", &text[..at], &text[at + 1..]));
        },
        None,
    ),
    ("evaluation-not-by-evaluator", |a| a.evaluate(|_| {}, &a.keys.stranger.0, 365), None),
    ("evaluation-not-by-evaluator", |a| a.evaluate(|_| {}, &a.keys.cio.0, 365), None),
    (
        "evaluation-other-suite",
        |a| a.evaluate(|report| report.suite.sha256 = "4".repeat(64), &a.keys.evaluator.0, 365),
        None,
    ),
    (
        "evaluation-other-model",
        |a| a.evaluate(|report| report.model.manifest_sha256 = "4".repeat(64), &a.keys.evaluator.0, 365),
        None,
    ),
    (
        "evaluation-below-threshold",
        |a| {
            let max = Threshold { min: None, max: "60".parse().ok() };
            let worse = Metric::new("61".parse().unwrap(), max);
            let worse = |report: &mut EvaluationReport| {
                report.metrics.insert("perplexity".into(), worse);
            };
            a.evaluate(worse, &a.keys.evaluator.0, 365);
        },
        None,
    ),
    ("evaluation-expired", |_| {}, Some("2090-01-01T00:00:00Z")),
    ("evaluation-too-old", |_| {}, Some("2090-01-01T00:00:00Z")),
    ("evaluation-dated-ahead", |_| {}, Some("2026-01-01T00:00:00Z")),
    ("evaluation-by-owner", |a| a.seal(&a.roster().replace("e.valuator", "o.wner")), None),
    ("signed-record-changed", |a| a.change(RECORD, "max_age_days = 365", "max_age_days = 700"), None),
    // Suppliers.
    ("operator-not-stated", |a| a.without("operated_by"), None),
    (
        "supplier-not-named",
        |a| {
            let text = a.read(RECORD);
            a.write(RECORD, text.split("\n[[supplier]]").next().unwrap());
        },
        None,
    ),
    (
        "supplier-contract-missing",
        |a| {
            let text = a.read(RECORD);
            let (before, contract) = text.split_once("[supplier.contract]").unwrap();
            let (_, after) = contract.split_once("[supplier.agreement]").unwrap();
            a.write(RECORD, &format!("{before}[supplier.agreement]{after}"));
        },
        None,
    ),
    ("supplier-contract-not-begun", |_| {}, Some("2019-12-31T00:00:00Z")),
    ("supplier-contract-ended", |_| {}, Some("2080-01-01T00:00:00Z")),
    ("supplier-agreement-ended", |_| {}, Some("2081-01-01T00:00:00Z")),
    ("supplier-exception-expired", |_| {}, Some("2082-01-01T00:00:00Z")),
    ("supplier-exception-unmotivated", |a| a.without("motivation"), None),
    ("supplier-agreement-missing", |a| a.without("no_personal_data"), None),
    (
        "supplier-document-changed",
        |a| std::fs::write(a.story.policy.join(CONTRACT), b"%PDF-1.7\n\xff\xfe\x01").unwrap(),
        None,
    ),
    ("supplier-document-changed", |a| std::fs::remove_file(a.story.policy.join(CONTRACT)).unwrap(), None),
    ("signed-record-changed", |a| a.change(RECORD, "arbit-2022", "gibit"), None),
    ("signed-record-changed", |a| a.change(RECORD, "until = 2080", "until = 2090"), None),
    ("signed-record-changed", |a| a.change(RECORD, "Example Hosting", "Another"), None),
    // Documents.
    ("evidence-dpia-missing", |a| a.without("dpia"), None),
    ("evidence-iama-missing", |a| a.without("iama"), None),
    ("record-alternatives-missing", |a| a.without("alternatives"), None),
    ("record-proportionality-missing", |a| a.without("proportionality"), None),
    ("record-human-oversight-missing", |a| a.without("human_oversight"), None),
    ("record-retention-missing", |a| a.without("retention"), None),
    ("record-exit-plan-missing", |a| a.without("exit_plan"), None),
    ("record-affected-groups-missing", |a| a.without("affected_groups"), None),
    // Users.
    ("guidance-not-named", |a| a.without("guidance"), None),
    ("guidance-missing", |a| std::fs::remove_dir_all(a.story.policy.join("guidance")).unwrap(), None),
    (
        "signed-record-changed",
        |a| a.change(RECORD, "\"ambtenaren\"", "\"ambtenaren\"\ntraining = [\"x\"]"),
        None,
    ),
    ("record-data-categories-missing", |a| a.without("data_categories"), None),
];

fn pinned() -> String {
    let [pinned, _] = crate::harness::policy::pinned(MODEL);
    pinned
}

fn dossier() -> String {
    let [_, dossier] = crate::harness::policy::pinned(MODEL);
    dossier
}

#[test]
fn every_way_to_break_it_is_denied_by_its_own_rule() {
    let mut accepted = Accepted::new();
    let (policy, kept) = (accepted.story.policy.clone(), accepted.story.place.root().join("kept"));
    let (root, trust) = (accepted.story.root.clone(), std::fs::read_to_string(&accepted.story.root).unwrap());
    mirror(&policy, &kept);
    for (rule, deed, at) in BREAKS {
        deed(&mut accepted);
        let ran = if accepted.story.root.as_os_str().is_empty() {
            accepted.story.run_untrusted(&["use-case", "check", "letters"])
        } else {
            accepted.check(*at)
        };
        let line = ran.out.lines().find(|line| line.starts_with(&format!("- {rule}")));
        let line = line.unwrap_or_else(|| panic!("{rule} is not among:\n{}\n{}", ran.out, ran.err));
        assert_eq!(ran.code, 1, "{rule} let it run:\n{}", ran.out);
        let remedy = line.split_once(": ").map_or("", |(_, remedy)| remedy);
        assert!(remedy.len() > 20, "{rule} has no remedy: {line}");
        // As it was.
        mirror(&kept, &policy);
        accepted.story.root.clone_from(&root);
        std::fs::write(&root, &trust).unwrap();
        accepted.models(|_| {});
    }
    let ran = accepted.check(None);
    assert_eq!(ran.code, 0, "it does not run any more:\n{}", ran.out);
}
