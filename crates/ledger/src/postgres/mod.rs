//! Counters in a PostgreSQL database that several gateways share.
//!
//! One thread has the connection, and steps that wait at the same time share a transaction, as in the ledger's own
//! file. Each gateway writes rows of its own; a counter holds the sum of them. Whoever decides holds one lock of the
//! database from before it reads until its transaction has ended, so that what it read is what there is.

mod address;
mod cells;
mod keeper;
mod outage;
mod passed;
mod schema;
mod session;
mod tls;
mod whole;

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::counters::{Recovered, Standing};
use crate::quota::{Cell, Demand, Reservation, Reserve, Usage};
use crate::store::{CounterStore, Opened};
use crate::writer::QUEUE_MAX;
use crate::{Error, Faults};

pub use address::Postgres;
pub use passed::Connect;

use keeper::Keeper;

/// What may be asked of the thread.
enum Ask {
    /// Shares a transaction with others.
    Step(Step, Tell),
    /// Has a transaction to itself.
    Whole(Whole, Tell),
}

enum Step {
    Reserve { demands: Vec<Demand>, now_ms: i64 },
    GiveBack { reservation: Reservation, taken: Option<u64> },
    Read(Vec<Cell>),
}

enum Whole {
    Standings,
    Replace(Vec<Standing>, i64),
    Prune(i64),
    AcceptClock(i64),
}

/// What came of it.
enum Outcome {
    Reserve(Reserve),
    Usages(Vec<Usage>),
    Standings(Vec<Standing>),
    Changed(usize),
    Done,
}

type Tell = SyncSender<Result<Outcome, Error>>;

struct PostgresCounters {
    /// `None` only while it is being dropped.
    asks: Option<SyncSender<Ask>>,
    thread: Option<JoinHandle<()>>,
}

/// Connects, makes the tables if they are not there, ends what an earlier opening of this gateway had reserved.
pub(crate) fn open(
    postgres: &Postgres,
    gateway: String,
    faults: Faults,
    moved: bool,
) -> Result<Opened, Error> {
    let mut keeper = Keeper::new(postgres.clone(), gateway, faults)?;
    let (asks, waiting) = sync_channel(QUEUE_MAX);
    let (tell, told) = sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("quota-store".to_owned())
        .spawn(move || {
            let registered = keeper.register();
            let fit = registered.is_ok();
            // Fails only when the caller's thread is gone.
            let _ = tell.send(registered);
            if fit {
                keeper.run(&waiting);
            }
        })
        .map_err(Error::Thread)?;
    let store = Box::new(PostgresCounters { asks: Some(asks), thread: Some(thread) });
    let (found, latest_ms) = told.recv().unwrap_or(Err(Error::WriterGone))?;
    let recovered = Recovered { moved: moved || found.moved, ..found };
    Ok(Opened { store, recovered, latest_ms })
}

impl PostgresCounters {
    fn ask(&self, ask: impl FnOnce(Tell) -> Ask) -> Result<Outcome, Error> {
        let (tell, told) = sync_channel(1);
        let asks = self.asks.as_ref().ok_or(Error::WriterGone)?;
        asks.send(ask(tell)).map_err(|_| Error::WriterGone)?;
        told.recv().unwrap_or(Err(Error::WriterGone))
    }

    fn step(&self, step: Step) -> Result<Outcome, Error> {
        self.ask(|tell| Ask::Step(step, tell))
    }

    fn whole(&self, whole: Whole) -> Result<Outcome, Error> {
        self.ask(|tell| Ask::Whole(whole, tell))
    }
}

impl CounterStore for PostgresCounters {
    fn reserve(&self, demands: &[Demand], now_ms: i64) -> Result<Reserve, Error> {
        match self.step(Step::Reserve { demands: demands.to_vec(), now_ms })? {
            Outcome::Reserve(reserve) => Ok(reserve),
            _ => Err(Error::Poisoned),
        }
    }

    fn give_back(&self, reservation: Reservation, taken: Option<u64>) -> Result<(), Error> {
        self.step(Step::GiveBack { reservation, taken }).map(drop)
    }

    fn read(&self, cells: Vec<Cell>) -> Result<Vec<Usage>, Error> {
        match self.step(Step::Read(cells))? {
            Outcome::Usages(usages) => Ok(usages),
            _ => Err(Error::Poisoned),
        }
    }

    fn standings(&self) -> Result<Vec<Standing>, Error> {
        match self.whole(Whole::Standings)? {
            Outcome::Standings(standings) => Ok(standings),
            _ => Err(Error::Poisoned),
        }
    }

    fn replace(&self, standings: Vec<Standing>, now_ms: i64) -> Result<usize, Error> {
        match self.whole(Whole::Replace(standings, now_ms))? {
            Outcome::Changed(count) => Ok(count),
            _ => Err(Error::Poisoned),
        }
    }

    fn prune(&self, now_ms: i64) -> Result<(), Error> {
        self.whole(Whole::Prune(now_ms)).map(drop)
    }

    fn accept_clock(&self, now_ms: i64) -> Result<(), Error> {
        self.whole(Whole::AcceptClock(now_ms)).map(drop)
    }
}

impl Drop for PostgresCounters {
    fn drop(&mut self) {
        self.asks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
