//! From an empty folder to a pilot by signatures alone, and every way to break it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "approvals/breaking.rs"]
mod breaking;
#[path = "approvals/identity.rs"]
mod identity;
#[path = "approvals/mutations.rs"]
mod mutations;
#[path = "approvals/parsers.rs"]
mod parsers;

use std::collections::BTreeMap;

use policy::{
    Act, Advice, Check, ClearanceRequest, Condition, Decision, Dossier, Fault, Moment, Outcome, PolicyFiles,
    PolicySet, Role, Signed, SigningKey, Statement, Status, Term,
};
use testkit::letters::{self, NOW_MS, RECORD, SIGNED_MS, load, request, signers};
use testkit::signers::{Folder, Signers, files, positive};

const DAY_MS: i64 = 24 * 3_600_000;

/// An evaluation that outlives all the signatures, too.
const DEMAND: &str = "
[[evaluation]]
suite = \"perplexity\"
suite_sha256 = \"5555555555555555555555555555555555555555555555555555555555555555\"
needed_for = \"accepted\"
max_age_days = 1096
";

/// A record that outlives all the signatures of these tests.
fn record(id: &str, status: &str) -> String {
    let record = letters::record(id).replace("status = \"pilot\"", &format!("status = \"{status}\""));
    // One digest for both assessments: `the_form_of_what_is_signed` writes it out.
    let record = record.replace(&"2".repeat(64), &"1".repeat(64));
    let record = record.replace("not_after = 2026", "not_after = 2036");
    record.replace("review_by = 2027", "review_by = 2035") + DEMAND
}

/// The built-in folder, and a record.
fn unsigned(status: &str) -> Folder {
    let mut folder = letters::built_in();
    folder.insert(RECORD.into(), record("letters", status));
    evaluate(&mut folder);
    folder
}

/// What an accepted use case needs beside signatures: an evaluation, which its record demands.
fn evaluate(folder: &mut Folder) {
    let report = testkit::evaluations::report("open-model", &"07".repeat(32), SIGNED_MS);
    signers().evaluate(folder, report);
}

/// A pilot with everything it needs.
fn signed() -> Folder {
    let mut folder = unsigned("pilot");
    signers().sign_all(&mut folder);
    folder
}

/// The headline, or `permit`, at the door and after redaction: both must say the same.
fn decide(set: &PolicySet, request: &ClearanceRequest) -> Decision {
    let (door, after) = (set.enter(&request.entry), set.clear(request));
    assert_eq!(headline(&door), headline(&after));
    after
}

fn headline(decision: &Decision) -> String {
    decision.denial().map_or_else(|| "permit".to_owned(), |denial| denial.rule.clone())
}

fn outcome(folder: &Folder) -> String {
    headline(&decide(&load(folder), &request()))
}

fn set_text(folder: &mut Folder, path: &str, from: &str, to: &str) {
    let text = folder.get_mut(path).unwrap_or_else(|| panic!("no {path}"));
    assert!(text.contains(from), "{path} has no {from}:\n{text}");
    *text = text.replacen(from, to, 1);
}

/// Signs what no honest dossier would let anybody sign.
fn forge(folder: &mut Folder, role: Role, act: Act, key: &SigningKey, change: impl FnOnce(&mut Statement)) {
    let term = signers().term;
    let covers = Dossier::open(&files(folder), "letters").unwrap().covers().clone();
    let mut statement = Statement {
        use_case: "letters".into(),
        role,
        covers,
        roster_version: 1,
        date: term.date,
        expires: term.expires,
        act,
    };
    change(&mut statement);
    let path = format!("use-cases/letters.signatures/{}", statement.file_name());
    folder.insert(path, Signed::new(statement, key).unwrap().to_text().unwrap());
}

fn advice(verdict: Outcome, conditions: &[(&str, Option<Check>)]) -> Advice {
    let condition = |(id, check): &(&str, Option<Check>)| Condition {
        id: (*id).into(),
        check: *check,
        text: check.is_none().then(|| "Train the team first.".into()),
    };
    Advice { verdict, conditions: conditions.iter().map(condition).collect() }
}

