//! The rights of people whom requests are about: their records are found, exported and erased by the real program, with a
//! server and without one, and who they are is written nowhere.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::encoders::{VECTORS, place};
use crate::harness::{MODEL, Place, Ran, Reply, Server, finish, post};

const BSN: &str = "111222333";
const OTHER: &str = "123456782";
const CUSTOMER: &str = "klant-7f3a-41";

fn subject(place: &Place, args: &[&str], identifier: &str) -> Ran {
    finish(&mut place.command(&[&["subject"], args].concat()), &format!("{identifier}\n"))
}

/// Asks about people: the headers that name them follow the key.
fn ask(server: &Server, key: &str, path: &str, body: &Value, people: &str, types: &str) -> Reply {
    let lines =
        format!("{key}\r\nX-Proeftuin-Data-Subject: {people}\r\nX-Proeftuin-Data-Subject-Type: {types}");
    post(&server.address, path, Some(&lines), body)
}

fn chat() -> Value {
    json!({"model": MODEL, "max_tokens": 4, "messages": [{"role": "user", "content": "What is a tulip?"}]})
}

/// Every file below a folder that has a text in it.
fn holding(dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for item in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = item.path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            let inside = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            if inside || path.to_string_lossy().contains(text) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

fn events(place: &Place, identifier: &str) -> Vec<String> {
    let leaves = lines(&subject(place, &["export"], identifier).ok());
    let requests = leaves.iter().filter(|leaf| leaf["event"] != "admin_read");
    requests.map(|leaf| leaf["event"].as_str().unwrap().to_owned()).collect()
}

/// Requests at every endpoint, one refused, about three people; the replies' receipts.
fn requests(server: &Server, key: &str) -> Vec<Value> {
    let text = json!({"model": MODEL, "max_tokens": 4, "prompt": "A tulip is"});
    let vectors = json!({"model": VECTORS, "input": "jan belt"});
    let mut receipts = Vec::new();
    for (path, body, people, types) in [
        ("/v1/chat/completions", &chat(), BSN, "bsn"),
        ("/v1/completions", &text, "1112.22.333", "bsn"),
        ("/v1/embeddings", &vectors, "123456782, klant-7f3a-41", "bsn, klantnummer"),
        ("/v1/chat/completions", &chat(), CUSTOMER, "klantnummer"),
    ] {
        let reply = ask(server, key, path, body, people, types);
        let body = reply.ok();
        receipts.push(body["proeftuin"]["receipt"].clone());
        for identifier in [BSN, OTHER, CUSTOMER] {
            assert!(!body.to_string().contains(identifier), "{body}");
        }
    }
    let mut unknown = chat();
    unknown["model"] = json!("no-such-model");
    assert_eq!(ask(server, key, "/v1/chat/completions", &unknown, BSN, "bsn").status, 403);
    let wrong = ask(server, key, "/v1/chat/completions", &chat(), "987654321", "bsn");
    assert_eq!(
        (wrong.status, wrong.json()["error"]["param"].as_str()),
        (400, Some("X-Proeftuin-Data-Subject"))
    );
    assert!(!wrong.text().contains("987654321"));
    receipts
}

#[test]
fn a_person_is_found_exported_and_erased_while_the_server_runs_and_after() {
    let Some(place) = place() else { return };
    let server = place.serve_with(&["--embeddings", VECTORS]);
    let key = place.key("pilot-test").secret;
    let receipts = requests(&server, &key);

    let said = subject(&place, &["find"], BSN).ok();
    let rows: Vec<&str> = said.lines().filter(|line| line.contains("pilot-test")).collect();
    assert!(
        rows.len() == 3 && rows[0].contains("completed") && rows[2].contains("model-not-allowed"),
        "{said}"
    );
    assert!(said.contains("subject_find") && !said.contains(BSN), "whoever looked is in it too: {said}");
    assert_eq!(events(&place, BSN), ["intent", "outcome", "intent", "outcome", "denied"]);
    assert_eq!(events(&place, CUSTOMER), ["intent", "outcome", "intent", "outcome"]);
    assert_eq!(events(&place, "nobody"), [""; 0]);
    let ldv = ["export", "--format", "ldv", "--register", "https://register.example/"];
    let rows = lines(&subject(&place, &ldv, OTHER).ok());
    assert_eq!(rows.len(), 1, "the same request's row about the customer is theirs");
    assert_eq!(rows[0]["attributes"]["dpl.core.data_subject_id_type"], "BSN");
    let pseudonym = rows[0]["attributes"]["dpl.core.data_subject_id"].as_str().unwrap().to_owned();
    assert!(subject(&place, &["find"], OTHER).ok().contains(&pseudonym));
    let exported = place.run(&["log", "export", "--format", "csv", "--data-subject", &pseudonym]).ok();
    assert_eq!(exported.matches("\r\n").count(), 2, "{exported}");

    // While the server runs, from a file.
    let file = place.root().join("identifier");
    fs::write(&file, format!("{BSN}\n")).unwrap();
    let erased = place.run(&["subject", "erase", "--type", "bsn", "--file", file.to_str().unwrap()]).ok();
    fs::remove_file(&file).unwrap();
    assert!(erased.contains("keys destroyed: 1; records that name nobody now: 3"), "{erased}");
    assert!(subject(&place, &["find"], BSN).ok().contains("nothing is kept"));
    assert_eq!(events(&place, BSN), [""; 0]);
    assert_eq!(events(&place, CUSTOMER).len(), 4, "nobody else is");
    server.stop();

    // And on the state folder alone.
    assert!(
        subject(&place, &["erase"], CUSTOMER)
            .ok()
            .contains("keys destroyed: 1; records that name nobody now: 2")
    );
    assert!(subject(&place, &["find"], CUSTOMER).ok().contains("nothing is kept"));
    assert_eq!(events(&place, OTHER), ["intent", "outcome"]);
    assert!(subject(&place, &["erase"], CUSTOMER).ok().contains("nothing was kept"));

    place.run(&["log", "verify"]).ok();
    assert_eq!(place.leaves().of("subject_erased").len(), 2);
    let log_key = place.run(&["log", "key"]).ok();
    for receipt in receipts {
        let file = place.root().join("receipt.json");
        fs::write(&file, receipt.to_string()).unwrap();
        place.run(&["receipt", "verify", file.to_str().unwrap(), "--key", log_key.trim()]).ok();
    }
    // State, the server's own words, receipts and all: who it was is nowhere. The policy has examples of its own.
    fs::remove_dir_all(place.policy()).unwrap();
    for identifier in [BSN, OTHER, CUSTOMER, "1112.22.333", "987654321"] {
        assert_eq!(holding(place.root(), identifier), [""; 0]);
    }
}

#[test]
fn what_is_no_identifier_is_refused_without_being_repeated() {
    let Some(place) = Place::new() else { return };
    assert!(subject(&place, &["find"], BSN).refused().contains("there is no log"));
    place.serve().stop();
    for (args, identifier) in [
        (&["find", "--type", "bsn"][..], "geheim7"),
        (&["erase"], "geheim7 geheim7"),
        (&["export"], "geheim7\ngeheim7"),
        (&["find"], ""),
    ] {
        let ran = subject(&place, args, identifier);
        let said = ran.refused();
        assert!(said.contains("the identifier") && !said.contains("geheim7"), "{said}");
    }
    let file = place.root().join("none");
    let said = place.run(&["subject", "find", "--file", file.to_str().unwrap()]).refused();
    assert!(said.contains("--file"), "{said}");
    // As an argument, where everybody could read it, it is not taken.
    assert_eq!(place.run(&["subject", "find", BSN]).code, 2);
}
