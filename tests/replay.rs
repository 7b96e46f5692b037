//! What a stranger can do with a receipt: check it with the log's public key, and have the answer generated once more.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::{Value, json};

use crate::harness::{MODEL, Place, Ran, Server, checkout, finish, post, proeftuin, which};

/// A request that was answered, as its client kept it.
struct Kept {
    receipt: PathBuf,
    body: PathBuf,
}

impl Kept {
    /// Sends the body and keeps it and what came back, whole or as a stream.
    fn of(server: &Server, key: &str, folder: &Path, name: &str, body: &Value) -> Self {
        let path = if body.get("prompt").is_some() { "/v1/completions" } else { "/v1/chat/completions" };
        let reply = if body["stream"] == true {
            let events = crate::harness::stream(&server.address, path, key, body).rest();
            events.iter().map(|event| format!("data: {event}\n\n")).collect()
        } else {
            let reply = post(&server.address, path, Some(key), body);
            assert_eq!(reply.status, 200, "{name}: {}", reply.text());
            reply.text()
        };
        Self::write(folder, name, &reply, body)
    }

    fn write(folder: &Path, name: &str, reply: &str, body: &Value) -> Self {
        let kept = Self {
            receipt: folder.join(format!("{name}.answer")),
            body: folder.join(format!("{name}.body")),
        };
        std::fs::write(&kept.receipt, reply).unwrap();
        // Spaces and the order of keys are no part of what is committed to.
        std::fs::write(&kept.body, serde_json::to_string_pretty(body).unwrap()).unwrap();
        kept
    }
}

/// Replays at a place whose state folder is another, and without a server.
fn replay(place: &Place, log_key: &str, kept: &[Kept], more: &[&str]) -> Ran {
    let mut command = proeftuin();
    command.args(["replay", "--key", log_key, "--threads", "1", "--draft-tokens", "0"]).args(more);
    for kept in kept {
        command.arg("--input").arg(&kept.body).arg(&kept.receipt);
    }
    command.arg("--store").arg(place.store()).arg("--policy").arg(place.policy());
    command.arg("--trust-root").arg(place.root().join("trust-root.toml"));
    command.arg("--state").arg(place.root().join("nothing-here"));
    finish(&mut command, "")
}

fn verify(log_key: &str, kept: &Kept, more: &[&str]) -> Ran {
    let mut command = proeftuin();
    command.args(["receipt", "verify", "--key", log_key]).args(more).arg("--input").arg(&kept.body);
    finish(command.arg(&kept.receipt), "")
}

/// Requests of every kind that is answered, numbered on.
fn request(number: usize) -> Value {
    let question = format!("Name {number} things that grow in a trial garden, and say why.");
    let chat = |text: &str| json!([{"role": "user", "content": text}]);
    let schema = json!({"type": "object", "properties": {"plant": {"type": "string", "maxLength": 12}},
                        "required": ["plant"], "additionalProperties": false});
    let mut body = match number % 8 {
        0 => json!({"messages": chat(&question), "temperature": 0.9, "top_p": 0.9}),
        1 => {
            json!({"prompt": "The river ran, the river ran, the river ran", "temperature": 0, "stream": true})
        }
        2 => json!({"messages": chat(&question), "n": 2, "temperature": 1.1, "seed": number}),
        3 => json!({"messages": chat(&question), "stop": ["the", "."], "stream": true}),
        4 => json!({"prompt": "One, two,", "logit_bias": {"19": 2.5, "28": -3}, "frequency_penalty": 0.3}),
        5 => json!({"messages": chat("Repeat this address: jan.devries@voorbeeld.nl")}),
        6 => json!({"prompt": [[504, 7350, 3060], [504, 3060]], "min_p": 0.05, "top_k": 40}),
        _ => json!({"messages": chat("Name a plant, as JSON."), "guided_json": schema, "temperature": 0.7}),
    };
    body["model"] = json!(MODEL);
    body["max_tokens"] = json!(16 + number % 9);
    if !matches!(number % 8, 3 | 7) {
        body["ignore_eos"] = json!(true);
    }
    body
}

/// Has so many answered at once, by a server that batches, caches and guesses.
fn answered(server: &Server, key: &str, folder: &Path, total: usize) -> Vec<Kept> {
    let (next, kept) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= total {
                        return;
                    }
                    let one = Kept::of(server, key, folder, &number.to_string(), &request(number));
                    kept.lock().unwrap().push(one);
                }
            });
        }
    });
    kept.into_inner().unwrap()
}

/// So many receipts of a busy server come out byte for byte on an idle one.
fn replays(total: usize) {
    let Some(place) = Place::new() else { return };
    let server = place.serve_with(&["--draft-tokens", "8"]);
    let key = place.key("pilot-test").secret;
    let kept = answered(&server, &key, place.root(), total);
    let log_key = place.log_key().to_string();
    server.stop();
    let ran = replay(&place, &log_key, &kept, &[]);
    println!("{}", ran.out.lines().last().unwrap_or_default());
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.ends_with(&format!("{total} of {total} are equal\n")), "{}", ran.out);
    assert!(!place.root().join("nothing-here").exists(), "a replay wrote into the state folder");
}

#[test]
fn receipts_of_a_busy_server_replay_byte_for_byte_on_an_idle_one() {
    replays(24);
}

