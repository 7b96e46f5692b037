//! Measures durable appends a second and their latency: `cargo run --release --example append_rate -- [FOLDER]`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring tool talks to its user and may stop"
)]

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use provenance::{AdminRead, AdminRef, Leaf, Log, LogOptions, Name, verify};

fn leaf() -> Leaf {
    let what = Name::new("log_show").unwrap();
    Leaf::AdminRead(AdminRead { by: AdminRef { uid: 0 }, what, records: 1, pseudonym: None })
}

/// Each waiter appends, waits until durable, and goes on.
fn measure(log: &Log, waiters: usize, length: Duration) {
    let start = Instant::now();
    let mut latencies: Vec<Duration> = std::thread::scope(|scope| {
        let one = || {
            let mut latencies = Vec::new();
            while start.elapsed() < length {
                let before = Instant::now();
                log.append(leaf()).unwrap().blocking_wait().unwrap();
                latencies.push(before.elapsed());
            }
            latencies
        };
        let threads: Vec<_> = (0..waiters).map(|_| scope.spawn(one)).collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    latencies.sort_unstable();
    let rate = latencies.len() as f64 / start.elapsed().as_secs_f64();
    let at = |permille: usize| latencies.get(latencies.len() * permille / 1000).copied().unwrap_or_default();
    println!("{waiters:5} waiters: {rate:8.0} appends/s, p50 {:?}, p99 {:?}", at(500), at(990));
}

fn main() {
    let folder = std::env::args().nth(1).map(PathBuf::from);
    let dir = tempfile::tempdir_in(folder.unwrap_or_else(std::env::temp_dir)).unwrap();
    let (log, _) = Log::open(dir.path(), LogOptions::new("measure.example/log")).unwrap();
    for waiters in [1, 64, 1000] {
        measure(&log, waiters, Duration::from_secs(4));
    }
    log.shutdown();
    let bytes = std::fs::metadata(dir.path().join("journal")).unwrap().len();
    let start = Instant::now();
    let report = verify(dir.path(), log.verifier_key(), None).unwrap();
    println!("verified {} leaves ({bytes} bytes of journal) in {:?}", report.leaves, start.elapsed());
    let start = Instant::now();
    let (log, _) = Log::open(dir.path(), LogOptions::new("measure.example/log")).unwrap();
    println!("reopened, everything derived again, in {:?}", start.elapsed());
    log.shutdown();
}
