//! What people acknowledged and learnt survives restarts, is replaced whole, and errs on the side of refusing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected has failed"
)]

use ledger::{Acknowledgement, Attestation, Error, Failure, Faults, Ledger, Person, Point, QuotaStore};

fn acknowledged(version: &str, byte: u8, at_ms: i64) -> Acknowledgement {
    Acknowledgement { version: version.into(), sha256: [byte; 32], at_ms }
}

fn attested(by: &str, until_ms: i64) -> Attestation {
    Attestation { given_by: by.into(), at_ms: 10, until_ms }
}

#[test]
fn a_person_is_the_same_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(ledger.person("ann").unwrap(), Person::default());
    ledger.acknowledge("ann", "staff", acknowledged("1", 1, 5)).unwrap();
    ledger.acknowledge("ann", "staff", acknowledged("2", 2, 6)).unwrap();
    ledger.acknowledge("ann", "other", acknowledged("1", 3, 7)).unwrap();
    ledger.attest("ann", "basics", attested("bea", 20)).unwrap();
    ledger.attest("ann", "basics", attested("carl", 30)).unwrap();
    ledger.attest("dirk", "basics", attested("carl", 40)).unwrap();
    let before = ledger.people().unwrap();
    drop(ledger);
    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(ledger.people().unwrap(), before);
    let ann = ledger.person("ann").unwrap();
    assert_eq!(ann.acknowledgements["staff"], acknowledged("2", 2, 6), "the last one");
    assert_eq!(ann.acknowledgements["other"], acknowledged("1", 3, 7));
    assert_eq!(ann.attestations["basics"], attested("carl", 30));
    assert_eq!(ledger.person("dirk").unwrap().attestations["basics"].until_ms, 40);
}

#[test]
fn what_is_withdrawn_is_forgotten_at_once_and_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = Ledger::open(&path).unwrap();
    ledger.acknowledge("ann", "staff", acknowledged("1", 1, 5)).unwrap();
    ledger.attest("ann", "basics", attested("bea", 20)).unwrap();
    assert!(ledger.withdraw_acknowledgement("ann", "staff").unwrap());
    assert!(!ledger.withdraw_acknowledgement("ann", "staff").unwrap());
    assert!(!ledger.withdraw_attestation("ann", "staff").unwrap());
    assert!(ledger.person("ann").unwrap().acknowledgements.is_empty());
    assert!(ledger.withdraw_attestation("ann", "basics").unwrap());
    assert!(ledger.people().unwrap().is_empty(), "nothing is left of a person of whom nothing is kept");
    drop(ledger);
    assert!(Ledger::open(&path).unwrap().people().unwrap().is_empty());
}

#[test]
fn a_failing_disk_grants_nothing_and_takes_away_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let faults = Faults::default();
    let ledger = Ledger::open_with(&path, QuotaStore::Sqlite, faults.clone()).unwrap();
    ledger.acknowledge("ann", "staff", acknowledged("1", 1, 5)).unwrap();
    ledger.attest("ann", "basics", attested("bea", 20)).unwrap();
    for point in [Point::Begin, Point::Step, Point::Commit] {
        faults.strike(point, Failure::Full);
        assert!(matches!(
            ledger.acknowledge("ann", "staff", acknowledged("2", 2, 6)),
            Err(Error::Database(_) | Error::RolledBack)
        ));
        assert!(ledger.attest("ann", "basics", attested("bea", 99)).is_err());
        faults.heal();
        let ann = ledger.person("ann").unwrap();
        assert_eq!(ann.acknowledgements["staff"], acknowledged("1", 1, 5), "{point:?}");
        assert_eq!(ann.attestations["basics"].until_ms, 20, "{point:?}");
    }
    faults.strike(Point::Informed, Failure::InputOutput);
    assert!(ledger.person("ann").is_err());
    faults.strike(Point::Commit, Failure::InputOutput);
    assert!(ledger.withdraw_acknowledgement("ann", "staff").is_err());
    faults.heal();
    assert!(ledger.person("ann").unwrap().acknowledgements.is_empty(), "it counts on");
    // Said again, it reaches the disk, though memory has it no more.
    assert!(ledger.withdraw_acknowledgement("ann", "staff").unwrap());
    drop(ledger);
    assert!(Ledger::open(&path).unwrap().person("ann").unwrap().acknowledgements.is_empty());
}

#[test]
fn what_cannot_be_meant_is_refused_by_field() {
    let ledger = Ledger::in_memory().unwrap();
    let field = |outcome: Result<(), Error>| match outcome {
        Err(Error::Informed { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(ledger.acknowledge(" ", "staff", acknowledged("1", 1, 5))), "actor");
    assert_eq!(field(ledger.acknowledge("ann", "", acknowledged("1", 1, 5))), "guidance");
    assert_eq!(field(ledger.acknowledge("ann", "staff", acknowledged("", 1, 5))), "version");
    assert_eq!(field(ledger.attest("ann\n", "basics", attested("bea", 20))), "actor");
    assert_eq!(field(ledger.attest("ann", &"x".repeat(257), attested("bea", 20))), "training");
    assert_eq!(field(ledger.attest("ann", "basics", attested("", 20))), "by");
    assert_eq!(field(ledger.attest("ann", "basics", attested("bea", 10))), "until");
    assert!(ledger.people().unwrap().is_empty());
}

/// A ledger of the format before this one, as an earlier program left it, is taken further and loses nothing.
#[test]
fn a_ledger_of_the_format_before_is_taken_further() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = Ledger::open(&path).unwrap();
    let new = ledger::NewKey {
        use_case: "u".into(),
        actor: "ann".into(),
        roles: Vec::new(),
        expires_ms: None,
        label: String::new(),
    };
    let key = ledger.issue_key(new, 0).unwrap();
    drop(ledger);
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch("DROP TABLE acknowledgements; DROP TABLE attestations; PRAGMA user_version = 2;")
        .unwrap();
    drop(old);
    let ledger = Ledger::open(&path).unwrap();
    assert!(matches!(ledger.find_key(&key.secret, 1).unwrap(), ledger::KeyStatus::Valid(_)));
    ledger.acknowledge("ann", "staff", acknowledged("1", 1, 5)).unwrap();
    drop(ledger);
    assert_eq!(Ledger::open(&path).unwrap().person("ann").unwrap().acknowledgements.len(), 1);
}
