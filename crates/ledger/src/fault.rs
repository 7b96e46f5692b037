//! Failures on demand, so that tests see what a full or broken disk does to whoever relies on the ledger.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::ffi;

use crate::Error;

/// Where a ledger can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Looking a key up.
    Keys,
    /// Looking up what a person acknowledged and learnt.
    Informed,
    /// Beginning a transaction.
    Begin,
    /// Reading or writing within one.
    Step,
    /// Reserving, while looking still works.
    Reserve,
    /// Committing it.
    Commit,
    /// The thread that has the connection ends.
    Writer,
}

/// How: what SQLite would say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The disk is full.
    Full,
    /// The disk does not read or write.
    InputOutput,
    /// The file is damaged.
    Corrupt,
    /// Another process has the file.
    Busy,
}

/// Set by a test, asked by the ledger. One that nobody sets never fails.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Option<(Point, Failure)>>>);

impl Faults {
    /// Fails at `point` until healed.
    pub fn strike(&self, point: Point, failure: Failure) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((point, failure));
    }

    /// Fails no longer. A writer that ended stays ended.
    pub fn heal(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn at(&self, point: Point) -> Result<(), Error> {
        let set = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, failure)) = set.filter(|(there, _)| *there == point) else { return Ok(()) };
        let code = match failure {
            Failure::Full => ffi::SQLITE_FULL,
            Failure::InputOutput => ffi::SQLITE_IOERR,
            Failure::Corrupt => ffi::SQLITE_CORRUPT,
            Failure::Busy => ffi::SQLITE_BUSY,
        };
        Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into())
    }
}
