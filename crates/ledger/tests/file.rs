//! The file: who may read it, who may have it, and what is refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ledger::{Counter, Demand, Error, Ledger, Measure, NewKey, Reserve, Scope, Window};
use rusqlite::Connection;

fn new_key() -> NewKey {
    NewKey {
        use_case: "letters".into(),
        actor: "actor".into(),
        roles: vec![],
        expires_ms: None,
        label: "x".repeat(200),
    }
}

fn refused(path: &Path) -> Error {
    match Ledger::open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn only_its_user_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    let _ = ledger.issue_key(new_key(), 0).unwrap();
    let mut files = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap().path();
        assert_eq!(mode(&entry), 0o600, "{}", entry.display());
        files += 1;
    }
    assert!(files >= 2, "the database and its write-ahead log");
    drop(ledger);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(Ledger::open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn one_holder_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    assert!(matches!(refused(&path), Error::InUse { .. }));
    // The one who has it is not disturbed, and its reservations were not ended by the attempt.
    let counter = Counter { scope: Scope::Key("k".into()), measure: Measure::Tokens, window: Window::Day };
    let demands = [Demand { counter: counter.clone(), amount: 5, limit: 9 }];
    let Reserve::Granted(reservation) = ledger.reserve(&demands, 0).unwrap() else { panic!("over") };
    assert!(matches!(refused(&path), Error::InUse { .. }));
    assert_eq!(ledger.usage(&counter, 0).unwrap().reserved, 5);
    ledger.settle(reservation, 5).unwrap();
    drop(ledger);
    assert_eq!(Ledger::open(&path).unwrap().usage(&counter, 0).unwrap().used, 5);
}

#[test]
fn what_is_not_a_ledger_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "this is not a database, but it is long enough to look at ".repeat(40)).unwrap();
    let before = fs::read(&text).unwrap();
    let error = refused(&text);
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("text"), "the file is named: {error}");
    assert_eq!(fs::read(&text).unwrap(), before);

    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    let before = fs::read(&foreign).unwrap();
    assert!(matches!(refused(&foreign), Error::Foreign { .. }));
    assert_eq!(fs::read(&foreign).unwrap(), before);

    let newer = folder.path().join("newer.db");
    drop(Ledger::open(&newer).unwrap());
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(refused(&newer), Error::Newer { found: 99, known: 4, .. }));

    let missing = folder.path().join("no/such/folder/ledger.db");
    assert!(matches!(refused(&missing), Error::File { .. }));
}

/// Damage anywhere: either the ledger opens and works, or it is refused; it never panics, and damage to the
/// structure of the file is found.
#[test]
fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    for _ in 0..60 {
        let _ = ledger.issue_key(new_key(), 0).unwrap();
    }
    drop(ledger);
    let sound = fs::read(&path).unwrap();
    let pages = sound.len() / 4096;
    assert!(pages >= 6, "{pages} pages");
    let mut found = 0;
    for page in 0..pages {
        let mut bytes = sound.clone();
        // The head of each b-tree page: type, free blocks, number of cells, their offsets.
        let begin = page * 4096 + if page == 0 { 100 } else { 0 };
        bytes[begin..begin + 24].fill(0xa5);
        fs::write(&path, &bytes).unwrap();
        match Ledger::open(&path) {
            Ok(ledger) => drop(ledger),
            Err(Error::Corrupt { .. } | Error::Foreign { .. } | Error::Newer { .. }) => found += 1,
            Err(other) => panic!("page {page}: {other}"),
        }
        let _ = fs::remove_file(folder.path().join("ledger.db-wal"));
    }
    assert_eq!(found, pages, "damage to every page is found");
    for length in [1, 99, 100, 2048, 4096, sound.len() - 4096, sound.len() - 1] {
        fs::write(&path, &sound[..length]).unwrap();
        let error = refused(&path);
        assert!(matches!(error, Error::Corrupt { .. }), "{length} bytes: {error}");
        let _ = fs::remove_file(folder.path().join("ledger.db-wal"));
    }
    fs::write(&path, &sound).unwrap();
    assert_eq!(Ledger::open(&path).unwrap().list_keys().unwrap().len(), 60);
}
