//! What does not fit in the queue is told to come back, at once; nothing waits unseen.

use serde_json::json;

use crate::harness::{MODEL, Place, until};

#[test]
fn a_full_queue_is_said_with_a_time_to_come_back() {
    let Some(place) = Place::new() else { return };
    let server = place.serve_with(&["--max-running", "1", "--max-queued", "1"]);
    let key = place.key("pilot-test").secret;
    let long = json!({"model": MODEL, "stream": true, "max_tokens": 4000, "ignore_eos": true,
                      "messages": [{"role": "user", "content": "Write a very long story."}]});
    let short = json!({"model": MODEL, "max_tokens": 2, "prompt": "Once"});
    let running = server.stream(&key, &long);
    let waiting = server.stream(&key, &long);
    let refused = server.complete(&key, &short);
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(refused.json()["error"]["type"], "rate_limit_error");
    let seconds = refused.header("retry-after").expect("a time").parse::<u32>().expect("seconds");
    assert!(seconds >= 1);
    assert_ne!(refused.header("x-should-retry"), Some("false"), "this one may be repeated");
    assert_eq!(
        server.complete(&key, &json!({"model": MODEL, "prompt": "Once", "n": 3})).status,
        400,
        "never fits"
    );
    drop((running, waiting));
    until("a free place", || (server.metric("proeftuin_places_taken") == 0).then_some(()));
    server.complete(&key, &short).ok();
    let leaves = place.leaves();
    for rule in ["queue-full", "too-many-choices"] {
        let denied = leaves.of("denied").into_iter().filter(|leaf| leaf["decision"]["rule"] == rule);
        assert_eq!(denied.count(), 1, "{rule} is sealed");
    }
    server.stop();
}
