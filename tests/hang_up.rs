//! A client that hangs up stops its sequence, and the log says how far it came.

use serde_json::json;

use crate::harness::{MODEL, Place, until};

#[test]
fn a_client_that_hangs_up_stops_its_sequence() {
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let tokens = 4000;
    let body = json!({"model": MODEL, "stream": true, "max_tokens": tokens, "ignore_eos": true,
                      "messages": [{"role": "user", "content": "Write a very long story."}]});
    let mut events = server.stream(&key, &body);
    let receipt = events.head.header("x-proeftuin-receipt").unwrap().to_owned();
    events.by_ref().nth(2).expect("text");
    assert_eq!(server.metric("proeftuin_sequences_running"), 1);
    drop(events);
    until("no running sequence", || (server.metric("proeftuin_sequences_running") == 0).then_some(()));
    until("a free place", || (server.metric("proeftuin_places_taken") == 0).then_some(()));
    let leaves = until("the outcome", || {
        let leaves = place.leaves();
        (!leaves.of("outcome").is_empty()).then_some(leaves)
    });
    let outcome = leaves.about("outcome", &receipt);
    assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("aborted"), &json!("dropped")));
    let made = outcome["choices"][0]["tokens"].as_u64().unwrap();
    assert!((1..tokens).contains(&made), "{made} tokens");
    assert_eq!(outcome["choices"][0]["finish"], "aborted");
    let generated = server.metric("proeftuin_generated_tokens_total");
    assert!(generated < tokens, "{generated} tokens were generated for nobody");
    let all = server.metric("proeftuin_kv_pages");
    let free = server.metric("proeftuin_kv_pages_free") + server.metric("proeftuin_kv_pages_cached");
    assert_eq!(free, all, "every page came back");
    server.stop();
    place.run(&["log", "verify"]).ok();
}

/// Whoever asks for a whole answer and leaves is no different.
#[test]
fn a_client_that_leaves_before_a_whole_answer_stops_it_as_well() {
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let body = json!({"model": MODEL, "max_tokens": 4000, "ignore_eos": true, "prompt": "Once"}).to_string();
    let mut socket = std::net::TcpStream::connect(&server.address).unwrap();
    let head = format!(
        "POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    std::io::Write::write_all(&mut socket, head.as_bytes()).unwrap();
    until("a running sequence", || (server.metric("proeftuin_sequences_running") == 1).then_some(()));
    drop(socket);
    until("no running sequence", || (server.metric("proeftuin_sequences_running") == 0).then_some(()));
    let leaves = until("the outcome", || {
        let leaves = place.leaves();
        (!leaves.of("outcome").is_empty()).then_some(leaves)
    });
    assert_eq!(leaves.of("outcome")[0]["status"], "aborted");
    server.stop();
}