#[test]
fn from_an_empty_folder_to_a_pilot_and_on() {
    let s = signers();
    let mut folder = unsigned("draft");
    assert_eq!(outcome(&folder), "use-case-not-started");
    set_text(&mut folder, RECORD, "status = \"draft\"", "status = \"pilot\"");
    assert_eq!(outcome(&folder), "roster-missing", "whoever writes pilot has not decided it");
    let roster = s.roster(&folder);
    folder.insert("roster.toml".into(), roster);
    assert_eq!(outcome(&folder), "roster-not-signed");
    folder.extend([policy::seal_roster(&files(&folder), &s.root).unwrap()]);
    assert_eq!(outcome(&folder), "evidence-cio-advice-missing");
    s.advise(&mut folder, "letters", Role::Cio, positive());
    assert_eq!(outcome(&folder), "evidence-fg-advice-missing");
    s.advise(&mut folder, "letters", Role::Fg, positive());
    assert_eq!(outcome(&folder), "evidence-owner-decision-missing");
    s.decide(&mut folder, "letters", Status::Pilot, &[]);
    assert_eq!(outcome(&folder), "permit");
    let set = load(&folder);
    assert!(set.approvals("letters").unwrap().findings.is_empty());
    assert_eq!(set.approvals("letters").unwrap().fg_advice.as_ref().unwrap().by, "f.g");

    set_text(&mut folder, RECORD, "status = \"pilot\"", "status = \"accepted\"");
    assert_eq!(outcome(&folder), "state-not-decided");
    s.decide(&mut folder, "letters", Status::Accepted, &[]);
    assert_eq!(outcome(&folder), "permit");
    s.decide(&mut folder, "letters", Status::Suspended, &[]);
    assert_eq!(outcome(&folder), "state-not-decided", "a signed suspension holds, whatever the record says");
    s.decide(&mut folder, "letters", Status::Pilot, &[]);
    assert_eq!(outcome(&folder), "state-not-decided", "what was suspended is a pilot first");
    set_text(&mut folder, RECORD, "status = \"accepted\"", "status = \"pilot\"");
    assert_eq!(outcome(&folder), "permit");
    s.decide(&mut folder, "letters", Status::Retired, &[]);
    set_text(&mut folder, RECORD, "status = \"pilot\"", "status = \"retired\"");
    assert_eq!(outcome(&folder), "use-case-retired");
    let dossier = Dossier::open(&files(&folder), "letters").unwrap();
    let error = dossier.decide(Status::Pilot, BTreeMap::new(), s.term, &s.owner).unwrap_err().to_string();
    assert!(error.contains("no use case goes from retired to pilot"), "{error}");
}

#[test]
fn a_change_is_signed_anew_and_the_layout_is_not() {
    let s = signers();
    let mut folder = signed();
    set_text(&mut folder, RECORD, "title = \"Letters\"", "# a remark\ntitle    = 'Letters'");
    assert_eq!(outcome(&folder), "permit");
    set_text(&mut folder, RECORD, "Plainer letters.", "All letters.");
    assert_eq!(outcome(&folder), "signed-record-changed");
    let findings = load(&folder).approvals("letters").unwrap().findings.clone();
    let voided: Vec<&str> = findings.iter().map(|f| f.path.rsplit('/').next().unwrap()).collect();
    assert_eq!(voided, ["cio.json", "fg.json", "owner-1.json"]);
    assert!(findings.iter().all(|f| f.fault == Fault::RecordChanged && f.detail.contains("the record")));
    s.advise(&mut folder, "letters", Role::Cio, positive());
    s.advise(&mut folder, "letters", Role::Fg, positive());
    s.decide(&mut folder, "letters", Status::Pilot, &[]);
    assert_eq!(outcome(&folder), "permit", "the owner may decide again what is so already");
}

