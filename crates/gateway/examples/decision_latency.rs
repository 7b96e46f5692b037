//! Measures the gate: how long a key's lookup and both decisions take, with many use cases and keys.
//! `cargo run --release -p gateway --example decision_latency -- [USE_CASES] [KEYS] [REQUESTS]`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measuring tool talks to its user and may stop"
)]

use std::time::{Duration, Instant};

use ledger::{KeyStatus, Ledger, NewKey};
use policy::{ClearanceRequest, DataClass, EntryRequest, FindingFacts, PolicySet, Principal};
use testkit::letters::{self, NOW_MS, SIGNED_MS};
use testkit::signers::files;

fn load(use_cases: usize) -> PolicySet {
    let mut folder = letters::built_in();
    for index in 0..use_cases {
        let id = format!("case-{index}");
        folder.insert(format!("use-cases/{id}.toml"), letters::record(&id));
    }
    let signers = letters::signers();
    signers.sign_all(&mut folder);
    let files = files(&folder);
    let start = Instant::now();
    let set = PolicySet::load_trusting(&files, Some(&signers.trust_root())).unwrap();
    println!("{use_cases} use cases with their signatures loaded in {} ms", start.elapsed().as_millis());
    set
}

fn told(what: &str, mut taken: Vec<Duration>) {
    taken.sort_unstable();
    let at = |part: usize| taken[(taken.len() - 1) * part / 1000].as_nanos() as f64 / 1000.0;
    println!("{what:<28} p50 {:>8.1} µs   p99 {:>8.1} µs   p99.9 {:>8.1} µs", at(500), at(990), at(999));
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<usize>().unwrap());
    let mut number = |default| numbers.next().unwrap_or(default);
    let (use_cases, keys, requests) = (number(1000), number(10_000), number(20_000));
    let set = load(use_cases);
    let ledger = Ledger::in_memory().unwrap();
    let issue = |index: usize| {
        let new = NewKey {
            use_case: format!("case-{}", index % use_cases),
            actor: format!("person-{index}"),
            roles: vec!["officer".to_owned()],
            expires_ms: Some(NOW_MS + 1),
            label: String::new(),
        };
        ledger.issue_ephemeral_key(new, SIGNED_MS).unwrap()
    };
    let issued: Vec<_> = (0..keys).map(issue).collect();
    let (mut lookups, mut doors, mut clearances) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..requests {
        // Keys far from each other, so that nothing stays warm by accident.
        let secret = &issued[index * 7919 % keys].secret;
        let start = Instant::now();
        let KeyStatus::Valid(key) = ledger.find_key(secret, NOW_MS).unwrap() else { panic!("no such key") };
        lookups.push(start.elapsed());
        let principal = Principal {
            key_id: key.id,
            use_case: key.use_case,
            actor: key.actor,
            roles: key.roles,
            expires_ms: key.expires_ms,
        };
        let entry = EntryRequest { principal, ..letters::request().entry };
        let start = Instant::now();
        let decision = set.enter(&entry);
        doors.push(start.elapsed());
        assert!(decision.is_permit(), "{}", decision.explain(policy::Language::English));
        let findings = FindingFacts {
            counts: [("BSN".to_owned(), 1)].into(),
            data_class: DataClass::Identifier,
            profile: "default".into(),
            ..FindingFacts::default()
        };
        let request = ClearanceRequest { entry, findings };
        let start = Instant::now();
        let decision = set.clear(&request);
        clearances.push(start.elapsed());
        assert!(decision.is_permit(), "{}", decision.explain(policy::Language::English));
    }
    println!("{requests} requests, {keys} keys, one thread");
    told("key lookup", lookups);
    told("decision at the door", doors);
    told("decision after redaction", clearances);
}
