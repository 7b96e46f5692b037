//! A power cut under load: no quota is exceeded, none is forgotten, and the log alone gives the same counters. A clock
//! that was set back while the server was down opens nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::{Counter, Demand, Ledger, Measure, Reserve, Scope, Window};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{MODEL, PATIENCE, Place, policy, post, until};

pub(crate) const REQUESTS_PER_DAY: u64 = 60;
const CLIENTS: usize = 40;

/// The pilot of the tests, with a quota that forty clients use up at once.
pub(crate) fn write_use_case(place: &Place) {
    let folder = place.policy().join("use-cases");
    let record = std::fs::read_to_string(folder.join("pilot-test.toml")).unwrap();
    let limits = format!("[limits]\nrequests_per_day = {REQUESTS_PER_DAY}\n");
    let record = record.replace("\"pilot-test\"", "\"quota-test\"").replace("[limits]\n", &limits);
    std::fs::write(folder.join("quota-test.toml"), record).unwrap();
    policy::sign_again(&place.policy());
}

/// The whole reply's status and text, or nothing where the server went away.
pub(crate) fn attempt(address: &str, key: &str) -> Option<(u16, String)> {
    let body = json!({"model": MODEL, "max_tokens": 6, "messages": [{"role": "user", "content": "Count."}]});
    let body = body.to_string();
    let mut socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes()).ok()?;
    let mut reply = String::new();
    socket.read_to_string(&mut reply).ok()?;
    let status = reply.split(' ').nth(1)?.parse().ok()?;
    reply.trim_end().ends_with('}').then_some((status, reply))
}

/// What `quota show` says is used and reserved: of whom, of what, over what.
pub(crate) fn shown(place: &Place, of: &str, measure: &str, window: &str) -> (u64, u64) {
    let table = place.run(&["quota", "show"]).ok();
    let row = table.lines().map(|line| line.replace("use case", "use-case")).find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let found = words.starts_with(&[of, measure, window]);
        found.then(|| (words[3].parse().unwrap(), words[4].parse().unwrap()))
    });
    row.unwrap_or((0, 0))
}

/// Tokens by the log: what was answered, and all that was reserved where a crash came between.
fn tokens_by_the_log(place: &Place) -> u64 {
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap();
    let leaves = place.leaves();
    let of = |intent: &&Value| {
        let outcome = leaves.about("outcome", intent["id"].as_str().unwrap());
        if outcome["reason"] == "crash" {
            return number(&intent["decision"]["tokens_reserved"]);
        }
        let choices = outcome["choices"].as_array().unwrap();
        number(&intent["in"]["tokens"]) + choices.iter().map(|choice| number(&choice["tokens"])).sum::<u64>()
    };
    leaves.of("intent").iter().map(of).sum()
}

#[test]
fn kill_9_amid_load_loses_no_count_and_exceeds_no_quota() {
    let Some(place) = Place::new() else { return };
    write_use_case(&place);
    let mut server = place.serve();
    let key = place.key("quota-test").secret;
    let answered = AtomicU64::new(0);
    let address = server.address.clone();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while let Some((200, _)) = attempt(&address, &key) {
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        until("answers", || (answered.load(Ordering::SeqCst) >= 5).then_some(()));
        server.signal(Signal::KILL);
        server.wait();
    });

    let server = place.serve();
    let begun = place.leaves().of("intent").len() as u64;
    assert!(begun >= answered.load(Ordering::SeqCst) && begun <= REQUESTS_PER_DAY, "{begun} begun");
    for of in ["use-case", "key", "user"] {
        assert_eq!(shown(&place, of, "requests", "day"), (begun, 0), "{of}");
        assert_eq!(shown(&place, of, "tokens", "day"), (tokens_by_the_log(&place), 0), "{of}");
    }
    // What is left is there, to the last request, and no more.
    let address = server.address.clone();
    let refused = std::thread::scope(|scope| {
        let client = || loop {
            match attempt(&address, &key).expect("an answer") {
                (200, _) => drop(answered.fetch_add(1, Ordering::SeqCst)),
                (status, reply) => return (status, reply),
            }
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    for (status, reply) in refused {
        assert_eq!(status, 429, "{reply}");
        assert!(reply.contains("quota-requests-per-day") && reply.contains("60 requests a day"), "{reply}");
        for header in ["retry-after: ", "x-ratelimit-limit-requests: 60", "x-ratelimit-remaining-requests: 0"]
        {
            assert!(reply.contains(header), "no {header} in {reply}");
        }
    }
    assert_eq!(place.leaves().of("intent").len() as u64, REQUESTS_PER_DAY);
    let refused = place.run(&["quota", "rebuild"]).refused();
    assert!(refused.contains("stop the server first"), "{refused}");
    server.stop();
    assert_eq!(shown(&place, "use-case", "requests", "day"), (REQUESTS_PER_DAY, 0));
    assert_eq!(shown(&place, "use-case", "tokens", "day"), (tokens_by_the_log(&place), 0));
    let rebuilt = place.run(&["quota", "rebuild"]).ok();
    assert!(rebuilt.contains("all as the log has them"), "{rebuilt}");
    // A ledger that is lost altogether comes back from the log, counters and all but its keys.
    std::fs::remove_file(place.state().join("ledger.sqlite")).unwrap();
    place.run(&["quota", "rebuild"]).ok();
    assert_eq!(shown(&place, "use-case", "requests", "day"), (REQUESTS_PER_DAY, 0));
    assert_eq!(shown(&place, "use-case", "tokens", "day"), (tokens_by_the_log(&place), 0));
    place.run(&["log", "verify"]).ok();
}

#[test]
fn a_clock_before_what_the_ledger_has_seen_closes_the_gate_until_it_is_accepted() {
    let Some(place) = Place::new() else { return };
    let key = place.key("pilot-test").secret;
    let counter = Counter {
        scope: Scope::UseCase("another".to_owned()),
        measure: Measure::Requests,
        window: Window::Day,
    };
    // Someone was served an hour from now, so the clock was set back since.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    let later_ms = later.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis().try_into().unwrap();
    let ledger = Ledger::open(place.state().join("ledger.sqlite")).unwrap();
    let Reserve::Granted(one) = ledger.reserve(&[Demand { counter, amount: 1, limit: 1 }], later_ms).unwrap()
    else {
        panic!("an empty counter is full")
    };
    ledger.release(one).unwrap();
    drop(ledger);

    let body = json!({"model": MODEL, "max_tokens": 2, "messages": [{"role": "user", "content": "Count."}]});
    let ask = |address: &str| post(address, "/v1/chat/completions", Some(&key), &body);
    let server = place.serve();
    for denials in 1..=2 {
        let reply = ask(&server.address);
        assert_eq!(reply.status, 503);
        assert!(reply.text().contains("quota accept-clock"), "{}", reply.text());
        let leaves = place.leaves();
        let denied = leaves.of("denied");
        assert_eq!(denied.len(), denials);
        assert_eq!(denied[denials - 1]["decision"]["rule"], "clock-jumped");
    }
    let said = place.run(&["quota", "accept-clock"]).ok();
    assert!(said.contains("the time is"), "{said}");
    assert_eq!(place.leaves().of("clock_accepted").len(), 1);
    ask(&server.address).ok();
    server.stop();
    let server = place.serve();
    ask(&server.address).ok();
}
