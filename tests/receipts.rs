//! Whoever got an answer can prove what was logged of it.

use provenance::{Finish, Proven, Receipt, Status};
use serde_json::{Value, json};

use crate::harness::{MODEL, Shared, shared};

fn question(stream: bool) -> Value {
    json!({"model": MODEL, "max_tokens": 8, "seed": 3, "stream": stream, "ignore_eos": true,
           "messages": [{"role": "user", "content": "What grows in a trial garden?"}]})
}

/// Verifies a receipt as a stranger would, from its JSON, and gives what it proves.
fn proven(receipt: &Value, key: &provenance::VerifierKey) -> (Receipt, Proven) {
    let receipt: Receipt = serde_json::from_value(receipt.clone()).expect("a receipt");
    let proven = receipt.verify(key).expect("a receipt that verifies");
    (receipt, proven)
}

#[test]
fn the_body_carries_a_receipt_that_verifies() {
    let shared = shared();
    let Some(Shared { server, key, place }) = shared.as_deref() else { return };
    let reply = server.chat(key, &question(false));
    let body = reply.ok();
    let (receipt, proven) = proven(&body["proeftuin"]["receipt"], &place.log_key());
    assert_eq!(reply.header("x-proeftuin-receipt"), Some(receipt.id.to_hex().as_str()));
    assert_eq!(body["id"], format!("chatcmpl-{}", receipt.id.to_hex()));
    let Proven::Served { intent, outcome } = proven else { panic!("not an answer's receipt") };
    assert_eq!(outcome.facts.status, Status::Completed);
    assert_eq!(outcome.facts.choices[0].finish, Finish::Length);
    assert_eq!(outcome.facts.choices[0].tokens, 8);
    assert_eq!(intent.request.use_case.as_ref().unwrap().id.as_str(), "pilot-test");
    // The commitments open with the receipt's own key.
    let request_key = receipt.key().unwrap();
    let text = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(outcome.facts.choices[0].client_commit, request_key.commit(text.as_bytes()));
    assert_ne!(outcome.facts.choices[0].client_commit, request_key.commit(b"something else"));
}

#[test]
fn the_last_chunk_carries_the_receipt_and_the_log_had_it_first() {
    let shared = shared();
    let Some(Shared { server, key, place }) = shared.as_deref() else { return };
    let mut events = server.stream(key, &question(true));
    let id = events.head.header("x-proeftuin-receipt").expect("a receipt's id").to_owned();
    let mut last = Value::Null;
    loop {
        let data = events.next().expect("more before [DONE]");
        if data == "[DONE]" {
            break;
        }
        last = serde_json::from_str(&data).unwrap();
    }
    let leaves = place.leaves();
    let outcome = leaves.about("outcome", &id);
    let intent = leaves.about("intent", &id);
    assert_eq!(outcome["intent_seq"], intent["seq"]);
    let (receipt, _) = proven(&last["proeftuin"]["receipt"], &place.log_key());
    assert_eq!(receipt.id.to_hex(), id);
    assert_eq!(events.next(), None, "[DONE] is the last");
}

#[test]
fn a_changed_receipt_does_not_verify() {
    let shared = shared();
    let Some(Shared { server, key, place }) = shared.as_deref() else { return };
    let body = server.chat(key, &question(false)).ok();
    let mut receipt = body["proeftuin"]["receipt"].clone();
    let leaf = receipt["leaves"][1]["leaf"].as_str().unwrap();
    assert!(leaf.contains("\"completed\""));
    receipt["leaves"][1]["leaf"] = json!(leaf.replace("\"completed\"", "\"abandoned\""));
    let receipt: Receipt = serde_json::from_value(receipt).unwrap();
    receipt.verify(&place.log_key()).expect_err("a leaf that was never sealed");
}
