//! Users sign in with tokens of an identity provider: who is let in, who is not, what the log has of it, and that each person
//! has a quota of their own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use testkit::tokens::{KEYS_PATH, Provider};

use crate::clients::python_client;
use crate::harness::{MODEL, Place, Reply, Server, finish, policy};

const SUBJECT: &str = "7f1c2a90-jansen";
/// Requests that each person may make in a day.
const REQUESTS_PER_DAY: u64 = 3;

fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

fn provider() -> Provider {
    Provider::new("key-1", 51)
}

fn token(subject: &str, groups: &[&str]) -> String {
    provider().sign(&Provider::claims(subject, groups, now_s()))
}

/// A place that takes tokens for `pilot-test` and for `each-test`, where each person has a quota.
fn place() -> Option<Place> {
    let place = Place::new()?;
    let folder = place.policy().join("use-cases");
    let record = std::fs::read_to_string(folder.join("pilot-test.toml")).unwrap();
    let limits = format!("[limits.user]\nrequests_per_day = {REQUESTS_PER_DAY}\n\n[model_sha256]");
    let record = record.replace("\"pilot-test\"", "\"each-test\"").replace("[model_sha256]", &limits);
    std::fs::write(folder.join("each-test.toml"), record).unwrap();
    std::fs::create_dir_all(place.policy().join("identity")).unwrap();
    write(&place, "identity.toml", &Provider::config(&[("pilot-test", "tester"), ("each-test", "tester")]));
    write(&place, KEYS_PATH, &provider().jwks());
    policy::sign_again(&place.policy());
    for subject in [SUBJECT, "jansen", "pietersen", "third"] {
        let who = ["--issuer", "login", "--subject", subject];
        place.run(&[&["guidance", "acknowledge", "ambtenaren"][..], &who].concat()).ok();
    }
    Some(place)
}

fn write(place: &Place, path: &str, text: &str) {
    std::fs::write(place.policy().join(path), text).unwrap();
}

fn body() -> Value {
    json!({"model": MODEL, "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]})
}

fn ask(server: &Server, token: &str) -> Reply {
    server.chat(token, &body())
}

/// The client of the tests writes what follows `Bearer` as it is, so one more header fits behind it.
fn ask_for(server: &Server, token: &str, use_case: &str) -> Reply {
    server.chat(&format!("{token}\r\nOpenAI-Project: {use_case}"), &body())
}

#[track_caller]
fn refused(reply: &Reply, status: u16, rule: &str) {
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].as_str()),
        (status, Some(rule)),
        "{}",
        reply.text()
    );
    let challenge =
        if status == 401 { "Bearer error=\"invalid_token\"" } else { "Bearer error=\"insufficient_scope\"" };
    assert_eq!(reply.header("www-authenticate"), Some(challenge));
    assert!(!reply.json()["error"]["remedy_nl"].as_str().unwrap().is_empty());
    assert!(!reply.text().contains("jansen") && !reply.text().contains("eyJ"), "{}", reply.text());
}

