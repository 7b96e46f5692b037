//! What can go wrong with durable state. Every one of these closes the request that met it.

use std::path::PathBuf;
use std::sync::Arc;

/// Why the ledger could not do what was asked. No message holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be created, opened or given its mode.
    #[error("ledger {path}: {source}; check that the state folder exists and belongs to this user")]
    File {
        /// Path of the database.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another process has it.
    #[error("ledger {path} is in use by another process; administer a running server through its socket")]
    InUse {
        /// Path of the database.
        path: PathBuf,
    },
    /// The file is damaged or not a database.
    #[error(
        "ledger {path} is damaged ({detail}); keep the file, restore a backup or issue new keys in a new one"
    )]
    Corrupt {
        /// Path of the database.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// A sound SQLite database that is not a ledger.
    #[error("{path} is a database of another program; point the state folder elsewhere")]
    Foreign {
        /// Path of the database.
        path: PathBuf,
    },
    /// Written by a newer version of this program.
    #[error("ledger {path} has format {found}, this program knows up to {known}; run the newer program")]
    Newer {
        /// Path of the database.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest known here.
        known: i64,
    },
    /// SQLite failed while at work: disk full, I/O error.
    #[error("ledger: {0}; nothing was changed by this step")]
    Database(#[source] Arc<rusqlite::Error>),
    /// A step beside this one failed in a way that undid the transaction of both.
    #[error(
        "ledger: the transaction was undone by a failure beside this step; nothing was changed, try again"
    )]
    RolledBack,
    /// Counters cannot be replaced under running requests.
    #[error("requests have quota reserved; stop the server, and count again then")]
    Reserved,
    /// The system gives no thread.
    #[error("ledger: no thread for its writer: {0}")]
    Thread(std::io::Error),
    /// The text that says where counters are kept is not the address of a database, or of one that is not safe to use.
    #[error("the quota store's address {0}")]
    StoreAddress(String),
    /// The shared database does not answer, or failed at work.
    #[error("quota store {place}: {why}; requests are denied until it answers")]
    StoreGone {
        /// Host and database.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// The tables were made by a newer version of this program.
    #[error(
        "quota store {place} has format {found}, this program knows up to {known}; run the newer program"
    )]
    StoreNewer {
        /// Host and database.
        place: String,
        /// Its format.
        found: i32,
        /// The newest known here.
        known: i32,
    },
    /// Another process counts under this gateway's name.
    #[error(
        "quota store {place}: another process counts as {gateway}, so this one has stopped counting; a state folder \
         belongs to one server (give a copy its own by removing ledger.sqlite), then restart"
    )]
    StoreTakenOver {
        /// Host and database.
        place: String,
        /// The name.
        gateway: String,
    },
    /// The database lost what this gateway had counted.
    #[error(
        "quota store {place} no longer has what {gateway} counted (emptied, or an older state restored?); stop every \
         gateway, run `proeftuin quota rebuild` for each, and start them again"
    )]
    StoreReset {
        /// Host and database.
        place: String,
        /// The name.
        gateway: String,
    },
    /// The thread that has the file or the connection has ended.
    #[error("ledger: its writer has ended; restart the program, and look in its log for why")]
    WriterGone,
    /// The system gave no random bytes.
    #[error("no random bytes from the system: {0}")]
    Random(getrandom::Error),
    /// No key of this id or prefix.
    #[error("no key has the id or prefix \"{0}\"; see the list of keys")]
    NoSuchKey(String),
    /// The key is revoked or expired and cannot be rotated.
    #[error("key {0} is revoked or expired; issue a new one instead")]
    KeyEnded(String),
    /// A new key says something that cannot be meant.
    #[error("new key: {field} {reason}")]
    NewKey {
        /// The field.
        field: &'static str,
        /// What is wrong with it and what to do.
        reason: &'static str,
    },
    /// An acknowledgement or attestation says something that cannot be meant.
    #[error("{field} {reason}")]
    Informed {
        /// The field.
        field: &'static str,
        /// What is wrong with it and what to do.
        reason: &'static str,
    },
    /// A reservation of another opening of the ledger, which was ended when this one was opened.
    #[error("the reservation belongs to an earlier opening of the ledger; it was ended already")]
    StaleReservation,
    /// A thread panicked while it held the ledger, so what is in memory cannot be relied on.
    #[error("the ledger was left in the middle of a step; restart the program")]
    Poisoned,
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// A poisoned lock is an error, never ignored.
pub(crate) fn poisoned<T>(_: std::sync::PoisonError<T>) -> Error {
    Error::Poisoned
}
