//! `kill -9` under load, again and again, on one state folder: nothing that a client was told is lost, nothing is there
//! twice, and everything verifies.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{PATIENCE, Place, until};

/// How often to kill; a few times, unless somebody wants to know for sure.
const ROUNDS: &str = "PROEFTUIN_KILL_ROUNDS";
const CLIENTS: usize = 6;

/// What clients were told over all rounds.
#[derive(Default)]
struct Told {
    /// Receipts named in the head of an answer: these requests were admitted.
    admitted: BTreeSet<String>,
    /// Those of answers that came whole.
    whole: BTreeSet<String>,
}

/// Asks once and listens as long as somebody speaks.
fn ask(address: &str, key: &str, body: &Value) -> std::io::Result<Vec<u8>> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let body = body.to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes())?;
    let mut reply = Vec::new();
    // What came before the connection broke was told all the same.
    let _ = socket.read_to_end(&mut reply);
    Ok(reply)
}

/// The receipt that an answer names, and whether the answer is whole.
fn told(reply: &[u8]) -> Option<(String, bool)> {
    let text = String::from_utf8_lossy(reply);
    let (head, body) = text.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}\n{body}");
    let receipt = head.lines().find_map(|line| line.strip_prefix("x-proeftuin-receipt: "))?.to_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let whole = match length.and_then(|length| length.parse::<usize>().ok()) {
        Some(length) => body.len() == length,
        None => body.contains("data: [DONE]"),
    };
    Some((receipt, whole))
}

/// Clients that ask without a pause until nobody answers any more.
fn load(address: &str, key: &str, round: usize, all: &Mutex<Told>, heard: &AtomicUsize, dead: &AtomicBool) {
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                for number in 0.. {
                    let tokens = [3, 40, 400].get((client + number) % 3);
                    let body = json!({"model": "tiny", "stream": (client + number) % 2 == 0, "ignore_eos": true,
                        "max_tokens": tokens, "seed": number,
                        "messages": [{"role": "user", "content": format!("Round {round}, client {client}, question {number}.")}]});
                    let Ok(reply) = ask(address, key, &body) else { break };
                    if let Some((receipt, whole)) = told(&reply) {
                        let mut all = all.lock().unwrap();
                        assert!(all.admitted.insert(receipt.clone()), "{receipt} was told twice");
                        if whole {
                            all.whole.insert(receipt);
                        }
                        heard.fetch_add(1, Ordering::SeqCst);
                    }
                    if dead.load(Ordering::SeqCst) {
                        break;
                    }
                }
            });
        }
    });
}

/// The log as the last kill left it, or as recovery did: verified, and with everything that was told, once.
fn check(place: &Place, told: &Told, recovered: bool) -> provenance::Report {
    let mut seen: BTreeMap<String, (u32, Vec<Value>)> = BTreeMap::new();
    let report = provenance::verify(&place.log(), &place.log_key(), None).unwrap();
    // What was not yet signed at the kill was told all the same.
    provenance::show(&place.log(), |leaf| {
        let leaf: Value = serde_json::from_str(&leaf.json).unwrap();
        let id = leaf["id"].as_str().unwrap_or_default().to_owned();
        match leaf["event"].as_str().unwrap() {
            "intent" => seen.entry(id).or_default().0 += 1,
            "outcome" => seen.entry(id).or_default().1.push(leaf),
            _ => {}
        }
        true
    })
    .unwrap();
    assert_eq!(seen.len() as u64, report.events.get("intent").copied().unwrap_or_default());
    for (id, (intents, outcomes)) in &seen {
        assert_eq!(*intents, 1, "{id} was admitted {intents} times");
        assert!(outcomes.len() <= 1, "{id} ended {} times", outcomes.len());
        assert!(!recovered || outcomes.len() == 1, "{id} never ended");
    }
    for id in &told.admitted {
        assert!(seen.contains_key(id), "a client was told {id}, and the log does not know it");
    }
    for id in &told.whole {
        let outcome =
            seen[id].1.first().unwrap_or_else(|| panic!("the answer {id} was whole, and has no outcome"));
        assert_eq!(outcome["status"], "completed", "{id} was whole");
    }
    report
}

#[test]
fn killed_again_and_again_under_load_the_log_keeps_what_was_told() {
    let rounds: usize = std::env::var(ROUNDS).map_or(3, |rounds| rounds.parse().unwrap());
    let place = Place::tiny();
    let key = place.key("pilot-test").secret;
    let (told, started) = (Mutex::new(Told::default()), Instant::now());
    let mut open = 0;
    for round in 0..rounds {
        let mut server = place.serve();
        let (heard, dead) = (AtomicUsize::new(0), AtomicBool::new(false));
        let address = server.address.clone();
        std::thread::scope(|scope| {
            scope.spawn(|| load(&address, &key, round, &told, &heard, &dead));
            // Killed in any case: the clients would go on otherwise. Not always at the same place.
            let enough = 4 + round % 5;
            let wait = || until("answers", || (heard.load(Ordering::SeqCst) >= enough).then_some(()));
            let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(wait));
            std::thread::sleep(Duration::from_micros((round as u64 * 7919) % 40_000));
            dead.store(true, Ordering::SeqCst);
            server.signal(Signal::KILL);
            server.wait();
            assert!(waited.is_ok(), "{heard:?} answers");
        });
        let report = check(&place, &told.lock().unwrap(), false);
        open += report.open.len();
    }
    // Once more, and in order.
    place.serve().stop();
    let told = told.into_inner().unwrap();
    let report = check(&place, &told, true);
    assert!(report.open.is_empty() && report.unfinished_bytes == 0);
    assert_eq!(report.events["intent"], report.events["outcome"]);
    let quota = place.run(&["quota", "rebuild"]).ok();
    assert!(quota.contains("all as the log has them"), "{quota}");
    assert!(open > 0, "no kill met a request under way");
    println!(
        "{rounds} kills in {} s: {} requests, {} told to a client, {} of them whole, {open} open at a kill",
        started.elapsed().as_secs(),
        report.events["intent"],
        told.admitted.len(),
        told.whole.len(),
    );
}