#[test]
fn a_user_signs_in_and_is_a_pseudonym() {
    let Some(place) = place() else { return };
    let server = place.serve();
    let good = token(SUBJECT, &["pilot-test"]);
    let receipt = ask(&server, &good).ok()["proeftuin"]["receipt"]["id"].clone();
    let claims = Provider::claims(SUBJECT, &["pilot-test"], now_s());
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        provider().sign(&claims)
    };
    refused(&ask(&server, &with("exp", json!(now_s() - 1))), 401, "token-expired");
    refused(&ask(&server, &with("aud", json!("https://else.example.org"))), 401, "token-audience-wrong");
    refused(&ask(&server, &Provider::new("key-1", 52).sign(&claims)), 401, "token-signature-wrong");
    refused(&ask(&server, &token(SUBJECT, &["another-group"])), 403, "token-not-granted");
    let both = token(SUBJECT, &["pilot-test", "each-test"]);
    refused(&ask(&server, &both), 403, "token-use-case-ambiguous");
    refused(&ask_for(&server, &both, "bare-test"), 403, "token-not-granted");
    ask_for(&server, &both, "pilot-test").ok();
    // A key works as before, with or without the header.
    let key = place.key("pilot-test").secret;
    ask(&server, &key).ok();
    ask_for(&server, &key, "each-test").ok();
    assert_eq!(crate::harness::get(&server.address, "/v1/models", Some(&good)).status, 200);
    let missing = crate::harness::get(&server.address, "/v1/models", None);
    assert_eq!(
        missing.header("www-authenticate"),
        Some("Bearer"),
        "who sends nothing is told nothing of a token"
    );

    let errors = server.errors();
    server.stop();
    let leaves = place.leaves();
    let intents = leaves.of("intent");
    assert_eq!(intents.len(), 4);
    assert_eq!(intents[0]["id"], receipt, "{receipt}");
    assert_eq!(intents[0]["key_id"], "oidc:login/key-1");
    assert_eq!(intents[0]["actor_pseudonym"], intents[1]["actor_pseudonym"]);
    assert_ne!(intents[0]["actor_pseudonym"], intents[2]["actor_pseudonym"], "the key's holder is another");
    let counted = leaves.of("unauthenticated_denials");
    let count = |reason: &str| counted.iter().filter_map(|leaf| leaf["counts"][reason].as_u64()).sum::<u64>();
    let reasons = ["token_expired", "token_audience_wrong", "token_signature_wrong", "missing_key"];
    assert_eq!(reasons.map(count), [1, 1, 1, 1]);
    assert_eq!(leaves.of("denied").len(), 3);
    place.run(&["log", "verify"]).ok();
    let log = place.run(&["log", "show", "--count", "1000000"]).ok();
    let actor = identity::actor_of(testkit::tokens::ISSUER, SUBJECT);
    for personal in [SUBJECT, "jansen", "example.org", &actor[5..], "eyJ"] {
        assert!(!log.contains(personal) && !errors.contains(personal), "{personal} is in the log");
    }
}

/// OpenAI's own client names the use case by what it calls a project.
#[test]
fn the_official_client_names_the_use_case() {
    let Some(mut client) = python_client("test_token.py") else { return };
    let Some(place) = place() else { return };
    let server = place.serve();
    let groups = ["pilot-test", "each-test"];
    let ended = provider().sign(&Provider::claims(SUBJECT, &groups, now_s() - 601));
    client
        .env("OPENAI_BASE_URL", format!("http://{}/v1", server.address))
        .env("OPENAI_API_KEY", token(SUBJECT, &groups))
        .env("EXPIRED_TOKEN", ended)
        .env_remove("OPENAI_PROJECT_ID");
    let ran = finish(&mut client, "");
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
}

/// The person of a token acknowledges the guidance for themselves, from their own command line, and chats there.
#[test]
fn a_user_acknowledges_the_guidance_with_a_token() {
    let Some(place) = place() else { return };
    let server = place.serve();
    let both = token("newcomer", &["pilot-test", "each-test"]);
    assert!(ask_for(&server, &both, "pilot-test").text().contains("guidance-not-acknowledged"));
    let url = format!("http://{}/v1", server.address);
    let command = |args: &[&str], input: &str| {
        let mut command = place.command(args);
        finish(command.env("PROEFTUIN_URL", &url).env("PROEFTUIN_KEY", &both), input)
    };
    assert!(command(&["guidance", "acknowledge"], "ja\n").refused().contains("token-use-case-ambiguous"));
    let said = command(&["guidance", "acknowledge", "--use-case", "pilot-test"], "ja\n").ok();
    assert!(said.contains("acknowledged: ambtenaren"), "{said}");
    ask_for(&server, &both, "pilot-test").ok();
    let said = command(&["chat", "--use-case", "pilot-test", "--max-tokens", "4"], "Hello\n");
    assert!(said.code == 0 && !said.out.trim().is_empty(), "{}\n{}", said.out, said.err);
    server.stop();
    let acknowledged = place.leaves();
    let leaf = acknowledged.of("guidance_acknowledged").pop().unwrap().to_string();
    assert!(leaf.contains("oidc:login/key-1") && !leaf.contains("newcomer"), "{leaf}");
}

