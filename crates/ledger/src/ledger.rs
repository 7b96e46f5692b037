//! The ledger itself: one file, one process, one thread that writes.

use std::path::Path;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction};

use crate::counters::{Recovered, latest_ms, prune, recover};
use crate::fault::Faults;
use crate::informed::People;
use crate::keys::KeyIndex;
use crate::writer::{self, Job, in_savepoint};
use crate::{Error, database};

/// Openings in this process, to tell their reservations apart.
static OPENINGS: AtomicU64 = AtomicU64::new(0);

/// Steps that may wait for the writer; more callers wait to hand theirs in.
const QUEUE_MAX: usize = 1024;

/// Durable state: keys, quota counters, what people acknowledged and learnt. Calls block until what they did is on disk;
/// share it behind an `Arc` and call it where blocking is allowed. [`Ledger::find_key`], [`Ledger::list_keys`],
/// [`Ledger::person`] and [`Ledger::people`] touch memory only.
pub struct Ledger {
    /// `None` only while it is being dropped.
    jobs: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
    pub(crate) keys: RwLock<KeyIndex>,
    pub(crate) people: People,
    pub(crate) faults: Faults,
    recovered: Recovered,
    latest_ms: Option<i64>,
    pub(crate) opening: u64,
}

impl Ledger {
    /// Opens the ledger at `path`, creating it (mode 0600) if absent, and ends the reservations of a process
    /// that is gone. One process has a ledger at a time.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Corrupt`], [`Error::Foreign`], [`Error::Newer`], [`Error::File`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::start(database::open(path.as_ref())?, Faults::default())
    }

    /// The same, with failures that a test sets.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_with(path: impl AsRef<Path>, faults: Faults) -> Result<Self, Error> {
        Self::start(database::open(path.as_ref())?, faults)
    }

    /// A ledger that vanishes with the process.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn in_memory() -> Result<Self, Error> {
        Self::start(database::in_memory()?, Faults::default())
    }

    fn start(connection: Connection, faults: Faults) -> Result<Self, Error> {
        let latest_ms = latest_ms(&connection)?;
        let keys = RwLock::new(KeyIndex::load(&connection, latest_ms)?);
        let people = People::load(&connection)?;
        let opening = OPENINGS.fetch_add(1, Ordering::Relaxed);
        let (jobs, waiting) = sync_channel(QUEUE_MAX);
        let asked = faults.clone();
        let writer = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer::run(connection, &waiting, &asked))
            .map_err(Error::Thread)?;
        let (jobs, writer) = (Some(jobs), Some(writer));
        let mut ledger =
            Self { jobs, writer, keys, people, faults, recovered: Recovered::default(), latest_ms, opening };
        ledger.recovered = ledger.transaction(recover)?;
        Ok(ledger)
    }

    /// What was found reserved at opening.
    #[must_use]
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// The latest moment, in milliseconds since 1970 UTC, at which an earlier opening reserved anything. A clock
    /// that stands before it was set back, or was wrong then.
    #[must_use]
    pub fn latest_ms(&self) -> Option<i64> {
        self.latest_ms
    }

    /// Forgets quota windows long past: minutes after a day, days after 400. Call it now and then.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn prune(&self, now_ms: i64) -> Result<(), Error> {
        self.transaction(move |transaction| prune(transaction, now_ms))
    }

    /// Runs `step` in a transaction that is committed if it succeeds.
    pub(crate) fn transaction<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.transaction_if(|transaction| Ok((step(transaction)?, true)))
    }

    /// Runs `step` on the writer's thread; what it did is kept if it says so, and undone otherwise.
    /// A crash before the commit leaves nothing; when this returns, what was kept is on disk.
    pub(crate) fn transaction_if<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Transaction<'_>) -> Result<(T, bool), Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (tell, told) = sync_channel(1);
        let job: Job = Box::new(move |transaction| {
            let value = transaction.and_then(|transaction| in_savepoint(transaction, step));
            Box::new(move |committed| {
                // Fails only when the caller's thread is gone.
                let _ = tell.send(value.and_then(|value| committed.map(|()| value)));
            })
        });
        let jobs = self.jobs.as_ref().ok_or(Error::WriterGone)?;
        jobs.send(job).map_err(|_| Error::WriterGone)?;
        told.recv().unwrap_or(Err(Error::WriterGone))
    }
}

impl Drop for Ledger {
    /// Gives the file back: whoever opens it next finds it free.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

#[cfg(test)]
mod tests {
    //! The disk fails: every step says so, changes nothing, and errs on the side of refusing.

    use super::*;
    use crate::{Counter, Demand, Failure, KeyStatus, Measure, NewKey, Point, Reserve, Scope, Window};

    fn fail_writes(ledger: &Ledger, fail: bool) {
        if fail { ledger.faults.strike(Point::Commit, Failure::Full) } else { ledger.faults.heal() }
    }

    fn new_key() -> NewKey {
        NewKey {
            use_case: "u".into(),
            actor: "a".into(),
            roles: vec!["r".into()],
            expires_ms: None,
            label: String::new(),
        }
    }

    #[test]
    fn keys_when_the_disk_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let ledger = Ledger::open(&path).unwrap();
        let issued = ledger.issue_key(new_key(), 0).unwrap();
        fail_writes(&ledger, true);
        assert!(matches!(ledger.issue_key(new_key(), 0), Err(Error::Database(_))));
        assert!(matches!(ledger.rotate_key(&issued.id, 0, 0), Err(Error::Database(_))));
        assert!(matches!(ledger.find_key(&issued.secret, 1).unwrap(), KeyStatus::Valid(_)));
        assert_eq!(ledger.list_keys().unwrap().len(), 1, "what was not stored is not a key");
        // A revocation that could not be stored is an error, and refuses all the same while this process lives.
        assert!(matches!(ledger.revoke_key(&issued.id, 2), Err(Error::Database(_))));
        assert!(matches!(ledger.find_key(&issued.secret, 3).unwrap(), KeyStatus::Revoked(_)));
        fail_writes(&ledger, false);
        ledger.revoke_key(&issued.id, 4).unwrap();
        drop(ledger);
        let ledger = Ledger::open(&path).unwrap();
        assert!(matches!(ledger.find_key(&issued.secret, 5).unwrap(), KeyStatus::Revoked(_)));
    }

    #[test]
    fn counters_when_the_disk_fails() {
        let ledger = Ledger::in_memory().unwrap();
        let counter =
            Counter { scope: Scope::UseCase("u".into()), measure: Measure::Tokens, window: Window::Day };
        let wanted = [Demand { counter: counter.clone(), amount: 6, limit: 10 }];
        let Reserve::Granted(reservation) = ledger.reserve(&wanted, 0).unwrap() else { panic!("over") };
        fail_writes(&ledger, true);
        assert!(matches!(ledger.reserve(&wanted, 0), Err(Error::Database(_))));
        assert!(matches!(ledger.settle(reservation, 1), Err(Error::Database(_))));
        fail_writes(&ledger, false);
        let usage = ledger.usage(&counter, 0).unwrap();
        assert_eq!((usage.used, usage.reserved), (0, 6), "what was not settled stays reserved");
        assert!(matches!(ledger.reserve(&wanted, 0).unwrap(), Reserve::Exceeded(_)));
    }
}
