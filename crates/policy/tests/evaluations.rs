//! Evaluations that a record demands: which signed report counts, and every way in which one does not.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "evaluations/parsers.rs"]
mod parsers;

use policy::{
    Decimal, EvaluationReport, Metric, Moment, PolicySet, SignedReport, SigningKey, Status, Term, Threshold,
};
use testkit::evaluations::{DEMAND, SUITE_SHA256, report, through_the_gate};
use testkit::letters::{self, NOW_MS, RECORD, SIGNED_MS, load, request, signers};
use testkit::signers::{Folder, Signers, files};

const REPORT: &str = "evaluations/perplexity.open-model.json";
const DAY_MS: i64 = 24 * 3_600_000;

fn pinned() -> String {
    "07".repeat(32)
}

/// A pilot whose record demands an evaluation, signed, without any.
fn demanding(demand: &str) -> Folder {
    let mut folder = letters::built_in();
    folder.insert(RECORD.into(), letters::record("letters") + demand);
    signers().sign_all(&mut folder);
    folder
}

fn good() -> EvaluationReport {
    report("open-model", &pinned(), SIGNED_MS)
}

/// With a report that counts.
fn evaluated() -> Folder {
    let mut folder = demanding(DEMAND);
    signers().evaluate(&mut folder, good());
    folder
}

fn headline_at(set: &PolicySet, now_ms: i64) -> String {
    let mut request = request();
    request.entry.now_ms = now_ms;
    let (door, after) = (set.enter(&request.entry), set.clear(&request));
    let head = |d: &policy::Decision| d.denial().map_or_else(|| "permit".to_owned(), |d| d.rule.clone());
    assert_eq!(head(&door), head(&after));
    head(&door)
}

fn outcome(folder: &Folder) -> String {
    headline_at(&load(folder), NOW_MS)
}

/// Signs a report with a key and a term of one's own.
fn sign(
    folder: &mut Folder,
    path: &str,
    report: EvaluationReport,
    key: &SigningKey,
    date_ms: i64,
    expires_ms: i64,
) {
    let term = Term { date: Moment(date_ms), expires: Moment(expires_ms) };
    folder.insert(path.into(), SignedReport::new(report, term, key).unwrap().to_text().unwrap());
}

