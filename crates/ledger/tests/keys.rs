//! Keys: what is valid, for how long, and what of it lies on the disk.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use ledger::{Error, KeyStatus, Ledger, NewKey};

fn new_key() -> NewKey {
    NewKey {
        use_case: "letters".into(),
        actor: "actor-1".into(),
        roles: vec!["officer".into(), "author".into(), "officer".into()],
        expires_ms: None,
        label: "first".into(),
    }
}

fn status(ledger: &Ledger, secret: &str, now_ms: i64) -> &'static str {
    match ledger.find_key(secret, now_ms).unwrap() {
        KeyStatus::Valid(_) => "valid",
        KeyStatus::Revoked(_) => "revoked",
        KeyStatus::Expired(_) => "expired",
        KeyStatus::Unknown => "unknown",
    }
}

/// Every byte of every file in a folder.
fn bytes_in(folder: &Path) -> Vec<u8> {
    fs::read_dir(folder).unwrap().flat_map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_key_survives_a_restart_and_its_secret_is_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    let issued = ledger.issue_key(new_key(), 1000).unwrap();
    let text = issued.secret.to_string();
    assert_eq!(text.len(), 4 + 10 + 1 + 64);
    assert!(text.starts_with(&format!("ptk_{}_", issued.prefix)));
    let KeyStatus::Valid(record) = ledger.find_key(&text, 1000).unwrap() else { panic!("not valid") };
    assert_eq!(record.roles, ["author", "officer"]);
    assert_eq!((record.use_case.as_str(), record.actor.as_str()), ("letters", "actor-1"));
    drop(ledger);
    let bytes = bytes_in(folder.path());
    assert!(
        contains(&bytes, &issued.prefix),
        "the prefix is stored, so the search below looks in the right place"
    );
    assert!(!contains(&bytes, &text[15..]), "the secret is on the disk");
    let again = Ledger::open(&path).unwrap();
    assert_eq!(again.find_key(&text, 1000).unwrap(), KeyStatus::Valid(record));
}

#[test]
fn anything_else_is_unknown() {
    let ledger = Ledger::in_memory().unwrap();
    let issued = ledger.issue_key(new_key(), 0).unwrap();
    let other = ledger.issue_key(new_key(), 0).unwrap();
    let text = issued.secret.as_str();
    let mixed = format!("ptk_{}_{}", other.prefix, &text[15..]);
    let upper = text.to_uppercase();
    let longer = format!("{text}0");
    for wrong in
        ["", "ptk_", "ptk__", "Bearer x", &text[..78], &longer, &upper, &mixed, &issued.prefix, "ptk_é_é"]
    {
        assert_eq!(status(&ledger, wrong, 0), "unknown", "{wrong:?}");
    }
    // Every character of the secret counts.
    for at in 15..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        assert_eq!(status(&ledger, std::str::from_utf8(&bytes).unwrap(), 0), "unknown", "{at}");
    }
    assert_eq!(status(&ledger, text, 0), "valid");
}

#[test]
fn revoking_holds_at_once_and_after_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    let by_id = ledger.issue_key(new_key(), 0).unwrap();
    let by_prefix = ledger.issue_key(new_key(), 0).unwrap();
    ledger.revoke_key(&by_id.id, 5).unwrap();
    assert_eq!(ledger.revoke_key(&by_id.id, 9).unwrap().revoked_ms, Some(5), "the first moment stays");
    ledger.revoke_key(&by_prefix.prefix, 6).unwrap();
    for key in [&by_id, &by_prefix] {
        assert_eq!(status(&ledger, &key.secret, 7), "revoked");
        assert_eq!(status(&ledger, &key.secret, -7), "revoked", "whatever the clock says");
    }
    assert!(matches!(ledger.rotate_key(&by_id.id, 10, 7), Err(Error::KeyEnded(_))));
    drop(ledger);
    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(status(&ledger, &by_id.secret, 7), "revoked");
    let revoked: Vec<_> = ledger.list_keys().unwrap().iter().map(|key| key.revoked_ms).collect();
    assert!(revoked.contains(&Some(5)) && revoked.contains(&Some(6)), "{revoked:?}");
}

#[test]
fn a_pasted_key_does_not_end_up_in_the_message() {
    let ledger = Ledger::in_memory().unwrap();
    let elsewhere = Ledger::in_memory().unwrap().issue_key(new_key(), 0).unwrap();
    let message = ledger.revoke_key(&elsewhere.secret, 0).unwrap_err().to_string();
    assert!(message.contains(&elsewhere.prefix) && !message.contains(&elsewhere.secret[15..]), "{message}");
}

