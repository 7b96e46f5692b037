//! The ledger itself: one file that one process has, and counters there or in a shared database.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use rusqlite::{Connection, Transaction};

use crate::counters::Recovered;
use crate::fault::Faults;
use crate::informed::People;
use crate::keys::KeyIndex;
use crate::store::{CounterStore, Opened, QuotaStore};
use crate::writer::Writer;
use crate::{Error, database, postgres, secret, sqlite};

/// Openings in this process, to tell their reservations apart.
static OPENINGS: AtomicU64 = AtomicU64::new(0);

/// A number that no other opening in this process has.
pub(crate) fn new_opening() -> u64 {
    OPENINGS.fetch_add(1, Ordering::Relaxed)
}

/// Durable state: keys, quota counters, what people acknowledged and learnt. Calls block until what they did is on disk;
/// share it behind an `Arc` and call it where blocking is allowed. [`Ledger::find_key`], [`Ledger::list_keys`],
/// [`Ledger::person`] and [`Ledger::people`] touch memory only.
pub struct Ledger {
    /// Ends before the writer of the file, which it may use.
    pub(crate) counters: Box<dyn CounterStore>,
    writer: Arc<Writer>,
    pub(crate) keys: RwLock<KeyIndex>,
    pub(crate) people: People,
    pub(crate) faults: Faults,
    pub(crate) store: QuotaStore,
    pub(crate) recovered: Recovered,
    latest_ms: Option<i64>,
}

impl Ledger {
    /// Opens the ledger at `path`, creating it (mode 0600) if absent, and ends the reservations of a process
    /// that is gone. One process has a ledger at a time. Counters are kept in the same file.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Corrupt`], [`Error::Foreign`], [`Error::Newer`], [`Error::File`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path, QuotaStore::Sqlite, Faults::default())
    }

    /// The same, with counters in `store`, and with failures that a test sets.
    ///
    /// # Errors
    /// As [`Ledger::open`]; [`Error::StoreGone`] and its kin for a database that does not answer or is not fit.
    pub fn open_with(path: impl AsRef<Path>, store: QuotaStore, faults: Faults) -> Result<Self, Error> {
        Self::start(database::open(path.as_ref())?, store, faults)
    }

    /// A ledger that vanishes with the process.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn in_memory() -> Result<Self, Error> {
        Self::start(database::in_memory()?, QuotaStore::Sqlite, Faults::default())
    }

    fn start(connection: Connection, store: QuotaStore, faults: Faults) -> Result<Self, Error> {
        let (gateway, moved) = whereabouts(&connection, &store)?;
        let seen_ms = sqlite::latest_ms(&connection)?;
        let mut index = KeyIndex::load(&connection, seen_ms)?;
        let people = People::load(&connection)?;
        let writer = Arc::new(Writer::start(connection, faults.clone())?);
        let opened = match &store {
            QuotaStore::Sqlite => sqlite::open(&writer, new_opening(), moved)?,
            QuotaStore::Postgres(postgres) => postgres::open(postgres, gateway, faults.clone(), moved)?,
        };
        let Opened { store: counters, recovered, latest_ms } = opened;
        let latest_ms = latest_ms.max(seen_ms);
        latest_ms.inspect(|&latest_ms| index.set_latest_ms(latest_ms));
        let keys = RwLock::new(index);
        Ok(Self { counters, writer, keys, people, faults, store, recovered, latest_ms })
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

    /// Runs `step` in a transaction of the file that is committed if it succeeds.
    pub(crate) fn transaction<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.writer.transaction(step)
    }
}

/// What this gateway is called, drawn once, and whether it counted elsewhere before: then the counters that it left
/// there are not in this store. It is remembered as moved once they were counted again ([`Ledger::replace`]).
fn whereabouts(connection: &Connection, store: &QuotaStore) -> Result<(String, bool), Error> {
    const FIRST: &str = "sqlite";
    let (gateway, before) = match sqlite::gateway(connection)? {
        Some(found) => found,
        None if matches!(store, QuotaStore::Sqlite) => return Ok((String::new(), false)),
        None => {
            let gateway = secret::draw_gateway()?;
            sqlite::name_gateway(connection, &gateway, FIRST)?;
            (gateway, FIRST.to_owned())
        }
    };
    Ok((gateway, before != store.place()))
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