#[test]
fn each_person_has_a_quota_to_the_last_request() {
    let Some(place) = place() else { return };
    let server = place.serve();
    let answered = [AtomicU64::new(0), AtomicU64::new(0)];
    std::thread::scope(|scope| {
        for at in 0..16_usize {
            let (server, answered) = (&server, &answered[at % 2]);
            scope.spawn(move || {
                // Each client has a token of its own; what counts is the person.
                let subject = if at % 2 == 0 { "jansen" } else { "pietersen" };
                let reply = ask(server, &token(subject, &["each-test"]));
                match reply.status {
                    200 => drop(answered.fetch_add(1, Ordering::SeqCst)),
                    _ => assert!(reply.text().contains("quota-user-requests-per-day"), "{}", reply.text()),
                }
            });
        }
    });
    assert_eq!(answered.map(AtomicU64::into_inner), [REQUESTS_PER_DAY; 2]);
    ask(&server, &token("third", &["each-test"])).ok();
    server.stop();
    let rebuilt = place.run(&["quota", "rebuild"]).ok();
    assert!(rebuilt.contains("all as the log has them"), "{rebuilt}");
}

#[test]
fn what_an_administrator_takes_out_is_out_and_what_an_editor_puts_in_is_not_in() {
    let Some(place) = place() else { return };
    let server = place.serve();
    let good = token(SUBJECT, &["pilot-test"]);
    let explain = |token: &str| finish(&mut place.command(&["identity", "explain"]), token);
    ask(&server, &good).ok();
    let told = explain(&good).ok();
    let actor = identity::actor_of(testkit::tokens::ISSUER, SUBJECT);
    for part in [actor.as_str(), "oidc:login/key-1", "pilot-test as tester"] {
        assert!(told.contains(part), "no {part} in {told}");
    }
    assert!(!told.contains("jansen") && !told.contains("eyJ"), "{told}");
    let checked = place.run(&["identity", "check"]).ok();
    for part in [
        "issuer    login https://login.example.org/tenant",
        "key-1 Ed25519",
        "pilot-test as tester",
        "the roster names",
    ] {
        assert!(checked.contains(part), "no {part} in {checked}");
    }

    // Blocked, by subject; and taken again, by actor.
    place.run(&["identity", "block", "--issuer", "login", "--subject", SUBJECT]).ok();
    let listed = std::fs::read_to_string(place.policy().join("identity/blocked.toml")).unwrap();
    assert!(listed.contains(&actor) && !listed.contains("jansen"), "{listed}");
    place.run(&["policy", "reload"]).ok();
    refused(&ask(&server, &good), 401, "token-person-blocked");
    assert!(explain(&good).out.contains("refused   token-person-blocked"));
    ask(&server, &token("pietersen", &["pilot-test"])).ok();
    assert!(place.run(&["identity", "unblock", "--actor", &actor]).ok().contains("no longer blocked"));
    place.run(&["policy", "reload"]).ok();
    ask(&server, &good).ok();

    // Another key in the folder, without the root's word: its tokens are none, and the others are none either.
    let theirs = place.root().join("theirs.json");
    std::fs::write(&theirs, Provider::new("key-2", 52).jwks()).unwrap();
    let theirs = theirs.to_str().unwrap();
    let pinned = place.run(&["identity", "pin", "--issuer", "login", "--jwks", theirs]).ok();
    assert!(pinned.contains("identity_sha256 = \"") && pinned.contains("key-2 Ed25519"), "{pinned}");
    place.run(&["policy", "reload"]).ok();
    let next = Provider::new("key-2", 52).sign(&Provider::claims(SUBJECT, &["pilot-test"], now_s()));
    refused_unapproved(&ask(&server, &next));
    refused_unapproved(&ask(&server, &good));
    assert!(place.run(&["identity", "check"]).out.contains("approved  NO"));
    assert!(place.run(&["policy", "check"]).ok().contains("identity-not-approved"));
    let line = pinned.lines().find(|line| line.starts_with("identity_sha256")).unwrap();
    assert!(place.run(&["roster", "check"]).ok().contains(line));
    ask(&server, &place.key("pilot-test").secret).ok();

    // With the root's word the old key is out and the new one in.
    policy::sign_again(&place.policy());
    assert!(std::fs::read_to_string(place.policy().join("roster.toml")).unwrap().contains(line));
    place.run(&["policy", "reload"]).ok();
    refused(&ask(&server, &good), 401, "token-key-unknown");
    ask(&server, &next).ok();
    server.stop();
    place.run(&["log", "verify"]).ok();
}

