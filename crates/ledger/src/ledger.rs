//! The ledger itself: one connection, one process, every step a transaction.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, RwLock};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::Error;
use crate::database;
use crate::error::poisoned;
use crate::keys::KeyIndex;
use crate::quota::{Recovered, prune, recover};

/// Openings in this process, to tell their reservations apart.
static OPENINGS: AtomicU64 = AtomicU64::new(0);

/// Durable state: keys and quota counters. Calls block; share it behind an `Arc` and call it where blocking is
/// allowed. [`Ledger::find_key`] and [`Ledger::list_keys`] touch memory only.
pub struct Ledger {
    connection: Mutex<Connection>,
    pub(crate) keys: RwLock<KeyIndex>,
    recovered: Recovered,
    pub(crate) opening: u64,
}

impl Ledger {
    /// Opens the ledger at `path`, creating it (mode 0600) if absent, and ends the reservations of a process
    /// that is gone. One process has a ledger at a time.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Corrupt`], [`Error::Foreign`], [`Error::Newer`], [`Error::File`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::start(database::open(path.as_ref())?)
    }

    /// A ledger that vanishes with the process.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn in_memory() -> Result<Self, Error> {
        Self::start(database::in_memory()?)
    }

    fn start(connection: Connection) -> Result<Self, Error> {
        let keys = RwLock::new(KeyIndex::load(&connection)?);
        let opening = OPENINGS.fetch_add(1, Ordering::Relaxed);
        let connection = Mutex::new(connection);
        let mut ledger = Self { connection, keys, recovered: Recovered::default(), opening };
        ledger.recovered = ledger.transaction(recover)?;
        Ok(ledger)
    }

    /// What was found reserved at opening.
    #[must_use]
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// Forgets quota windows long past: minutes after a day, days after 400. Call it now and then.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn prune(&self, now_ms: i64) -> Result<(), Error> {
        self.transaction(|transaction| prune(transaction, now_ms))
    }

    /// Runs `step` in a transaction that is committed if it succeeds.
    pub(crate) fn transaction<T>(
        &self,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.transaction_if(|transaction| Ok((step(transaction)?, true)))
    }

    /// Runs `step` in a transaction that is committed if it says so, and rolled back otherwise.
    /// A crash before the commit leaves nothing; when this returns, what was committed is on disk.
    pub(crate) fn transaction_if<T>(
        &self,
        step: impl FnOnce(&Transaction<'_>) -> Result<(T, bool), Error>,
    ) -> Result<T, Error> {
        let mut connection = self.connection.lock().map_err(poisoned)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (value, commit) = step(&transaction)?;
        if commit {
            transaction.commit()?;
        }
        Ok(value)
    }
}
