//! Counters: never over, never lost, whatever threads, gateways, restarts, clocks, disks and networks do. What is said in
//! `shared` holds of each database that they may be kept in.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod address;
mod gateways;
mod outages;
mod passed;
mod shared;
mod tls;

use ledger::{
    Counter, Demand, Exceeded, Faults, Ledger, Measure, QuotaStore, Reservation, Reserve, Scope, Usage,
    Window,
};
use tempfile::TempDir;
use testkit::PostgresServer;

const DAY_MS: i64 = 86_400_000;

/// A ledger's file, and where its counters are kept.
struct Kept {
    folder: TempDir,
    url: String,
}

impl Kept {
    fn in_file() -> Self {
        Self::at("sqlite")
    }

    /// In a database of its own; `None` where no server is to be had.
    fn in_postgres() -> Option<Self> {
        Some(Self::at(&PostgresServer::shared()?.database()))
    }

    fn at(url: &str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), url: url.to_owned() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("ledger.db")
    }

    fn open(&self) -> Ledger {
        self.open_with(Faults::default())
    }

    fn open_with(&self, faults: Faults) -> Ledger {
        Ledger::open_with(self.path(), QuotaStore::parse(&self.url).unwrap(), faults).unwrap()
    }
}

fn tokens_per_day(use_case: &str) -> Counter {
    Counter { scope: Scope::UseCase(use_case.into()), measure: Measure::Tokens, window: Window::Day }
}

fn requests_per_minute(key: &str) -> Counter {
    Counter { scope: Scope::Key(key.into()), measure: Measure::Requests, window: Window::Minute }
}

fn demand(counter: Counter, amount: u64, limit: u64) -> Demand {
    Demand { counter, amount, limit }
}

fn granted(ledger: &Ledger, demands: &[Demand], now_ms: i64) -> Reservation {
    match ledger.reserve(demands, now_ms).unwrap() {
        Reserve::Granted(reservation) => reservation,
        Reserve::Exceeded(exceeded) => panic!("{exceeded:?}"),
    }
}

fn exceeded(ledger: &Ledger, demands: &[Demand], now_ms: i64) -> Exceeded {
    match ledger.reserve(demands, now_ms).unwrap() {
        Reserve::Granted(reservation) => panic!("{reservation:?}"),
        Reserve::Exceeded(exceeded) => exceeded,
    }
}

fn usage(ledger: &Ledger, counter: &Counter, now_ms: i64) -> (u64, u64) {
    let Usage { used, reserved } = ledger.usage(counter, now_ms).unwrap();
    (used, reserved)
}
