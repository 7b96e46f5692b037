use std::collections::BTreeMap;

use provenance::{
    CHOICES_MAX, ENTRY_BYTES_MAX, EndReason, Entry, Error, LIST_MAX, Leaf, Name, Outcome, VERSION,
};

use crate::samples::{START_MS, aborted, denied, id, intent, leaves, name, outcome};

fn entry(leaf: Leaf) -> Entry {
    Entry { v: VERSION, seq: 7, ts_ms: START_MS, leaf }
}

fn all() -> Vec<Leaf> {
    let sealed = Outcome { id: id(1), intent_seq: 6, facts: outcome() };
    let crashed = Outcome { id: id(1), intent_seq: 6, facts: aborted(EndReason::Crash) };
    let mut all = vec![
        Leaf::Intent(Box::new(intent(id(1)))),
        Leaf::Outcome(Box::new(sealed)),
        Leaf::Outcome(Box::new(crashed)),
    ];
    all.extend(leaves());
    all
}

/// The shape of every record, byte for byte. A change here is a new version of the record.
#[test]
fn golden_records() {
    let lines: Vec<String> =
        all().into_iter().map(|leaf| String::from_utf8(entry(leaf).encode().unwrap()).unwrap()).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_record_reads_back() {
    for leaf in all() {
        let entry = entry(leaf);
        let bytes = entry.encode().unwrap();
        assert_eq!(Entry::parse(&bytes).unwrap(), entry);
        assert!(bytes.starts_with(b"{"), "{}", entry.leaf.event());
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["event"], entry.leaf.event());
        assert_eq!(value["v"], 1);
        assert_integers_only(&value);
    }
}

fn assert_integers_only(value: &serde_json::Value) {
    match value {
        serde_json::Value::Number(n) => assert!(n.is_i64() || n.is_u64(), "{n} is not an integer"),
        serde_json::Value::Array(items) => items.iter().for_each(assert_integers_only),
        serde_json::Value::Object(items) => items.values().for_each(assert_integers_only),
        _ => {}
    }
}

/// The fields that the governance note asks for, each in its place.
#[test]
fn every_field_of_the_governance_record_has_its_place() {
    let mut request = intent(id(1));
    request.prev_config_event = Some(3);
    let bytes = entry(Leaf::Intent(Box::new(request))).encode().unwrap();
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    for pointer in [
        "/v",
        "/seq",
        "/ts_ms",
        "/event",
        "/trace_id",
        "/span_id",
        "/parent_span_id",
        "/tenant",
        "/use_case/id",
        "/use_case/rev",
        "/use_case/sha256",
        "/processing_activity_id",
        "/actor_pseudonym",
        "/decision/verdict",
        "/policy_pack_sha256",
        "/determining/0",
        "/model/id",
        "/model/manifest_sha256",
        "/model/template_sha256",
        "/model/tokenizer_sha256",
        "/engine/build_sha256",
        "/engine/config_sha256",
        "/engine/isa",
        "/sampling/seed",
        "/sampling/temperature_milli",
        "/redaction/detector_sha256",
        "/redaction/counts/BSN",
        "/redaction/failed",
        "/in/client_commit",
        "/in/token_commit",
        "/in/tokens",
        "/data_subject_pseudonym",
        "/prev_config_event",
    ] {
        assert!(value.pointer(pointer).is_some(), "{pointer}");
    }
    let sealed = Outcome { id: id(1), intent_seq: 6, facts: outcome() };
    let bytes = entry(Leaf::Outcome(Box::new(sealed))).encode().unwrap();
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    for pointer in [
        "/choices/0/client_commit",
        "/choices/0/token_commit",
        "/choices/0/tokens",
        "/choices/0/finish",
        "/choices/0/marked",
        "/ms",
        "/joules_milli",
    ] {
        assert!(value.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn other_bytes_for_the_same_record_are_refused() {
    let text = String::from_utf8(entry(leaves().remove(0)).encode().unwrap()).unwrap();
    let refused = |text: String| assert!(Entry::parse(text.as_bytes()).is_err(), "{text}");
    refused(text.replacen('{', "{ ", 1));
    refused(text.replacen('{', "{\"a_note\":\"free text\",", 1));
    refused(text.replacen("\"seq\":\"7\"", "\"seq\":\"07\"", 1));
    refused(text.replacen("\"v\":1", "\"v\":2", 1));
    refused(text.replacen("\"server_started\"", "\"server_stroked\"", 1));
    refused(format!("{text}\n"));
}

/// The largest records that the caps allow fit an entry bundle, so a full record never fails to be written.
#[test]
fn the_largest_records_fit() {
    let long = |n: usize| name(&format!("{n:03}{}", "x".repeat(Name::MAX_BYTES - 3)));
    let names: Vec<Name> = (0..LIST_MAX).map(long).collect();
    let counts: BTreeMap<Name, u32> = names.iter().map(|n| (n.clone(), u32::MAX)).collect();
    let mut sealed = outcome();
    sealed.choices = vec![sealed.choices[0].clone(); CHOICES_MAX];
    sealed.screen.as_mut().unwrap().counts = counts.clone();
    let leaf = Leaf::Outcome(Box::new(Outcome { id: id(1), intent_seq: u64::MAX, facts: sealed }));
    assert!(entry(leaf).encode().unwrap().len() < ENTRY_BYTES_MAX);
    let mut request = intent(id(1));
    request.request.determining = names.clone();
    request.request.decision.special_categories = names;
    request.request.redaction.as_mut().unwrap().counts = counts;
    assert!(entry(Leaf::Intent(Box::new(request))).encode().unwrap().len() < ENTRY_BYTES_MAX);
}

#[test]
fn limits_name_their_field() {
    let mut request = intent(id(1));
    request.request.determining = vec![name("r"); LIST_MAX + 1];
    let error = entry(Leaf::Intent(Box::new(request))).encode().unwrap_err();
    assert!(matches!(error, Error::Leaf { field: "determining", .. }), "{error}");
    let mut request = intent(id(1));
    request.request.model = None;
    let error = entry(Leaf::Intent(Box::new(request))).encode().unwrap_err();
    assert!(matches!(error, Error::Leaf { field: "model", .. }), "{error}");
    let mut refused = denied(id(1));
    refused.request.decision.rule = None;
    let error = entry(Leaf::Denied(Box::new(refused))).encode().unwrap_err();
    assert!(matches!(error, Error::Leaf { field: "decision.rule", .. }), "{error}");
    for bad in ["", "with space", "regel\n", "naïef", &"x".repeat(Name::MAX_BYTES + 1)] {
        assert!(Name::new(bad).is_err());
    }
}
