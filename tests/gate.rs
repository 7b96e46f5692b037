//! Nothing is generated for whom the rules do not permit it: each refusal names its rule and the way out, in English
//! and in Dutch, and is sealed in the log.

use ledger::{Ledger, NewKey};
use serde_json::{Value, json};

use crate::harness::{MODEL, Place, Reply, Server, get};

fn question() -> Value {
    json!({"model": MODEL, "max_tokens": 4, "messages": [{"role": "user", "content": "What is a tulip?"}]})
}

/// What every refusal has; gives the receipt's id, where there is one.
#[track_caller]
fn refused(reply: &Reply, status: u16, rule: &str) -> Option<String> {
    assert_eq!(reply.status, status, "{rule}: {}", reply.text());
    let error = reply.json()["error"].clone();
    assert_eq!(error["code"], rule, "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(rule) && message.len() > rule.len() + 30, "{message}");
    let dutch = error["remedy_nl"].as_str().unwrap();
    assert!(dutch.len() > 20 && !message.contains(dutch), "{dutch}");
    assert_eq!(reply.header("x-should-retry"), Some("false"), "official clients are told not to repeat it");
    assert_eq!(reply.header("x-proeftuin-receipt"), error["receipt"].as_str());
    error["receipt"].as_str().map(str::to_owned)
}

#[track_caller]
fn sealed(place: &Place, receipt: &str, stage: &str, rule: &str) {
    let leaves = place.leaves();
    let leaf = leaves.about("denied", receipt);
    assert_eq!(leaf["decision"]["verdict"], "deny");
    assert_eq!(leaf["decision"]["stage"], stage);
    assert_eq!(leaf["decision"]["rule"], rule);
    assert!(
        leaves.of("intent").iter().all(|intent| intent["id"] != receipt),
        "a denied request was admitted"
    );
}

/// A key whose days are over, put into the ledger before the server runs: the command line issues none.
fn expired_key(place: &Place) -> String {
    std::fs::create_dir_all(place.state()).unwrap();
    let ledger = Ledger::open(place.state().join("ledger.sqlite")).unwrap();
    let new = NewKey {
        use_case: "pilot-test".to_owned(),
        actor: "Test".to_owned(),
        roles: vec!["tester".to_owned()],
        expires_ms: Some(1_600_000_000_000),
        label: String::new(),
    };
    ledger.issue_key(new, 1_500_000_000_000).unwrap().secret.as_str().to_owned()
}

#[test]
fn callers_without_a_valid_key_are_refused_and_counted() {
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let strangers =
        [None, None, Some("ptk_aaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"), Some("sk-something-else")];
    for key in strangers {
        let rule = if key.is_none() { "missing-key" } else { "unknown-key" };
        let reply = crate::harness::post(&server.address, "/v1/chat/completions", key, &question());
        assert_eq!(refused(&reply, 401, rule), None);
        // RFC 6750, 3.1: who sent nothing is told nothing of what was wrong with it.
        let challenge = if key.is_none() { "Bearer" } else { "Bearer error=\"invalid_token\"" };
        assert_eq!(reply.header("www-authenticate"), Some(challenge));
    }
    assert_eq!(refused(&get(&server.address, "/v1/models", None), 401, "missing-key"), None);
    server.stop();
    place.run(&["log", "verify"]).ok();
    let leaves = place.leaves();
    let counted = leaves.of("unauthenticated_denials");
    let total = |reason: &str| counted.iter().filter_map(|leaf| leaf["counts"][reason].as_u64()).sum::<u64>();
    assert_eq!(total("missing_key"), 3);
    assert_eq!(total("unknown_key") + total("malformed_key"), 2);
    assert!(leaves.of("denied").is_empty(), "a stranger gets no leaf of his own");
}

#[test]
fn a_revoked_or_expired_key_is_refused_at_once_and_sealed() {
    let Some(place) = Place::new() else { return };
    let expired = expired_key(&place);
    let server = place.serve();
    let receipt = refused(&server.chat(&expired, &question()), 401, "key-expired").expect("a receipt");
    sealed(&place, &receipt, "key", "key-expired");
    let key = place.key("pilot-test");
    assert_eq!(server.chat(&key.secret, &question()).status, 200);
    place.run(&["keys", "revoke", &key.id]).ok();
    let receipt = refused(&server.chat(&key.secret, &question()), 401, "key-revoked").expect("a receipt");
    sealed(&place, &receipt, "key", "key-revoked");
    let receipt = refused(&get(&server.address, "/v1/models", Some(&key.secret)), 401, "key-revoked")
        .expect("a receipt");
    sealed(&place, &receipt, "key", "key-revoked");
    // It stays so after a restart.
    server.stop();
    let server = place.serve();
    refused(&server.chat(&key.secret, &question()), 401, "key-revoked");
    let leaves = place.leaves();
    let revoked = leaves.of("key_revoked");
    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0]["key_id"], key.id.as_str());
    server.stop();
    place.run(&["log", "verify"]).ok();
}

/// Each request of the table is refused with its rule, and the denial is in the log.
#[test]
fn what_no_rule_permits_is_refused_and_sealed() {
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let key = |use_case: &str| place.key(use_case).secret;
    let pilot = key("pilot-test");
    let with = |field: &str, value: Value| {
        let mut body = question();
        body[field] = value;
        body
    };
    let table = [
        (pilot.clone(), with("model", json!("another-model")), "enter", "model-not-allowed"),
        (key("narrow-test"), question(), "enter", "model-not-allowed"),
        (key("narrow-test"), with("model", json!("another-model")), "enter", "model-not-approved"),
        (key("ended-test"), question(), "enter", "window-ended"),
        (key("bare-test"), question(), "enter", "evidence-dpia-missing"),
        (place.key_with_role("pilot-test", "visitor").secret, question(), "enter", "role-not-allowed"),
        (pilot.clone(), with("user", json!("BSN 111222333")), "redact", "personal-data-in-fixed-field"),
        (pilot.clone(), with("stop", json!("NL91ABNA0417164300")), "redact", "personal-data-in-fixed-field"),
        (server.demo_key(), personal(), "clear", "demo-no-personal-data"),
    ];
    for (key, body, stage, rule) in table {
        let receipt = refused(&server.chat(&key, &body), 403, rule).expect("a receipt");
        sealed(&place, &receipt, stage, rule);
    }
    the_demo_is_refused_for_being_one(&server, &place);
    assert_eq!(get(&server.address, "/v1/models", Some(&key("narrow-test"))).ok()["data"], json!([]));
    refused(&get(&server.address, "/v1/models", Some(&key("ended-test"))), 403, "window-ended");
    assert_eq!(server.metric("proeftuin_generated_tokens_total"), 0, "nothing was generated");
    server.stop();
    place.run(&["log", "verify"]).ok();
}

fn personal() -> Value {
    let mut body = question();
    body["messages"][0]["content"] = json!("Mijn BSN is 111222333, wat nu?");
    body
}

/// A demo takes no personal data at all: all rules that say so are in the leaf, and nothing of what they found.
fn the_demo_is_refused_for_being_one(server: &Server, place: &Place) {
    let reply = server.chat(&server.demo_key(), &personal());
    let receipt = refused(&reply, 403, "demo-no-personal-data").unwrap();
    assert!(!reply.text().contains("111222333"));
    let leaves = place.leaves();
    let leaf = leaves.about("denied", &receipt);
    assert!(leaf["determining"].as_array().unwrap().contains(&json!("data-class-too-high")), "{leaf}");
    assert_eq!(leaf["demo"], true);
    assert_eq!(leaf["redaction"]["counts"], json!({"bsn": 1}));
}
