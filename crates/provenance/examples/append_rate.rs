//! Measures what durability costs requests, and finding a person's records afterwards: `cargo run --release -p provenance --example append_rate -- [FOLDER] [REQUESTS]`.
//!
//! A request is an intent that is waited for, as before the first token, and an outcome that is waited for, as before the end of a
//! stream. FOLDER should be on the disk that is meant: a folder in memory forgets nothing and proves nothing.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring tool talks to its user and may stop"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use provenance::{KeyRing, Log, LogOptions, Pseudonym, ReceiptId, RequestKey, about, verify};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

#[allow(dead_code, clippy::indexing_slicing, reason = "the tests use the rest")]
#[path = "../tests/all/samples.rs"]
mod samples;

/// Requests are about one of so many persons.
const PERSONS: u16 = 1000;

/// A pseudonym as leaves have them: hardly one begins as another does.
fn person(number: u16) -> Pseudonym {
    Pseudonym(Sha256::digest(number.to_be_bytes()).into())
}

/// How long an intent and a whole request took.
type Took = (Duration, Duration);

async fn request(log: &Log, key: &RequestKey) -> Took {
    let start = Instant::now();
    let id = ReceiptId::random().unwrap();
    let mut intent = samples::intent(id);
    let [first, second, ..] = id.0;
    intent.request.data_subject_pseudonym = Some(person(u16::from_be_bytes([first, second]) % PERSONS));
    let open = log.admit(intent).await.unwrap();
    let admitted = start.elapsed();
    drop(open.seal(samples::outcome(), key).await.unwrap());
    (admitted, start.elapsed())
}

/// `together` clients, each of which asks again once it is answered, until `over`.
async fn run(
    log: &'static Log,
    key: &'static RequestKey,
    together: usize,
    over: impl Fn(usize) -> bool,
) -> Vec<Took> {
    let mut clients = JoinSet::new();
    let mut all = Vec::new();
    for _ in 0..together {
        clients.spawn(request(log, key));
    }
    while let Some(took) = clients.join_next().await {
        all.push(took.unwrap());
        if !over(all.len()) {
            clients.spawn(request(log, key));
        }
    }
    all
}

fn told(what: &str, mut latencies: Vec<Duration>) {
    latencies.sort_unstable();
    let at = |permille: usize| latencies.get(latencies.len() * permille / 1000).copied().unwrap_or_default();
    println!("        {what}: p50 {:.1?}, p99 {:.1?}", at(500), at(990));
}

fn size(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let below = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => size(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    });
    below.sum()
}

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let requests: usize = args.next().map_or(100_000, |n| n.parse().unwrap());
    let dir = tempfile::tempdir_in(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let keys = KeyRing::open(&dir.path().join("subjects")).unwrap();
    let id = ReceiptId::random().unwrap();
    let key: &RequestKey = Box::leak(Box::new(keys.actor(1, "a").unwrap().request_key(&id)));
    let path = dir.path().join("log");
    let (log, _) = Log::open(&path, LogOptions::new("measure.example/log")).unwrap();
    let log: &Log = Box::leak(Box::new(log));
    let mut done = 0;
    for together in [1, 32, 1000] {
        let start = Instant::now();
        let all = runtime.block_on(run(log, key, together, |_| start.elapsed() > Duration::from_secs(5)));
        let rate = all.len() as f64 / start.elapsed().as_secs_f64();
        println!("{together:5} at once: {rate:.0} requests/s, {:.0} leaves/s", rate * 2.0);
        told("before the first token", all.iter().map(|took| took.0).collect());
        told("both leaves", all.iter().map(|took| took.1).collect());
        done += all.len();
    }
    let left = requests.saturating_sub(done);
    done += runtime.block_on(run(log, key, 1000, |n| n + 1000 > left)).len();
    log.shutdown();
    let bytes = size(&path) as f64 / done as f64;
    println!("{done} requests: {bytes:.0} bytes each, {:.2} GB a million", bytes / 1e3);
    let start = Instant::now();
    let report = verify(&path, log.verifier_key(), None).unwrap();
    let rate = report.leaves as f64 / start.elapsed().as_secs_f64();
    println!("verified {} leaves in {:.1?}: {:.1} s a million", report.leaves, start.elapsed(), 1e6 / rate);
    let start = Instant::now();
    let records = about(&path, &BTreeSet::from([person(1)])).unwrap().len();
    let rate = report.leaves as f64 / start.elapsed().as_secs_f64();
    println!(
        "found {records} requests of one person of {PERSONS} in {:.1?}: {:.1} s a million leaves",
        start.elapsed(),
        1e6 / rate
    );
    let start = Instant::now();
    let (log, _) = Log::open(&path, LogOptions::new("measure.example/log")).unwrap();
    println!("reopened, everything derived again, in {:.1?}", start.elapsed());
    log.shutdown();
}
