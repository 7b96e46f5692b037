//! The file: mode, lock, migrations, soundness. One process has it at a time.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use crate::Error;

/// `PRAGMA application_id` of a ledger: "PTLG".
const APPLICATION_ID: i64 = 0x5054_4c47;

/// The smallest page SQLite knows.
const PAGE_BYTES_MIN: u64 = 512;

/// Migrations in order; `user_version` counts how many were applied. Never edit one that was released.
const MIGRATIONS: [&str; 4] = [
    "
    CREATE TABLE keys (
        id         TEXT    NOT NULL PRIMARY KEY,
        use_case   TEXT    NOT NULL,
        actor      TEXT    NOT NULL,
        label      TEXT    NOT NULL,
        created_ms INTEGER NOT NULL,
        expires_ms INTEGER,
        revoked_ms INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE key_roles (
        key_id TEXT NOT NULL REFERENCES keys (id),
        role   TEXT NOT NULL,
        PRIMARY KEY (key_id, role)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE key_secrets (
        prefix     TEXT    NOT NULL PRIMARY KEY,
        key_id     TEXT    NOT NULL REFERENCES keys (id),
        sha256     BLOB    NOT NULL CHECK (length(sha256) = 32),
        created_ms INTEGER NOT NULL,
        ends_ms    INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE counters (
        scope_kind TEXT    NOT NULL,
        scope      TEXT    NOT NULL,
        measure    TEXT    NOT NULL,
        window     TEXT    NOT NULL,
        start_ms   INTEGER NOT NULL,
        used       INTEGER NOT NULL CHECK (used >= 0),
        reserved   INTEGER NOT NULL CHECK (reserved >= 0),
        PRIMARY KEY (scope_kind, scope, measure, window, start_ms)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX counters_by_age ON counters (window, start_ms);
",
    // The latest moment at which anything was reserved: a clock before it was set back.
    "
    CREATE TABLE clock (
        only      INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
        latest_ms INTEGER NOT NULL
    ) STRICT;
",
    // Where this gateway counts, and what it is called where several count together.
    "
    CREATE TABLE quota_store (
        only    INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
        gateway TEXT    NOT NULL,
        place   TEXT    NOT NULL
    ) STRICT;
",
    // What people acknowledged and learnt: the last of each.
    "
    CREATE TABLE acknowledgements (
        actor    TEXT    NOT NULL,
        guidance TEXT    NOT NULL,
        version  TEXT    NOT NULL,
        sha256   BLOB    NOT NULL CHECK (length(sha256) = 32),
        at_ms    INTEGER NOT NULL,
        PRIMARY KEY (actor, guidance)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE attestations (
        actor    TEXT    NOT NULL,
        training TEXT    NOT NULL,
        given_by TEXT    NOT NULL,
        at_ms    INTEGER NOT NULL,
        until_ms INTEGER NOT NULL,
        PRIMARY KEY (actor, training)
    ) STRICT, WITHOUT ROWID;
",
];

/// Opens the file at `path`, creating it with mode 0600, and brings it up to date.
pub(crate) fn open(path: &Path) -> Result<Connection, Error> {
    let size_bytes = own_file(path).map_err(|source| Error::File { path: path.into(), source })?;
    check_size(path, size_bytes)?;
    let mut connection = Connection::open(path).map_err(|error| translate(path, &Arc::new(error)))?;
    prepare(&mut connection, path).map_err(|error| match error {
        Error::Database(error) => translate(path, &error),
        other => other,
    })?;
    Ok(connection)
}

/// A database that vanishes with the process.
pub(crate) fn in_memory() -> Result<Connection, Error> {
    let mut connection = Connection::open_in_memory()?;
    prepare(&mut connection, Path::new(":memory:"))?;
    Ok(connection)
}

/// The file with mode 0600, before SQLite sees it; its `-wal` takes over the mode. Gives its size.
fn own_file(path: &Path) -> std::io::Result<u64> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o777 != 0o600 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(file.metadata()?.len())
}

/// SQLite takes a few bytes for an empty database and fills up a page that was cut short: a truncated ledger
/// would pass for a new one. Only a write-ahead log, which is replayed, excuses a size that is not whole.
fn check_size(path: &Path, size_bytes: u64) -> Result<(), Error> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if size_bytes.is_multiple_of(PAGE_BYTES_MIN) || Path::new(&log).exists() {
        return Ok(());
    }
    let detail = format!("{size_bytes} bytes are not a whole number of pages");
    Err(Error::Corrupt { path: path.into(), detail })
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    connection.busy_timeout(Duration::from_millis(250))?;
    // Exclusive: the lock is taken at the first read and kept, so there is one process, and one writer.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // Keys are few and hold nothing to be read later from freed pages.
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    // A confined process has no folder for temporary files.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    check_origin(connection, path)?;
    let _: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let sound: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if sound != "ok" {
        return Err(Error::Corrupt { path: path.into(), detail: sound });
    }
    migrate(connection, path)
}

fn pragma(connection: &Connection, name: &str) -> Result<i64, Error> {
    Ok(connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?)
}

/// A database with tables and without our mark is somebody else's.
fn check_origin(connection: &Connection, path: &Path) -> Result<(), Error> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && pragma(connection, "application_id")? != APPLICATION_ID {
        return Err(Error::Foreign { path: path.into() });
    }
    Ok(())
}

/// Applies what is missing in one transaction: after a crash either all of it holds or none.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let known = MIGRATIONS.len() as i64;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let found = pragma(&transaction, "user_version")?;
    if found > known {
        return Err(Error::Newer { path: path.into(), found, known });
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", known)?;
    Ok(transaction.commit()?)
}

/// SQLite's error codes → what they mean to whoever opens the file.
fn translate(path: &Path, error: &Arc<rusqlite::Error>) -> Error {
    let path = path.to_path_buf();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::InUse { path },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Error::Corrupt { path, detail: error.to_string() }
        }
        _ => Error::Database(Arc::clone(error)),
    }
}