#[test]
#[ignore = "takes minutes; the same with more"]
fn two_hundred_receipts_replay() {
    replays(200);
}

#[test]
fn what_cannot_be_equal_is_named() {
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let kept = Kept::of(&server, &key, place.root(), "one", &request(0));
    let log_key = place.log_key().to_string();
    server.stop();
    // Another body is refused before anything is generated.
    let other = Kept { receipt: kept.receipt.clone(), body: place.root().join("other.body") };
    std::fs::write(&other.body, request(8).to_string()).unwrap();
    let said = replay(&place, &log_key, &[other], &[]).refused();
    assert!(said.contains("is not the body that was sent"), "{said}");
    // Keys and values in another form give other answers, or the same; either is said truly.
    let ran = replay(&place, &log_key, std::slice::from_ref(&kept), &["--kv-type", "q8", "--output", "json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}\n{}", ran.out, ran.err));
    let named = |name: &str| {
        let lines =
            ["circumstances", "results"].map(|list| report[list].as_array().unwrap().clone()).concat();
        lines.into_iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("no {name} in {report}"))
    };
    assert_eq!(named("instruction set")["equal"], false, "{report}");
    assert_eq!(named("model files")["equal"], true);
    assert_eq!(ran.code, i32::from(report["equal"] == false));
    // A policy that redacts otherwise.
    let profile = place.policy().join("redaction/default.toml");
    let text = std::fs::read_to_string(&profile).unwrap();
    std::fs::write(&profile, format!("{text}\n# changed\n")).unwrap();
    let ran = replay(&place, &log_key, &[kept], &["--output", "json"]);
    match serde_json::from_str::<Value>(&ran.out) {
        Ok(report) => {
            let lines = report["circumstances"].as_array().unwrap();
            let policy = lines.iter().find(|line| line["name"] == "policy").unwrap();
            assert_eq!(policy["equal"], false, "{report}");
        }
        // Nobody signed what stands there now.
        Err(_) => assert!(ran.refused().contains("policy"), "a refusal that does not name the policy"),
    }
}

#[test]
fn a_receipt_says_what_it_proves_and_what_does_not_belong_to_it() {
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let log_key = place.log_key().to_string();
    for number in [1, 2, 5] {
        let kept = Kept::of(&server, &key, place.root(), &format!("kept-{number}"), &request(number));
        let said = verify(&log_key, &kept, &[]).ok();
        for wanted in
            ["pilot-test", MODEL, "the body you gave is the one that was sent", "the text in the response is"]
        {
            assert!(said.contains(wanted), "{wanted} is not in {said}");
        }
        let json: Value = serde_json::from_str(&verify(&log_key, &kept, &["--output", "json"]).ok()).unwrap();
        assert_eq!(json["checked"]["input"], "equal");
        assert_eq!(json["proves"], "served");
    }
    let body = request(0);
    let kept = Kept::of(&server, &key, place.root(), "whole", &body);
    // Another answer, another body, another log.
    let mut answer: Value = serde_json::from_str(&std::fs::read_to_string(&kept.receipt).unwrap()).unwrap();
    answer["choices"][0]["message"]["content"] = json!("something else");
    let forged = Kept::write(place.root(), "forged", &answer.to_string(), &body);
    let ran = verify(&log_key, &forged, &[]);
    assert!(ran.out.contains("NOT PROVEN"), "{}", ran.out);
    assert!(ran.refused().contains("the text of choice 0"));
    let swapped =
        Kept::write(place.root(), "swapped", &std::fs::read_to_string(&kept.receipt).unwrap(), &request(1));
    assert!(verify(&log_key, &swapped, &[]).refused().contains("the body of --input"));
    let elsewhere = Place::without_model();
    elsewhere.key("pilot-test");
    let other = elsewhere.log_key().to_string();
    assert!(verify(&other, &kept, &[]).refused().contains("another log"));
    assert!(verify("no-key", &kept, &[]).refused().contains("--key"));
    // A receipt that names the other log as its own is still signed by this one.
    answer["proeftuin"]["receipt"]["log"] = json!(other);
    let renamed = Kept::write(place.root(), "renamed", &answer.to_string(), &body);
    assert!(verify(&other, &renamed, &[]).refused().contains("does not verify"));
    // A refusal carries no receipt to check.
    let denied = post(&server.address, "/v1/chat/completions", Some(&place.key("ended-test").secret), &body);
    assert_eq!(denied.status, 403);
    let denied = Kept::write(place.root(), "denied", &denied.text(), &body);
    for ran in [verify(&log_key, &denied, &[]), replay(&place, &log_key, &[denied], &[])] {
        assert!(ran.refused().contains("is a refusal"));
    }
}

/// A program in another language, that shares nothing with this one, accepts what is true and no byte of anything else.
#[test]
fn a_stranger_accepts_the_log_and_rejects_every_changed_byte() {
    if which("python3").is_none() {
        println!("skipped: there is no python3 here");
        return;
    }
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let kept = Kept::of(&server, &key, place.root(), "one", &request(0));
    let log_key = place.log_key().to_string();
    server.stop();
    let script = checkout().join("tests/clients/python/check_receipt.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(&log_key).arg(place.log().join("public")).arg(&kept.receipt).arg("--every-byte");
    let ran = finish(&mut command, "");
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("none accepted"), "{}", ran.out);
}