fn number(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn with_perplexity(value: &str) -> EvaluationReport {
    let mut report = good();
    let threshold = Threshold { min: None, max: Some(number("60")) };
    report.metrics.insert("perplexity".into(), Metric::new(number(value), threshold));
    report
}

type Break = (&'static str, &'static str, fn(&Signers, &mut Folder));

/// Rule, what is done, how. Each starts from a pilot that runs.
const BREAKS: &[Break] = &[
    ("evaluation-missing", "no report", |_, f| drop(f.remove(REPORT))),
    ("evaluation-missing", "a report of another suite", |s, f| {
        f.remove(REPORT);
        let mut report = good();
        report.suite.name = "other".into();
        s.evaluate(f, report);
    }),
    ("evaluation-missing", "a report of another model", |s, f| {
        f.remove(REPORT);
        s.evaluate(f, report("another", &pinned(), SIGNED_MS));
    }),
    ("evaluation-not-genuine", "a bit of the signature", |_, f| {
        let text = f.get_mut(REPORT).unwrap();
        let at = text.find("\"sig\": \"").unwrap() + 20;
        let letter = if &text[at..=at] == "A" { "B" } else { "A" };
        text.replace_range(at..=at, letter);
    }),
    ("evaluation-not-genuine", "another key is named", |s, f| {
        let text = f.get_mut(REPORT).unwrap();
        *text = text.replace(&s.evaluator.public().to_string(), &s.cio.public().to_string());
    }),
    ("evaluation-not-by-evaluator", "a stranger signs", |s, f| {
        sign(f, REPORT, good(), &SigningKey::from_seed(&[99; 32]), SIGNED_MS, s.term.expires.0);
    }),
    ("evaluation-not-by-evaluator", "the CIO signs", |s, f| {
        sign(f, REPORT, good(), &s.cio, SIGNED_MS, s.term.expires.0);
    }),
    ("evaluation-not-by-evaluator", "before the evaluator's term began", |s, f| {
        let early = report("open-model", &pinned(), SIGNED_MS - DAY_MS);
        sign(f, REPORT, early, &s.evaluator, SIGNED_MS - 1, s.term.expires.0);
    }),
    ("evaluation-not-by-evaluator", "an evaluator of other use cases", |s, f| {
        reseal(s, f, "role = \"evaluator\"\n", "role = \"evaluator\"\nuse_cases = [\"others\"]\n");
    }),
    ("evaluation-other-suite", "another version of the suite", |s, f| {
        let mut report = good();
        report.suite.sha256 = "4".repeat(64);
        s.evaluate(f, report);
    }),
    ("evaluation-other-model", "other weights under the same name", |s, f| {
        s.evaluate(f, report("open-model", &"08".repeat(32), SIGNED_MS));
    }),
    ("evaluation-below-threshold", "a worse model", |s, f| s.evaluate(f, with_perplexity("60.000001"))),
    ("evaluation-below-threshold", "no threshold at all", |s, f| {
        let mut report = good();
        report.metrics.insert("perplexity".into(), Metric::new(number("1"), Threshold::default()));
        s.evaluate(f, report);
    }),
    ("evaluation-below-threshold", "a newer run that fails, beside an older that passed", |s, f| {
        let mut newer = with_perplexity("99");
        newer.finished = Moment(SIGNED_MS + 1);
        sign(f, "evaluations/a.json", newer, &s.evaluator, SIGNED_MS + 1, s.term.expires.0);
    }),
    ("evaluation-expired", "over at this very millisecond", |s, f| {
        sign(f, REPORT, good(), &s.evaluator, SIGNED_MS, NOW_MS);
    }),
    ("evaluation-dated-ahead", "signed tomorrow", |s, f| {
        sign(f, REPORT, good(), &s.evaluator, NOW_MS + 1, s.term.expires.0);
    }),
    ("evaluation-by-owner", "the owner evaluates too", |s, f| {
        reseal(s, f, "person = \"e.valuator\"", "person = \"o.wner\"");
    }),
    ("signed-record-changed", "another threshold is demanded", |_, f| {
        let text = f.get_mut(RECORD).unwrap();
        text.push_str("max = { perplexity = 99 }\n");
    }),
    ("signed-record-changed", "an older run will do", |_, f| {
        let text = f.get_mut(RECORD).unwrap();
        *text = text.replace("max_age_days = 365", "max_age_days = 366");
    }),
    ("signed-record-changed", "it is no longer demanded", |_, f| {
        let text = f.get_mut(RECORD).unwrap();
        *text = text.replace(DEMAND, "");
    }),
];

fn reseal(s: &Signers, folder: &mut Folder, from: &str, to: &str) {
    let text = folder.get_mut("roster.toml").unwrap();
    assert!(text.contains(from), "{from}");
    *text = text.replace(from, to);
    folder.extend([policy::seal_roster(&files(folder), &s.root).unwrap()]);
}

#[test]
fn every_break_is_denied_by_its_own_rule() {
    assert_eq!(outcome(&evaluated()), "permit");
    for (rule, what, change) in BREAKS {
        let mut folder = evaluated();
        change(&signers(), &mut folder);
        assert_eq!(outcome(&folder), *rule, "{what}");
    }
}

#[test]
fn it_lapses_while_the_set_stays() {
    let mut folder = evaluated();
    sign(&mut folder, REPORT, good(), &signers().evaluator, SIGNED_MS, SIGNED_MS + 200 * DAY_MS);
    let set = load(&folder);
    let at = |days: i64| headline_at(&set, SIGNED_MS + days * DAY_MS);
    assert_eq!([at(100), at(200)], ["permit", "evaluation-expired"]);
    // By the record, where that is sooner.
    let mut folder = demanding(&DEMAND.replace("365", "90"));
    signers().evaluate(&mut folder, good());
    let set = load(&folder);
    let at = |ms: i64| headline_at(&set, SIGNED_MS + ms);
    assert_eq!([at(90 * DAY_MS - 1), at(90 * DAY_MS)], ["permit", "evaluation-too-old"]);
}

#[test]
fn the_records_thresholds_count_and_the_suites_own_for_the_rest() {
    let with = |thresholds: &str, report: EvaluationReport| {
        let mut folder = demanding(&format!("{DEMAND}{thresholds}\n"));
        signers().evaluate(&mut folder, report);
        outcome(&folder)
    };
    assert_eq!(with("max = { perplexity = 21.5 }", good()), "permit");
    assert_eq!(with("max = { perplexity = 21.4 }", good()), "evaluation-below-threshold");
    assert_eq!(
        with("max = { perplexity = 99 }", with_perplexity("80")),
        "permit",
        "the record may allow more"
    );
    assert_eq!(with("min = { perplexity = 30 }", good()), "evaluation-below-threshold");
    assert_eq!(
        with("max = { bias = 1 }", good()),
        "evaluation-below-threshold",
        "what is not measured is not met"
    );
    assert_eq!(with("max = { perplexity_se = 1 }", with_perplexity("80")), "evaluation-below-threshold");
}

#[test]
fn what_goes_through_a_gate_is_about_that_gate() {
    let demand = DEMAND.replace("\"perplexity\"", "\"leakage\"");
    let mut folder = demanding(&demand);
    let path = "evaluations/leakage.open-model.json";
    let gated = through_the_gate(&folder, good());
    signers().evaluate(&mut folder, gated.clone());
    assert!(folder.contains_key(path));
    assert_eq!(outcome(&folder), "permit");
    let other = |change: fn(&mut policy::GateRef)| {
        let (mut folder, mut report) = (folder.clone(), gated.clone());
        change(report.gate.as_mut().unwrap());
        signers().evaluate(&mut folder, report);
        outcome(&folder)
    };
    assert_eq!(other(|gate| gate.rules_sha256 = "1".repeat(64)), "evaluation-other-gate");
    assert_eq!(other(|gate| gate.redaction_sha256 = "1".repeat(64)), "evaluation-other-gate");
    assert_eq!(
        other(|gate| gate.policy_sha256 = "1".repeat(64)),
        "permit",
        "a folder grows by its own reports"
    );
    // Another profile: everybody signs anew, and the evaluation is still about the old one.
    let mut folder = folder.clone();
    folder.get_mut("redaction/default.toml").unwrap().push_str("# stricter\n");
    signers().sign_all(&mut folder);
    assert_eq!(outcome(&folder), "evaluation-other-gate");
}

#[test]
fn an_accepted_use_case_demands_one_and_a_pilot_need_not() {
    let s = signers();
    let accept = |demand: &str, report: bool| {
        let mut folder = demanding(demand);
        let text = folder.get_mut(RECORD).unwrap();
        *text = text.replace("status = \"pilot\"", "status = \"accepted\"");
        s.decide(&mut folder, "letters", Status::Accepted, &[]);
        if report {
            s.evaluate(&mut folder, good());
        }
        outcome(&folder)
    };
    let later = DEMAND.replace("max_age_days", "needed_for = \"accepted\"\nmax_age_days");
    assert_eq!(outcome(&demanding("")), "permit");
    assert_eq!(outcome(&demanding(&later)), "permit", "it is made during the pilot");
    assert_eq!(outcome(&demanding(DEMAND)), "evaluation-missing");
    assert_eq!(accept("", true), "evaluation-not-demanded");
    assert_eq!(accept(&later, false), "evaluation-missing");
    assert_eq!(accept(&later, true), "permit");
}

#[test]
fn the_report_that_gets_furthest_is_told_of() {
    let s = signers();
    let mut folder = evaluated();
    sign(
        &mut folder,
        "evaluations/stranger.json",
        good(),
        &SigningKey::from_seed(&[9; 32]),
        SIGNED_MS,
        NOW_MS,
    );
    let set = load(&folder);
    let one = &set.evaluations("letters").unwrap().evaluated[0];
    assert_eq!((one.path.as_deref(), one.by.as_deref()), (Some(REPORT), Some("e.valuator")));
    assert_eq!(one.too_old_ms, Some(SIGNED_MS + 365 * DAY_MS));
    assert!(one.faults.is_empty());
    s.evaluate(&mut folder, with_perplexity("61"));
    let set = load(&folder);
    let one = &set.evaluations("letters").unwrap().evaluated[0];
    assert_eq!(one.faults[0].1, "perplexity is 61, and fails the suite");
    // Without a root nobody is an evaluator, and the folder loads.
    let set = PolicySet::load(&files(&evaluated())).unwrap();
    assert_eq!(set.evaluations("letters").unwrap().evaluated[0].faults[0].0.code(), "not-by-evaluator");
}

#[test]
fn who_signed_is_told_by_the_roster() {
    let folder = evaluated();
    let signed = SignedReport::parse(REPORT, &folder[REPORT]).unwrap();
    let root = signers().trust_root();
    assert_eq!(policy::evaluator(&files(&folder), &root, &signed).unwrap(), Ok("e.valuator".to_owned()));
    let mut without = folder.clone();
    without.retain(|path, _| !path.starts_with("roster.signatures/"));
    let why = policy::evaluator(&files(&without), &root, &signed).unwrap().unwrap_err();
    assert!(why.contains("0 of 1 root signatures"), "{why}");
    let term = signers().term;
    let by_cio = SignedReport::new(good(), term, &signers().cio).unwrap();
    assert!(
        policy::evaluator(&files(&folder), &root, &by_cio).unwrap().unwrap_err().contains("no evaluator")
    );
}

#[test]
fn what_a_record_cannot_demand_is_named() {
    let refused = |demand: &str| {
        let mut folder = letters::built_in();
        folder.insert(RECORD.into(), letters::record("letters") + demand);
        PolicySet::load(&files(&folder)).unwrap_err().to_string()
    };
    for (from, to, word) in [
        ("\"perplexity\"", "\"Per plexity\"", "evaluation.suite"),
        (SUITE_SHA256, "5", "evaluation.suite_sha256"),
        ("max_age_days = 365", "max_age_days = 0", "evaluation.max_age_days"),
        ("max_age_days = 365", "max_age_days = 3660", "evaluation.max_age_days"),
        ("max_age_days = 365", "max_age_days = 1\nneeded_for = \"draft\"", "evaluation.needed_for"),
        ("max_age_days = 365", "max_age_days = 1\nmax = { perplexity = 1e-9 }", "evaluation.max"),
        ("max_age_days = 365", "max_age_days = 1\nmax = { Perplexity = 1 }", "evaluation.max"),
        ("max_age_days = 365", "max_age_days = 1\nmin = { a = 2 }\nmax = { a = 1 }", "nothing can pass"),
        ("max_age_days = 365", "max_age_day = 1", "max_age_day"),
    ] {
        let message = refused(&DEMAND.replace(from, to));
        assert!(message.contains(word) && message.contains(RECORD), "{message}");
    }
    assert!(refused(&format!("{DEMAND}{DEMAND}")).contains("demanded twice"));
}
