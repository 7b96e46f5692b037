//! An administrator changes the policy folder under a running server.

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{MODEL, Place, until};

#[test]
fn a_running_server_takes_a_change_when_it_is_told_to_and_only_one_that_is_fit() {
    let Some(place) = Place::new() else { return };
    assert!(place.run(&["policy", "reload"]).refused().contains("no server runs"));
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let body = json!({"model": MODEL, "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]});
    let ask = || server.chat(&key, &body);
    let path = place.policy().join("use-cases/pilot-test.toml");
    let whole = std::fs::read_to_string(&path).unwrap();
    ask().ok();

    std::fs::write(&path, whole.replace("status = \"pilot\"", "status = \"suspended\"")).unwrap();
    ask().ok();
    assert!(place.run(&["policy", "reload"]).ok().starts_with("in force: sha256 "));
    let denied = ask();
    assert_eq!(denied.status, 403);
    assert!(denied.text().contains("use-case-suspended"), "{}", denied.text());

    std::fs::write(&path, "id = \"pilot-test\"\nkind = \"pilot\"\nnonsense = 1\n").unwrap();
    let said = place.run(&["policy", "reload"]).refused();
    for part in ["use-cases/pilot-test.toml:3", "nonsense", "the policy in force stays"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    assert_eq!(ask().status, 403);

    std::fs::write(&path, whole).unwrap();
    server.signal(Signal::HUP);
    until("the policy of before", || (ask().status == 200).then_some(()));
    assert!(place.run(&["policy", "reload"]).ok().starts_with("nothing changed"));
    let leaves = place.leaves();
    assert_eq!((leaves.of("policy_loaded").len(), leaves.of("policy_refused").len()), (4, 1));
    server.stop();
    place.run(&["log", "verify"]).ok();
}