#[test]
fn a_deviation_is_motivated() {
    let s = signers();
    let mut folder = unsigned("pilot");
    s.sign_all(&mut folder);
    s.advise(&mut folder, "letters", Role::Fg, advice(Outcome::Negative, &[]));
    let dossier = Dossier::open(&files(&folder), "letters").unwrap();
    for why in ["", "  "] {
        let why = BTreeMap::from([("fg".to_owned(), why.to_owned())]);
        let error = dossier.decide(Status::Pilot, why, s.term, &s.owner).unwrap_err().to_string();
        assert!(error.contains("fg advised against it"), "{error}");
    }
    s.decide(&mut folder, "letters", Status::Pilot, &[("fg", "The objection was met in another way.")]);
    assert_eq!(outcome(&folder), "permit");
}

#[test]
fn conditions_in_words_are_signed_off_by_their_author() {
    let s = signers();
    let mut folder = unsigned("pilot");
    s.sign_all(&mut folder);
    s.advise(&mut folder, "letters", Role::Fg, advice(Outcome::Conditional, &[("training", None)]));
    s.decide(&mut folder, "letters", Status::Pilot, &[]);
    assert_eq!(outcome(&folder), "condition-open");
    let dossier = Dossier::open(&files(&folder), "letters").unwrap();
    assert!(dossier.fulfil(Role::Fg, "other", s.term, &s.fg).is_err());
    // The wrong person, then the right one.
    folder.extend([dossier.fulfil(Role::Fg, "training", s.term, &s.cio).unwrap()]);
    assert_eq!(outcome(&folder), "signature-wrong-role");
    folder.extend([dossier.fulfil(Role::Fg, "training", s.term, &s.fg).unwrap()]);
    assert_eq!(outcome(&folder), "permit");
    // It is over when it says so.
    let short = Term { expires: Moment(NOW_MS), ..s.term };
    folder.extend([dossier.fulfil(Role::Fg, "training", short, &s.fg).unwrap()]);
    assert_eq!(outcome(&folder), "condition-sign-off-expired");
    // A sign-off of an older advice says nothing of a newer one.
    folder.extend([dossier.fulfil(Role::Fg, "training", s.term, &s.fg).unwrap()]);
    let newer = Condition { text: Some("Train them twice.".into()), id: "training".into(), check: None };
    let newer = Advice { verdict: Outcome::Conditional, conditions: vec![newer] };
    s.advise(&mut folder, "letters", Role::Fg, newer);
    s.decide(&mut folder, "letters", Status::Pilot, &[]);
    assert_eq!(outcome(&folder), "condition-open");
}

#[test]
fn conditions_the_software_checks_are_checked_at_each_request() {
    let s = signers();
    let mut folder = unsigned("pilot");
    s.sign_all(&mut folder);
    let all = Check::ALL.map(|check| (check.name(), Some(check)));
    s.advise(&mut folder, "letters", Role::Cio, advice(Outcome::Conditional, &all));
    s.decide(&mut folder, "letters", Status::Pilot, &[]);
    let set = load(&folder);
    let mut good = request();
    good.entry.loopback = true;
    good.entry.principal.expires_ms = Some(NOW_MS + 1);
    assert_eq!(headline(&decide(&set, &good)), "permit");
    let mut remote = good.clone();
    remote.entry.loopback = false;
    assert_eq!(headline(&decide(&set, &remote)), "condition-loopback-only");
    let mut endless = good.clone();
    endless.entry.principal.expires_ms = None;
    assert_eq!(headline(&decide(&set, &endless)), "condition-keys-expire");
    let mut personal = good.clone();
    personal.findings.counts = [("EMAIL".to_owned(), 1)].into();
    assert_eq!(set.clear(&personal).determining(), ["condition-no-personal-data"]);
    let dossier = Dossier::open(&files(&folder), "letters").unwrap();
    assert!(dossier.fulfil(Role::Cio, "keys-expire", s.term, &s.cio).is_err(), "nobody signs off a check");
}

