//! A power cut in the middle of everything: the log verifies, and no admitted request stays open.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{MODEL, Place, stream, until};

const STREAMS: usize = 50;

#[test]
fn kill_9_amid_fifty_streams_leaves_no_request_open() {
    let Some(place) = Place::new() else { return };
    let mut server = place.serve();
    let key = place.key("pilot-test").secret;
    let before = place.root().join("before");
    std::fs::write(&before, place.run(&["log", "checkpoint"]).ok()).unwrap();
    let (running, address) = (AtomicUsize::new(0), server.address.clone());
    std::thread::scope(|scope| {
        for number in 0..STREAMS {
            let (address, key, running) = (&address, &key, &running);
            scope.spawn(move || {
                // Far more than can be generated until the kill, and less than memory for keys and values holds.
                let mut events = stream(
                    address,
                    "/v1/chat/completions",
                    key,
                    &json!({"model": MODEL, "stream": true, "max_tokens": 2000, "ignore_eos": true, "seed": number,
                            "messages": [{"role": "user", "content": format!("Count up from {number}.")}]}),
                );
                // The first event opens the answer; its text may be held back until a sentence is over.
                assert!(events.by_ref().next().is_some(), "stream {number} broke before the kill");
                running.fetch_add(1, Ordering::SeqCst);
                assert_ne!(events.rest().last().map(String::as_str), Some("[DONE]"), "stream {number} was whole");
            });
        }
        // Killed in any case: the streams would be waited for otherwise.
        let wait =
            || until("fifty running streams", || (running.load(Ordering::SeqCst) == STREAMS).then_some(()));
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(wait));
        server.signal(Signal::KILL);
        server.wait();
        assert!(waited.is_ok(), "{} of {STREAMS} streams ran", running.load(Ordering::SeqCst));
    });
    let report = place.run(&["log", "verify"]).ok();
    assert!(report.contains(&format!("open        {STREAMS} ")), "before recovery:\n{report}");

    let server = place.serve();
    assert!(server.errors().contains("sealed as aborted"), "{}", server.errors());
    let report = place.run(&["log", "verify", "--against", before.to_str().unwrap()]).ok();
    assert!(report.contains("the log verifies") && !report.contains("open  "), "{report}");
    assert!(report.contains("contains    the history of the older checkpoint"), "{report}");
    let leaves = place.leaves();
    let intents = leaves.of("intent");
    assert_eq!(intents.len(), STREAMS);
    for intent in intents {
        let outcome = leaves.about("outcome", intent["id"].as_str().unwrap());
        assert_eq!(outcome["intent_seq"], intent["seq"]);
        assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("aborted"), &json!("crash")));
    }
    assert_eq!(leaves.of("recovery").last().unwrap()["sealed_aborted"], STREAMS.to_string());
    // And it goes on from there.
    let body =
        json!({"model": MODEL, "max_tokens": 4, "messages": [{"role": "user", "content": "Hello again."}]});
    server.chat(&key, &body).ok();
    server.stop();
    place.run(&["log", "verify"]).ok();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Whoever holds the log's key can sign any history; an old checkpoint in other hands shows it.
#[test]
fn a_rolled_back_and_a_forked_log_are_refused_against_an_old_checkpoint() {
    let place = Place::without_model();
    place.key("pilot-test");
    let (log, backup) = (place.log(), place.root().join("backup"));
    copy(&log, &backup);
    place.key("pilot-test");
    let old = place.root().join("old");
    std::fs::write(&old, place.run(&["log", "checkpoint"]).ok()).unwrap();
    let against = ["log", "verify", "--against", old.to_str().unwrap()];
    place.run(&against).ok();

    std::fs::remove_dir_all(&log).unwrap();
    copy(&backup, &log);
    place.run(&["log", "verify"]).ok();
    let said = place.run(&against).refused();
    assert!(said.contains("leaves were signed earlier"), "rolled back: {said}");

    for _ in 0..4 {
        place.run(&["keys", "list"]).ok();
    }
    place.run(&["log", "verify"]).ok();
    let said = place.run(&against).refused();
    assert!(said.contains("are not those signed earlier"), "forked: {said}");
}
