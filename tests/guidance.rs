//! Informed users, from a denial to an answer and back: whoever has not read the guidance is sent there, reads it, confirms,
//! and works; another text, a withdrawal or a training that lapses sends them there again.

use ledger::{Attestation, Ledger};
use serde_json::{Value, json};

use crate::harness::{MODEL, Place, Reply, Server, finish, get, policy, post};

const READ: &str = "/v1/proeftuin/guidance";
const ACKNOWLEDGE: &str = "/v1/proeftuin/guidance/acknowledge";

fn ask(server: &Server, key: &str) -> Reply {
    let body = json!({"model": MODEL, "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]});
    server.chat(key, &body)
}

/// The rule that denied, after checking that the denial says where to go.
#[track_caller]
fn denied(reply: &Reply) -> String {
    assert_eq!(reply.status, 403, "{}", reply.text());
    let error = reply.json()["error"].clone();
    assert_eq!(error["link"], "/guidance", "{error}");
    assert!(error["remedy_nl"].as_str().unwrap().contains("/guidance"), "{error}");
    assert_eq!(reply.header("link"), Some("</guidance>; rel=\"help\""));
    error["code"].as_str().unwrap().to_owned()
}

/// Reads the guidance and confirms it over HTTP, as a client without a command line does.
#[track_caller]
fn acknowledge(server: &Server, key: &str) -> Value {
    let page = get(&server.address, READ, Some(key)).ok();
    post(&server.address, ACKNOWLEDGE, Some(key), &json!({"sha256": page["sha256"]})).ok()
}

#[test]
fn from_a_denial_to_an_answer_and_back() {
    let Some(place) = Place::new() else { return };
    let server = place.serve();
    let key = place.key_of("Anna");
    assert_eq!(denied(&ask(&server, &key)), "guidance-not-acknowledged");
    assert_eq!(get(&server.address, "/v1/models", Some(&key)).ok()["data"][0]["id"], MODEL);
    let page = get(&server.address, "/guidance", None);
    assert!(page.status == 200 && page.text().contains("Gebruiksafspraken") && !page.text().contains("ptk_"));
    let read = get(&server.address, &format!("{READ}?lang=nl"), Some(&key)).ok();
    assert_eq!(read["state"], "never");
    assert!(read["text"].as_str().unwrap().contains("Lees elk antwoord na"), "{read}");
    assert_eq!(acknowledge(&server, &key)["state"], "current");
    ask(&server, &key).ok();

    // The text changes under the running server: nothing happens until it is in force, and then everybody reads it anew.
    let path = place.policy().join("guidance/ambtenaren.nl.md");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}\n- En houd het kort.\n")).unwrap();
    ask(&server, &key).ok();
    place.run(&["policy", "reload"]).ok();
    assert_eq!(denied(&ask(&server, &key)), "guidance-outdated");
    let old = post(&server.address, ACKNOWLEDGE, Some(&key), &json!({"sha256": read["sha256"]}));
    assert_eq!((old.status, old.json()["error"]["code"].as_str()), (409, Some("guidance_not_current")));
    assert_eq!(get(&server.address, READ, Some(&key)).ok()["state"], "older");
    acknowledge(&server, &key);
    ask(&server, &key).ok();

    // It survives a restart; an administrator takes it back at once.
    server.stop();
    let server = place.serve();
    ask(&server, &key).ok();
    place.run(&["guidance", "withdraw", "--actor", "Anna", "--guidance", "ambtenaren"]).ok();
    assert_eq!(denied(&ask(&server, &key)), "guidance-not-acknowledged");
    let said = place.run(&["guidance", "withdraw", "--actor", "Anna", "--guidance", "ambtenaren"]).refused();
    assert!(said.contains("nothing of that to withdraw"), "{said}");

    // By the command line, in the user's own words.
    let url = format!("http://{}/v1", server.address);
    let by_hand = ["guidance", "acknowledge", "--url", &url, "--key", &key];
    let no = finish(&mut place.command(&by_hand), "nee\n");
    assert!(no.code == 1 && no.out.contains("houd het kort") && no.err.contains("niet bevestigd"), "{no:?}");
    assert_eq!(denied(&ask(&server, &key)), "guidance-not-acknowledged");
    let yes = finish(&mut place.command(&by_hand), "Ja\n").ok();
    assert!(yes.contains("acknowledged: ambtenaren version 1"), "{yes}");
    ask(&server, &key).ok();

    let leaves = place.leaves();
    assert_eq!(leaves.of("guidance_acknowledged").len(), 3);
    assert_eq!(leaves.of("guidance_withdrawn").len(), 1);
    assert!(leaves.0.iter().all(|leaf| !leaf.to_string().contains("Anna")), "a person is in the log by name");
    server.stop();
    place.run(&["log", "verify"]).ok();
}

#[test]
fn a_training_is_asked_for_attested_and_lapses() {
    let Some(place) = Place::new() else { return };
    let record = place.policy().join("use-cases/pilot-test.toml");
    let text = std::fs::read_to_string(&record).unwrap();
    let asks = "guidance = \"ambtenaren\"\ntraining = [\"ai-basis\"]";
    std::fs::write(&record, text.replace("guidance = \"ambtenaren\"", asks)).unwrap();
    policy::sign_again(&place.policy());
    let server = place.serve();
    let key = place.key_of("Anna");
    acknowledge(&server, &key);
    assert_eq!(denied(&ask(&server, &key)), "training-missing");
    let row = get(&server.address, READ, Some(&key)).ok()["training"][0].clone();
    assert_eq!((row["id"].as_str(), row["state"].as_str()), (Some("ai-basis"), Some("missing")));
    assert!(row["about"].as_str().unwrap().contains("Basistraining"), "{row}");
    let attest = |by: &str, until: &str| {
        let given = ["--actor", "Anna", "--training", "ai-basis", "--by", by, "--until", until];
        place.run(&[&["guidance", "attest"][..], &given].concat())
    };
    assert!(attest("Anna", "2098-12-31").refused().contains("somebody else says"));
    assert!(attest("Bea", "2020-01-01").refused().contains("in the past"));
    assert!(attest("Bea", "soon").refused().contains("2027-01-31"));
    assert_eq!(denied(&ask(&server, &key)), "training-missing");
    assert!(attest("Bea", "2098-12-31").ok().contains("until 2099-01-01 00:00Z"));
    ask(&server, &key).ok();
    let listed = place.run(&["guidance", "list"]).ok();
    for part in ["Anna", "ai-basis", "current", "Bea", "ambtenaren"] {
        assert!(listed.contains(part), "no {part} in\n{listed}");
    }
    server.stop();

    // A year passes: written into the ledger, since no test waits for it.
    let ledger = Ledger::open(place.state().join("ledger.sqlite")).unwrap();
    let given = Attestation { given_by: "Bea".into(), at_ms: 1_500_000_000_000, until_ms: 1_600_000_000_000 };
    ledger.attest("Anna", "ai-basis", given).unwrap();
    drop(ledger);
    let server = place.serve();
    assert_eq!(denied(&ask(&server, &key)), "training-expired");
    attest("Bea", "2098-12-31").ok();
    ask(&server, &key).ok();
    server.stop();
    place.run(&["log", "verify"]).ok();
    let leaves = place.leaves();
    assert_eq!(leaves.of("training_attested").len(), 2);
    assert!(leaves.0.iter().all(|leaf| !leaf.to_string().contains("Bea")), "a person is in the log by name");
}

#[test]
fn the_policy_says_what_it_asks_of_users() {
    let place = Place::without_model();
    let said = place.run(&["guidance", "show"]).ok();
    assert!(
        said.contains("ambtenaren version 1: Werken met") && said.contains("asked by pilot-test"),
        "{said}"
    );
    let said = place.run(&["guidance", "show", "ambtenaren", "--lang", "en"]).ok();
    assert!(said.starts_with("# Working with generative AI") && said.contains("sha256 "), "{said}");
    assert!(place.run(&["guidance", "show", "nobodys"]).refused().contains("guidance/nobodys.toml"));
    let said = place.run(&["policy", "explain", "pilot-test", "--lang", "nl"]).ok();
    assert!(said.contains("bevestigt eerst de afspraken ambtenaren (versie 1)"), "{said}");
    let said = place.run(&["use-case", "status", "pilot-test"]).ok();
    assert!(said.contains("guidance  ambtenaren version 1"), "{said}");

    let other = Place::without_model();
    let path = other.policy().join("guidance/ambtenaren.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("version = \"1\"", "version = \"2\"")).unwrap();
    let said = other.run(&["policy", "diff", place.policy().to_str().unwrap()]).ok();
    assert!(
        said.contains("file guidance/ambtenaren.toml has changed")
            && said.contains("(version 2)")
            && said.contains("everybody acknowledges anew")
            && said.contains("nobody may do more or less"),
        "{said}"
    );
    // A text without its translation is no guidance.
    std::fs::remove_file(other.policy().join("guidance/ambtenaren.en.md")).unwrap();
    let said = other.run(&["policy", "check"]).refused();
    assert!(said.contains("guidance/ambtenaren.en.md is missing"), "{said}");
}
