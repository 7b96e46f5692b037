//! The copy that a web server hosts is whole, follows the log, and holds nothing that was pruned.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use provenance::{
    AdminRef, Error, Log, LogOptions, PruneOrder, Witness, cosign_request, publish_copy, verify,
    verify_witnessed,
};

use crate::{
    flips::{files, flip},
    samples::{START_MS, block_on, fill, folder, options, set_clock},
};

const EPOCH_MS: i64 = 30 * 24 * 3600 * 1000;

fn names(dir: &Path) -> Vec<String> {
    let name = |file: &std::path::PathBuf| file.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
    files(dir).iter().map(name).collect()
}

#[test]
fn a_copy_follows_the_log() {
    let (dir, out) = (folder(), folder());
    let now = Arc::new(AtomicI64::new(START_MS));
    let at = LogOptions { clock: set_clock(&now), ..options() };
    let (log, _) = Log::open(dir.path(), at).unwrap();
    let key = log.verifier_key().clone();
    let copy = || publish_copy(dir.path(), &key, out.path());
    fill(&log, 100);
    block_on(log.publish()).unwrap();
    assert_eq!(copy().unwrap().signed_leaves, 100);
    assert_eq!(names(out.path()), ["checkpoint", "tile/0/000.p/100", "tile/entries/000.p/100"]);
    for epoch in 1..4 {
        now.store(START_MS + epoch * EPOCH_MS, Ordering::Relaxed);
        fill(&log, 300);
    }
    block_on(log.publish()).unwrap();
    assert_eq!(copy().unwrap().signed_leaves, 1000);
    assert!(!names(out.path()).contains(&"tile/0/000.p/100".to_owned()));
    // A cosigned checkpoint goes along, and what was pruned goes away.
    let witness = Witness::generate("w").unwrap();
    let note = cosign_request(out.path(), &key, 0).unwrap();
    let note = witness.cosign(&note, &key, None, 1).unwrap();
    block_on(log.cosigned(note, witness.public())).unwrap();
    now.store(START_MS + 365 * 24 * 3600 * 1000, Ordering::Relaxed);
    // A day into the third epoch, whose first leaves filled the second one's bundle.
    let before_ms = START_MS + 2 * EPOCH_MS + EPOCH_MS / 30;
    let order = PruneOrder { before_ms, waive_minimum: false, by: AdminRef { uid: 1 } };
    log.prune(order).unwrap().blocking_wait().unwrap();
    let report = copy().unwrap();
    assert_eq!((report.signed_leaves, report.pruned.unwrap().pruned.before), (1001, 512));
    let there = names(out.path());
    assert!(!there.contains(&"tile/entries/001".to_owned()) && there.contains(&"tile/0/001".to_owned()));
    assert_eq!(
        verify_witnessed(out.path(), &key, None, &witness.public()).unwrap().witnessed.unwrap().size,
        1000
    );
    log.shutdown();
    assert_eq!(verify(dir.path(), &key, None).unwrap().root, report.root);
}

#[test]
fn a_copy_that_is_not_the_log_is_named() {
    let (dir, out) = (folder(), folder());
    let (log, _) = Log::open(dir.path(), options()).unwrap();
    let key = log.verifier_key().clone();
    fill(&log, 300);
    log.shutdown();
    let copy = || publish_copy(dir.path(), &key, out.path());
    copy().unwrap();
    for file in files(out.path()) {
        // The checkpoint is written anew; a tile never changes, so one that did is somebody's doing.
        let before = flip(&file, 40, 1);
        let again = copy();
        assert_eq!(again.is_ok(), file.ends_with("checkpoint"), "{}", file.display());
        fs::write(&file, before).unwrap();
    }
    fs::write(out.path().join(".part"), "what a crash left").unwrap();
    copy().unwrap();
    fs::write(out.path().join("index.html"), "mine").unwrap();
    assert!(matches!(copy(), Err(Error::Unexpected { path }) if path == "index.html"));
}
