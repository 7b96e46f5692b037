//! No step away from a permitted request is permitted, and each step is named by its own rule.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use policy::{
    Action, ClearanceRequest, DataClass, Decision, DenialClass, EntryRequest, Language, POLICY_ERROR,
    PolicySet,
};
use proptest::prelude::*;
use testkit::letters::{self, NOW_MS};

fn record() -> String {
    letters::record("letters")
}

fn load(record: &str, extra_rules: &str) -> PolicySet {
    let mut folder = letters::built_in();
    folder.insert(letters::RECORD.into(), record.to_owned());
    folder.insert("rules/95-extra.cedar".into(), extra_rules.to_owned());
    letters::sign_and_load(folder)
}

/// A key with a last day, and a BSN in the text: so that steps can take the one and the other further.
fn permitted() -> ClearanceRequest {
    let mut request = letters::request();
    request.entry.principal.expires_ms = Some(NOW_MS + 1);
    request.findings.counts = [("BSN".to_owned(), 1)].into();
    request.findings.data_class = DataClass::Identifier;
    request
}

/// A step in the request and the rule that must name it. Steps touch different facts, so that several can be
/// taken at once; `true` marks those that the door sees.
type Step = (&'static str, bool, fn(&mut ClearanceRequest));

const STEPS: [Step; 14] = [
    ("key-expired", true, |r| r.entry.principal.expires_ms = Some(NOW_MS)),
    ("role-not-allowed", true, |r| r.entry.principal.roles = vec!["visitor".into()]),
    ("model-not-allowed", true, |r| r.entry.model.as_mut().unwrap().id = "other".into()),
    ("model-not-approved", true, |r| r.entry.model.as_mut().unwrap().status = "suspended".into()),
    ("model-hash-mismatch", true, |r| r.entry.model.as_mut().unwrap().loaded_sha256 = Some([8; 32])),
    ("limit-tokens-per-request", true, |r| r.entry.quota.tokens_reserved = 4097),
    ("quota-requests-per-minute", true, |r| r.entry.quota.requests_this_minute = 30),
    ("quota-tokens-per-day", true, |r| r.entry.quota.tokens_today = 500_000),
    ("detection-failed", false, |r| r.findings.failed = true),
    ("redaction-profile-mismatch", false, |r| r.findings.profile = "none".into()),
    ("findings-unresolved", false, |r| r.findings.unresolved = 3),
    ("finding-refused-by-profile", false, |r| r.findings.refused = 1),
    ("data-class-too-high", false, |r| r.findings.data_class = DataClass::Criminal),
    ("special-category-refused", false, |r| r.findings.special_categories = vec!["union".into()]),
];

/// A step in the record and the rule that must name it; each touches another line.
const RECORD_STEPS: [(&str, &str, &str); 7] = [
    ("operator-not-stated", "operated_by = \"organisation\"", ""),
    ("use-case-suspended", "status = \"pilot\"", "status = \"suspended\""),
    ("window-ended", "not_after = 2026-12-01", "not_after = 2026-06-01"),
    ("evidence-dpia-missing", "dpia = {", "#"),
    ("evidence-iama-missing", "iama = {", "#"),
    ("evidence-dpia-review-due", "review_by = 2027-11-03", "review_by = 2026-05-03"),
    ("evidence-iama-review-due", "review_by = 2027-11-10", "review_by = 2026-05-10"),
];

/// Steps that touch a line another step removes: what is absent cannot be negative or due.
const HIDDEN_BY: [(&str, &str); 2] = [
    ("evidence-dpia-review-due", "evidence-dpia-missing"),
    ("evidence-iama-review-due", "evidence-iama-missing"),
];

fn check(steps: &BTreeSet<usize>, record_steps: &BTreeSet<usize>) {
    let mut record = record();
    let mut request = permitted();
    let mut at_door = BTreeSet::new();
    for &step in record_steps {
        let (rule, from, to) = RECORD_STEPS[step];
        record = record.replacen(from, to, 1);
        at_door.insert(rule);
    }
    for (hidden, by) in HIDDEN_BY {
        if at_door.contains(by) {
            at_door.remove(hidden);
        }
    }
    let mut after = at_door.clone();
    for &step in steps {
        let (rule, door, change) = STEPS[step];
        change(&mut request);
        after.insert(rule);
        if door {
            at_door.insert(rule);
        }
    }
    let set = load(&record, "");
    compare(&set, &set.enter(&request.entry), &at_door, "pilot-may-enter");
    compare(&set, &set.clear(&request), &after, "pilot-may-generate");
}

fn compare(set: &PolicySet, decision: &Decision, expected: &BTreeSet<&str>, permit: &str) {
    let ordered: Vec<&str> = set.rules().map(|(id, _)| id).filter(|id| expected.contains(id)).collect();
    assert_eq!(decision.is_permit(), expected.is_empty(), "{:?}", decision.determining());
    if expected.is_empty() {
        assert_eq!(decision.determining(), [permit]);
        return;
    }
    assert_eq!(decision.determining(), ordered);
    let denial = decision.denial().unwrap();
    assert_eq!(denial.rule, ordered[0]);
    assert!(denial.erring.is_empty());
    assert!(
        denial.reasons.iter().all(|r| !r.remedy.is_empty() && !r.remedy_nl.is_empty() && r.place.is_some())
    );
}

#[test]
fn the_base_case_is_permitted() {
    check(&BTreeSet::new(), &BTreeSet::new());
}

#[test]
fn every_single_step_is_denied_by_its_own_rule() {
    for step in 0..STEPS.len() {
        check(&BTreeSet::from([step]), &BTreeSet::new());
    }
    for step in 0..RECORD_STEPS.len() {
        check(&BTreeSet::new(), &BTreeSet::from([step]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn several_steps_are_denied_by_all_their_rules(
        steps in proptest::collection::btree_set(0..STEPS.len(), 0..5),
        record_steps in proptest::collection::btree_set(0..RECORD_STEPS.len(), 0..4),
    ) {
        check(&steps, &record_steps);
    }
}

const OVERFLOWS: &str = r#"
@id("errs") @remedy("x") @remedy_nl("x")
forbid (principal, action in Proeftuin::Action::"generate", resource)
when { context.now_ms * 9223372036854775807 == 7 };
"#;

#[test]
fn a_rule_that_errs_denies_what_is_otherwise_permitted() {
    let set = load(&record(), OVERFLOWS);
    let denial = set.enter(&permitted().entry);
    let denial = denial.denial().unwrap();
    assert_eq!((denial.rule.as_str(), denial.class), (POLICY_ERROR, DenialClass::Fault));
    assert_eq!(denial.erring, ["errs"]);
    // What forbids on its own is still named.
    let mut request = permitted();
    request.findings.unresolved = 1;
    assert_eq!(set.clear(&request).determining(), [POLICY_ERROR, "findings-unresolved"]);
    // Where the rule does not apply nothing errs.
    let list = EntryRequest { action: Action::ListModels, model: None, ..permitted().entry };
    assert!(set.enter(&list).is_permit());
}

#[test]
fn facts_that_cannot_be_held_deny() {
    let set = load(&record(), "");
    let mut request = permitted();
    request.entry.quota.tokens_today = u64::MAX;
    assert_eq!(set.enter(&request.entry).determining(), [POLICY_ERROR]);
    let mut request = permitted();
    request.findings.counts = [("A".to_owned(), u64::MAX), ("B".to_owned(), 1)].into();
    assert_eq!(set.clear(&request).determining(), [POLICY_ERROR]);
    let mut request = permitted();
    request.entry.action = Action::ListModels;
    assert_eq!(set.clear(&request).determining(), [POLICY_ERROR], "nothing to clear");
}

#[test]
fn what_no_rule_permits_is_denied() {
    let mut folder = letters::built_in();
    folder.remove("rules/90-permit.cedar").unwrap();
    let set = letters::sign_and_load(folder);
    let mut request = permitted().entry;
    request.principal.use_case = "demo".into();
    request.principal.roles = vec!["demo".into()];
    request.loopback = true;
    request.action = Action::ListModels;
    let decision = set.enter(&request);
    assert_eq!(decision.determining(), ["no-rule-permits"]);
    assert!(decision.explain(Language::English).contains("no-rule-permits"));
    request.loopback = false;
    assert_eq!(set.enter(&request).determining(), ["demo-loopback-only"]);
}

#[test]
fn classes_and_words_reach_the_caller() {
    let set = load(&record(), "");
    let mut request = permitted().entry;
    request.quota.requests_this_minute = 30;
    let decision = set.enter(&request);
    assert_eq!(decision.denial().unwrap().class, DenialClass::Quota);
    let english = decision.explain(Language::English);
    assert!(
        english.starts_with("Denied by one rule:\n- quota-requests-per-minute (rules/40-quota.cedar:"),
        "{english}"
    );
    let dutch = decision.explain(Language::Dutch);
    assert!(dutch.starts_with("Geweigerd door één regel:") && dutch.contains("minuut"), "{dutch}");
}

#[test]
fn hostile_names_are_only_names() {
    let set = load(&record(), "");
    for name in ["", "\"", "x\" || true", "a::b", "🙂", "\\u{0}", &"x".repeat(100_000)] {
        let mut request = permitted().entry;
        request.principal.key_id = name.into();
        request.principal.actor = name.into();
        assert!(set.enter(&request).is_permit(), "a key may have any id");
        request.model.as_mut().unwrap().id = name.into();
        assert_eq!(set.enter(&request).determining(), ["model-not-allowed"]);
        request.principal.roles = vec![name.into()];
        assert_eq!(set.enter(&request).determining(), ["role-not-allowed", "model-not-allowed"]);
        request.principal.use_case = name.into();
        assert_eq!(set.enter(&request).determining(), ["use-case-unknown"]);
    }
}