#[track_caller]
fn refused_unapproved(reply: &Reply) {
    refused(reply, 401, "identity-not-approved");
}

#[test]
fn the_command_line_says_what_is_wrong() {
    let place = Place::without_model();
    let said = place.run(&["identity", "check"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("no tokens are taken"), "{}", said.out);
    let keys = place.root().join("keys.json");
    let keys_text = keys.to_str().unwrap();
    std::fs::write(&keys, provider().jwks()).unwrap();
    let pin = || place.run(&["identity", "pin", "--issuer", "login", "--jwks", keys_text]);
    assert!(pin().refused().contains("write the issuer's entry first"));
    write(&place, "identity.toml", &Provider::config(&[("nowhere", "tester")]));
    let said = place.run(&["identity", "check"]).refused();
    assert!(said.contains("identity/login.jwks.json: is not here"), "{said}");
    let other = place.run(&["identity", "pin", "--issuer", "other", "--jwks", keys_text]).refused();
    assert!(other.contains("there are: login"), "{other}");
    // A secret is refused, and not repeated.
    std::fs::write(&keys, provider().jwks().replace("\"kty\"", "\"d\":\"c2VjcmV0\",\"kty\"")).unwrap();
    let said = pin().refused();
    assert!(said.contains("key 1 holds a secret") && !said.contains("c2VjcmV0"), "{said}");
    std::fs::write(&keys, provider().jwks()).unwrap();
    pin().ok();
    let said = place.run(&["identity", "check"]);
    assert!(
        said.code == 1 && said.out.contains("no such use case here") && said.out.contains("approved  NO"),
        "{}",
        said.out
    );
    // Before anything is approved nothing is taken; a token is never printed.
    let good = token(SUBJECT, &["pilot-test"]);
    let said = finish(&mut place.command(&["identity", "explain"]), &good);
    assert!(said.code == 1 && said.out.contains("identity-not-approved"), "{}", said.out);
    policy::sign_again(&place.policy());
    let ask = |input: &str, args: &[&str]| {
        finish(&mut place.command(&[&["identity", "explain"], args].concat()), input)
    };
    let said = ask(&good, &[]);
    assert!(said.code == 1 && said.out.contains("token-not-granted"), "{}", said.out);
    let said = ask(&format!("Bearer {good}\n"), &["--at", "2020-01-01T00:00:00Z"]);
    assert!(said.out.contains("token-not-yet-valid") && !said.out.contains("eyJ"), "{}", said.out);
    assert!(ask("", &[]).refused().contains("standard input"));
    let said = ask("geheim", &[]).refused();
    assert!(said.contains("this is no token") && !said.contains("geheim"), "{said}");
    assert!(ask(&format!("{good}{}", "A".repeat(20_000)), &[]).out.contains("token-too-long"));
    let wrong = place.run(&["identity", "block", "--actor", "jansen"]).refused();
    assert!(wrong.contains("--actor") && wrong.contains("32 hexadecimal digits"), "{wrong}");
    assert_eq!(place.run(&["identity", "block"]).code, 2);
}