#[test]
fn expiry_and_a_clock_that_is_set_back() {
    let ledger = Ledger::in_memory().unwrap();
    let issued = ledger.issue_key(NewKey { expires_ms: Some(100), ..new_key() }, 0).unwrap();
    assert_eq!(status(&ledger, &issued.secret, 99), "valid");
    assert_eq!(status(&ledger, &issued.secret, 100), "expired");
    assert_eq!(status(&ledger, &issued.secret, 50), "expired", "setting the clock back revives nothing");
    assert!(matches!(ledger.rotate_key(&issued.id, 0, 50), Err(Error::KeyEnded(_))));
}

#[test]
fn rotation_overlaps_and_then_ends_the_old_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    let old = ledger.issue_key(new_key(), 0).unwrap();
    let new = ledger.rotate_key(&old.prefix, 100, 1000).unwrap();
    assert_eq!(old.id, new.id);
    assert_ne!(old.prefix, new.prefix);
    // A second rotation does not lengthen the life of the first secret.
    let newest = ledger.rotate_key(&old.id, 100, 1050).unwrap();
    let at = |ledger: &Ledger, now_ms| [&old, &new, &newest].map(|key| status(ledger, &key.secret, now_ms));
    assert_eq!(at(&ledger, 1099), ["valid", "valid", "valid"]);
    assert_eq!(at(&ledger, 1100), ["expired", "valid", "valid"]);
    drop(ledger);
    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(at(&ledger, 1149), ["expired", "valid", "valid"]);
    assert_eq!(at(&ledger, 1150), ["expired", "expired", "valid"]);
    assert_eq!(ledger.list_keys().unwrap()[0].secrets.len(), 3);
    ledger.revoke_key(&old.prefix, 1200).unwrap();
    assert_eq!(at(&ledger, 1200), ["revoked", "revoked", "revoked"]);
}

#[test]
fn an_ephemeral_key_is_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    let kept = ledger.issue_key(new_key(), 0).unwrap();
    let demo = ledger.issue_ephemeral_key(NewKey { actor: "demo-actor".into(), ..new_key() }, 1).unwrap();
    let rotated = ledger.rotate_key(&demo.id, 50, 2).unwrap();
    assert_eq!(status(&ledger, &demo.secret, 3), "valid");
    assert_eq!(status(&ledger, &rotated.secret, 3), "valid");
    let listed = ledger.list_keys().unwrap();
    assert_eq!(listed.iter().map(|key| key.ephemeral).collect::<Vec<_>>(), [false, true]);
    let bytes = bytes_in(folder.path());
    assert!(contains(&bytes, &kept.prefix));
    for text in [&demo.id, &demo.prefix, &rotated.prefix, "demo-actor"] {
        assert!(!contains(&bytes, text), "{text} is on the disk");
    }
    ledger.revoke_key(&demo.id, 4).unwrap();
    assert_eq!(status(&ledger, &demo.secret, 4), "revoked");
    drop(ledger);
    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(status(&ledger, &demo.secret, 3), "unknown");
    assert_eq!(ledger.list_keys().unwrap().len(), 1);
}

#[test]
fn what_a_new_key_must_say() {
    let ledger = Ledger::in_memory().unwrap();
    let wrong = [
        ("use_case", NewKey { use_case: " ".into(), ..new_key() }),
        ("actor", NewKey { actor: String::new(), ..new_key() }),
        ("roles", NewKey { roles: vec![String::new()], ..new_key() }),
        ("expires_ms", NewKey { expires_ms: Some(10), ..new_key() }),
    ];
    for (named, new) in wrong {
        let Err(Error::NewKey { field, .. }) = ledger.issue_key(new, 10) else { panic!("{named} accepted") };
        assert_eq!(field, named);
    }
    assert!(ledger.list_keys().unwrap().is_empty());
}

#[test]
fn many_threads_issue_find_and_revoke() {
    let ledger = Ledger::in_memory().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let issued = ledger.issue_key(new_key(), 0).unwrap();
                    assert_eq!(status(&ledger, &issued.secret, 0), "valid");
                    ledger.revoke_key(&issued.prefix, 1).unwrap();
                    assert_eq!(status(&ledger, &issued.secret, 1), "revoked");
                }
            });
        }
    });
    let keys = ledger.list_keys().unwrap();
    let prefixes: std::collections::BTreeSet<_> = keys.iter().map(|key| &key.secrets[0].prefix).collect();
    assert_eq!((keys.len(), prefixes.len()), (160, 160));
}
