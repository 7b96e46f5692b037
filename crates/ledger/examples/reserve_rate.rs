//! Measures quota: requests a second that reserve and settle durably, by callers at once.
//! `cargo run --release -p ledger --example reserve_rate -- [FOLDER] [SECONDS] [URL]`. With the URL of a PostgreSQL database its
//! counters are there, and `GATEWAYS=2` in the environment has the callers shared by two gateways.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measuring tool talks to its user and may stop"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ledger::{Counter, Demand, Faults, Ledger, Measure, QuotaStore, Reserve, Scope, Window};

/// Twelve counters: tokens and requests, by minute and day, of a key, a user and a use case.
fn demands(caller: usize) -> Vec<Demand> {
    let scopes = [
        Scope::UseCase("letters".to_owned()),
        Scope::Key(format!("key-{}", caller % 16)),
        Scope::Actor(format!("actor-{caller}")),
    ];
    let mut demands = Vec::new();
    for scope in scopes {
        for (measure, amount) in [(Measure::Requests, 1), (Measure::Tokens, 300)] {
            for window in [Window::Minute, Window::Day] {
                let counter = Counter { scope: scope.clone(), measure, window };
                demands.push(Demand { counter, amount, limit: 1 << 60 });
            }
        }
    }
    demands
}

fn measure(ledgers: &[Ledger], callers: usize, length: Duration) {
    let start = Instant::now();
    let mut latencies: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|caller| {
                let ledger = &ledgers[caller % ledgers.len()];
                scope.spawn(move || {
                    let wanted = demands(caller);
                    let mut latencies = Vec::new();
                    while start.elapsed() < length {
                        let before = Instant::now();
                        let Reserve::Granted(reservation) = ledger.reserve(&wanted, 0).unwrap() else {
                            panic!("over")
                        };
                        latencies.push(before.elapsed());
                        ledger.settle(reservation, 200).unwrap();
                    }
                    latencies
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    latencies.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
    let rate = latencies.len() as f64 / start.elapsed().as_secs_f64();
    let at = |permille: usize| latencies.get(latencies.len() * permille / 1000).copied().unwrap_or_default();
    println!("{callers:4} callers: {rate:7.0} requests/s, reserve p50 {:?}, p99 {:?}", at(500), at(990));
}

fn main() {
    let folder = std::env::args().nth(1).map(PathBuf::from);
    let seconds = std::env::args().nth(2).map_or(4, |text| text.parse().unwrap());
    let dir = tempfile::tempdir_in(folder.unwrap_or_else(std::env::temp_dir)).unwrap();
    let store = QuotaStore::parse(&std::env::args().nth(3).unwrap_or_else(|| "sqlite".to_owned())).unwrap();
    let gateways = std::env::var("GATEWAYS").map_or(1, |text| text.parse().unwrap());
    let open = |number| {
        let path = dir.path().join(format!("ledger-{number}.db"));
        Ledger::open_with(path, store.clone(), Faults::default()).unwrap()
    };
    let ledgers: Vec<Ledger> = (0..gateways).map(open).collect();
    for callers in [1, 8, 64, 200] {
        measure(&ledgers, callers, Duration::from_secs(seconds));
    }
}