#[test]
fn several_root_keys_vouch_together() {
    let (s, second) = (signers(), SigningKey::from_seed(&[9; 32]));
    let keys = format!("keys = [\"{}\", \"{}\"]\n", s.root.public(), second.public());
    let root =
        |threshold: usize| policy::TrustRoot::parse("root", &format!("threshold = {threshold}\n{keys}"));
    let two = root(2).unwrap();
    let mut folder = signed();
    let outcome = |folder: &Folder| {
        headline(&decide(&PolicySet::load_trusting(&files(folder), Some(&two)).unwrap(), &request()))
    };
    assert_eq!(outcome(&folder), "roster-not-signed");
    // One holder with two files is one holder.
    let (_, text) = policy::seal_roster(&files(&folder), &s.root).unwrap();
    folder.insert("roster.signatures/again.json".into(), text);
    assert_eq!(outcome(&folder), "roster-not-signed");
    folder.extend([policy::seal_roster(&files(&folder), &second).unwrap()]);
    assert_eq!(outcome(&folder), "permit");
    for threshold in [0, 3] {
        assert!(root(threshold).unwrap_err().to_string().contains("threshold"));
    }
    let doubled = format!("threshold = 2\nkeys = [\"{0}\", \"{0}\"]\n", s.root.public());
    assert!(policy::TrustRoot::parse("root", &doubled).unwrap_err().to_string().contains("twice"));
}

/// What is signed, byte by byte, so that others can verify it: RFC 8785 in DSSE's encoding under Ed25519.
#[test]
fn the_form_of_what_is_signed() {
    let text = &signed()["use-cases/letters.signatures/cio.json"];
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    let covers = &json["statement"]["covers"];
    let hash = |name: &str| covers[name].as_str().unwrap().to_owned();
    let body = format!(
        "{{\"act\":{{\"advice\":{{\"conditions\":[],\"verdict\":\"positive\"}}}},\"covers\":{{\"assessments\":\
         {{\"dpia\":\"{d}\",\"iama\":\"{d}\"}},\"dossiers\":{{\"open-model\":\"{o}\"}},\"models\":{{\"open-model\":\"{m}\"}},\"record\":\"{}\",\
         \"redaction\":\"{}\"}},\"date\":\"2026-01-15T00:00:00Z\",\"expires\":{},\"role\":\"cio\",\
         \"roster_version\":1,\"use_case\":\"letters\"}}",
        hash("record"),
        hash("redaction"),
        json["statement"]["expires"],
        d = "1".repeat(64),
        m = "07".repeat(32),
        o = "0d".repeat(32),
    );
    let kind = "application/vnd.proeftuin.approval.v1+json";
    let message = format!("DSSEv1 {} {kind} {} {body}", kind.len(), body.len());
    let key = ed25519_dalek::SigningKey::from_bytes(&[2; 32]);
    let signature = ed25519_dalek::Signer::sign(&key, message.as_bytes());
    assert_eq!(json["signature"], hex::encode(signature.to_bytes()));
}

#[test]
fn what_was_signed_is_listed_with_the_people_of_the_roster() {
    let files = files(&signed());
    let acts: Vec<String> = policy::signed_statements(&files, "letters")
        .unwrap()
        .iter()
        .map(|signed| signed.statement.file_name())
        .collect();
    assert_eq!(
        acts,
        ["cio.json", "fg.json", "owner-1.json"],
        "advice comes before the decision of the same date"
    );
    let people = policy::roster_people(&files).unwrap();
    let names: Vec<&str> = people.iter().map(|(_, person)| person.as_str()).collect();
    assert_eq!(names, ["c.io", "f.g", "o.wner", "e.valuator"]);
    let embedded = PolicyFiles::embedded().unwrap();
    assert!(policy::roster_people(&embedded).unwrap().is_empty());
    assert!(policy::signed_statements(&embedded, "demo").unwrap().is_empty());
}
