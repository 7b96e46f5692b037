//! Personal data is taken out before the model and put back after it, and nothing of a prompt is kept.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{MODEL, Place, Server};

const BSN: &str = "111222333";
const IBAN: &str = "NL91ABNA0417164300";
/// Occurs nowhere but in what is sent.
const CANARY: &str = "kwikstaartje";

/// A greedy model goes on with what was repeated to it; what it sees repeated are placeholders.
fn repetition() -> Value {
    let line = format!("De burger met BSN {BSN} heeft rekening {IBAN}.\n");
    json!({"model": MODEL, "prompt": line.repeat(8), "temperature": 0, "max_tokens": 48, "ignore_eos": true})
}

fn streamed(server: &Server, key: &str, mut body: Value) -> String {
    body["stream"] = json!(true);
    let events = crate::harness::stream(&server.address, "/v1/completions", key, &body).rest();
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    let chunks = events.iter().filter_map(|data| serde_json::from_str::<Value>(data).ok());
    chunks.filter_map(|chunk| Some(chunk["choices"][0]["text"].as_str()?.to_owned())).collect()
}

#[test]
fn an_answer_has_its_placeholders_restored_and_the_log_only_counts() {
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let reply = server.complete(&key, &repetition());
    let answer = reply.ok()["choices"][0]["text"].as_str().unwrap().to_owned();
    // The last line may be cut in the middle of a placeholder, which is then no placeholder.
    let whole_lines = &answer[..answer.rfind('\n').expect("a whole line")];
    assert!(whole_lines.contains(BSN) && whole_lines.contains(IBAN), "{answer}");
    assert!(!whole_lines.contains('⟦'), "{answer}");
    assert_eq!(streamed(&server, &key, repetition()), answer, "restored over chunk borders as well");
    let leaves = place.leaves();
    let intent = leaves.about("intent", reply.header("x-proeftuin-receipt").unwrap());
    assert_eq!(intent["redaction"]["counts"], json!({"bsn": 8, "iban": 8}), "{intent}");
    assert_eq!(intent["decision"]["data_class"], "identifier");
    let log = place.run(&["log", "show", "--count", "100000"]).ok();
    assert!(!log.contains(BSN) && !log.contains(IBAN));
    server.stop();
    place.run(&["log", "verify"]).ok();
}

/// Names are taken out of a message, and the keys and roles of the request are no names;
/// what is special about somebody is told as such, and heavier than this use case is authorised for.
#[test]
fn names_and_what_is_special_about_somebody() {
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let say = |text: &str| {
        let body = json!({"model": MODEL, "max_tokens": 4, "messages": [{"role": "user", "content": text}]});
        server.chat(&key, &body)
    };
    let reply = say("Mevrouw Willemijn de Vries uit Zwolle belde over haar paspoort.");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let special = say("Mevrouw Willemijn de Vries heeft kanker.");
    assert_eq!(special.status, 403, "{}", special.text());
    assert_eq!(special.json()["error"]["code"], "data-class-too-high", "{}", special.text());
    let leaves = place.leaves();
    let denied = leaves.of("denied").pop().unwrap();
    assert_eq!(denied["decision"]["special_categories"], json!(["health"]), "{denied}");
    let intent = leaves.about("intent", reply.header("x-proeftuin-receipt").unwrap());
    assert_eq!(intent["redaction"]["counts"], json!({"person": 1, "place": 1}), "{intent}");
    let log = place.run(&["log", "show", "--count", "100000"]).ok();
    assert!(!log.contains("Willemijn") && !log.contains("kanker"));
    server.stop();
}

/// Every file below `dir` that holds one of `needles`, as text or as hexadecimal.
fn holding(dir: &Path, needles: &[String], found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holding(&path, needles, found);
            continue;
        }
        // Sockets cannot be read and hold nothing.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for needle in needles {
            let forms = [needle.clone(), hex::encode(needle)];
            if forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form.as_bytes())) {
                found.push(format!("{needle:?} in {}", path.display()));
            }
        }
    }
}

/// Through every endpoint that takes text and every way a request can end.
#[test]
fn no_word_of_a_prompt_or_an_answer_is_on_disk_after_the_run() {
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let key = place.key("pilot-test").secret;
    let text = format!("My {CANARY} has BSN {BSN} and account {IBAN}. Write about the {CANARY}.");
    let chat = |more: Value| {
        let mut body = json!({"model": MODEL, "max_tokens": 24, "temperature": 0, "user": CANARY,
            "messages": [{"role": "system", "content": text}, {"role": "user", "content": [{"type": "text", "text": text}]}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let answered = server.chat(&key, &chat(json!({"stop": [CANARY]}))).ok();
    let answer = answered["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    let completed = server.complete(&key, &repetition()).ok();
    let completion = completed["choices"][0]["text"].as_str().unwrap().to_owned();
    // A hang-up, and refusals at the wire, at the door and after redaction.
    drop(server.stream(&key, &chat(json!({"stream": true, "max_tokens": 500}))));
    for (key, more, status) in [
        (&key, json!({CANARY: 1}), 400),
        (&key, json!({"response_format": {"type": CANARY}}), 400),
        (&key, json!({"model": CANARY}), 403),
        (&server.demo_key(), json!({}), 403),
        (&CANARY.to_owned(), json!({}), 401),
    ] {
        assert_eq!(server.chat(key, &chat(more)).status, status);
    }
    let metrics = crate::harness::get(&server.address, "/metrics", None).text();
    assert!(!metrics.contains(CANARY));
    server.stop();
    let mut needles = vec![CANARY.to_owned(), BSN.to_owned(), IBAN.to_owned()];
    needles.extend([answer, completion].into_iter().filter(|text| text.len() >= 16));
    assert!(needles.len() >= 4, "an answer to look for");
    let mut found = Vec::new();
    // The state folder, and what the server printed.
    holding(&place.state(), &needles, &mut found);
    found.extend(needles.iter().filter(|needle| server_output(&place).contains(needle.as_str())).cloned());
    assert!(found.is_empty(), "{found:?}");
    // The search finds what is there: the use case's name is in the log.
    holding(&place.log(), &["pilot-test".to_owned()], &mut found);
    assert!(!found.is_empty());
}

fn server_output(place: &Place) -> String {
    std::fs::read_to_string(place.root().join("server.err")).unwrap()
}
