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

#[cfg(test)]
mod tests {
    //! The disk fails: every step says so, changes nothing, and errs on the side of refusing.

    use super::*;
    use crate::{Counter, Demand, KeyStatus, Measure, NewKey, Reserve, Scope, Window};

    fn fail_writes(ledger: &Ledger, fail: bool) {
        let connection = ledger.connection.lock().unwrap();
        connection.pragma_update(None, "query_only", if fail { "ON" } else { "OFF" }).unwrap();
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
