use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use provenance::{
    DenialCounter, EndReason, Error, Leaf, Log, LogOptions, Proven, Receipt, Status, UnauthenticatedReason,
    VerifierKey, journal, show, verify,
};

use crate::samples::{
    ORIGIN, START_MS, block_on, configuration, denied, fill, folder, id, intent, leaves, open, options,
    outcome, subject,
};

fn key(log: &Log) -> VerifierKey {
    VerifierKey::parse(&log.verifier_key().to_string()).unwrap()
}

fn shown(dir: &Path) -> Vec<Leaf> {
    let mut all = Vec::new();
    show(dir, |leaf| {
        all.push(leaf.entry.leaf);
        true
    })
    .unwrap();
    all
}

fn append_to_journal(dir: &Path, bytes: &[u8]) {
    let mut journal = fs::read(dir.join("journal")).unwrap();
    journal.extend_from_slice(bytes);
    fs::write(dir.join("journal"), journal).unwrap();
}

#[test]
fn a_day_in_the_log() {
    let dir = folder();
    let (log, recovery) = open(dir.path());
    assert!(recovery.created && recovery.aborted.is_empty());
    for leaf in leaves() {
        log.append(leaf).unwrap().blocking_wait().unwrap();
    }
    let request_key = subject(dir.path()).request_key(&id(2));
    let receipt = block_on(async {
        let request = log.admit(intent(id(2))).await.unwrap();
        request.seal(outcome(), &request_key).await.unwrap()
    });
    let text = serde_json::to_string(&receipt).unwrap();
    let receipt: Receipt = serde_json::from_str(&text).unwrap();
    let Proven::Served { intent, outcome: sealed } = receipt.verify(&key(&log)).unwrap() else { panic!() };
    assert_eq!((intent.request.id, sealed.facts), (id(2), outcome()));
    assert_eq!(intent.prev_config_event, Some(1));
    assert_eq!(receipt.key().unwrap().commit(b"hello"), request_key.commit(b"hello"));
    block_on(log.publish()).unwrap();
    log.shutdown();

    let report = verify(dir.path(), &key(&log), Some(&log.checkpoint())).unwrap();
    // One of each kind, and a request with its outcome.
    let all = leaves().len() as u64 + 2;
    assert_eq!((report.leaves, report.signed_leaves), (all, all));
    assert_eq!(report.events["denied"], 1);
    assert!(report.open.is_empty() && report.contains_checkpoint == Some(all));
    let export = verify(&dir.path().join("public"), &key(&log), None).unwrap();
    assert_eq!(export.root, report.root);
    assert_eq!(shown(dir.path()), shown(&dir.path().join("public")));
    assert_eq!(shown(dir.path())[0], leaves()[0]);
    let mode = fs::metadata(dir.path().join("keys/log.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_to_string(dir.path().join("log.vkey")).unwrap().trim(), key(&log).to_string());
}

#[test]
fn a_changed_receipt_does_not_verify() {
    let dir = folder();
    let (log, _) = open(dir.path());
    fill(&log, 5);
    let request_key = subject(dir.path()).request_key(&id(2));
    let appended = log.append(Leaf::Denied(Box::new(denied(id(2))))).unwrap().blocking_wait().unwrap();
    fill(&log, 5);
    let receipt = || log.receipt(id(2), &appended, &request_key).unwrap();
    assert!(matches!(receipt().verify(&key(&log)), Ok(Proven::Denied(_))));
    let mut other = receipt();
    other.id = id(3);
    assert!(other.verify(&key(&log)).is_err());
    let mut other = receipt();
    other.leaves[0].index += 1;
    assert!(other.verify(&key(&log)).is_err());
    let mut other = receipt();
    other.leaves[0].leaf = other.leaves[0].leaf.replace("enter", "clear");
    assert!(other.verify(&key(&log)).is_err());
    let mut other = receipt();
    other.leaves.clear();
    assert!(other.verify(&key(&log)).is_err());
    let stranger = folder();
    assert!(receipt().verify(&key(&open(stranger.path()).0)).is_err());
}

#[test]
fn every_way_out_of_a_request_is_sealed_once() {
    let dir = folder();
    let (log, _) = open(dir.path());
    let request_key = subject(dir.path()).request_key(&id(1));
    block_on(async {
        drop(log.admit(intent(id(1))).await.unwrap());
        log.admit(intent(id(2))).await.unwrap().abort(Status::Failed, EndReason::Engine);
        // Cancelled while the intent is on its way: polled once, then dropped.
        let mut admission = Box::pin(log.admit(intent(id(3))));
        let waker = std::task::Waker::noop();
        let _ = admission.as_mut().poll(&mut std::task::Context::from_waker(waker));
        drop(admission);
        // Sealed with a broken outcome: refused, and aborted instead.
        let mut broken = outcome();
        broken.reason = Some(EndReason::Crash);
        let request = log.admit(intent(id(4))).await.unwrap();
        assert!(matches!(request.seal(broken, &request_key).await, Err(Error::Leaf { .. })));
        // Dropped with a draft.
        let mut request = log.admit(intent(id(5))).await.unwrap();
        request.draft().unwrap().choices = outcome().choices;
    });
    let kept = block_on(log.admit(intent(id(6)))).unwrap();
    log.shutdown();
    drop(kept);
    let report = verify(dir.path(), &key(&log), None).unwrap();
    assert!(report.open.is_empty());
    assert_eq!((report.events["intent"], report.events["outcome"]), (6, 6));
    let reasons: Vec<_> = shown(dir.path())
        .into_iter()
        .filter_map(|leaf| match leaf {
            Leaf::Outcome(outcome) => Some((outcome.id.0[15], outcome.facts.reason.unwrap())),
            _ => None,
        })
        .collect();
    let dropped = EndReason::Dropped;
    for (id, reason) in [
        (1, dropped),
        (2, EndReason::Engine),
        (3, dropped),
        (4, dropped),
        (5, dropped),
        (6, EndReason::Shutdown),
    ] {
        assert!(reasons.contains(&(id, reason)), "{id}");
    }
}

/// Open requests keep the places of their outcomes: a full queue refuses new work and never an outcome.
#[test]
fn a_full_queue_cannot_lose_an_outcome() {
    let dir = folder();
    let mut few = options();
    few.queue_places = 4;
    let (log, _) = Log::open(dir.path(), few).unwrap();
    let guards: Vec<_> = (1..=3).map(|n| block_on(log.admit(intent(id(n)))).unwrap()).collect();
    let refused = block_on(log.admit(intent(id(4)))).map(drop);
    assert!(matches!(refused, Err(Error::QueueFull { capacity: 4 })), "{refused:?}");
    log.append(configuration()).unwrap().blocking_wait().unwrap();
    drop(guards);
    // The outcomes may still be on their way; there is room once the writer took them.
    loop {
        match block_on(log.admit(intent(id(5)))) {
            Err(Error::QueueFull { .. }) => std::thread::yield_now(),
            admitted => break drop(admitted.unwrap()),
        }
    }
    log.shutdown();
    let report = verify(dir.path(), &key(&log), None).unwrap();
    assert_eq!((report.events["intent"], report.events["outcome"]), (4, 4));
}

#[test]
fn one_writer_and_no_open_door() {
    let dir = folder();
    let (log, _) = open(dir.path());
    assert!(matches!(Log::open(dir.path(), options()), Err(Error::Locked { .. })));
    let by_hand = log.append(Leaf::Intent(Box::new(intent(id(1)))));
    assert!(matches!(by_hand, Err(Error::Leaf { field: "event", .. })));
    fill(&log, 1);
    log.shutdown();
    assert!(matches!(log.append(configuration()), Err(Error::LogClosed { .. })));
    assert!(log.closed().is_some());
    let key = dir.path().join("keys/log.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(Log::open(dir.path(), options()), Err(Error::KeyFile { .. })));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(Log::open(dir.path(), LogOptions::new("other")), Err(Error::KeyFile { .. })));
    fs::rename(&key, dir.path().join("elsewhere")).unwrap();
    assert!(matches!(Log::open(dir.path(), options()), Err(Error::KeyFile { .. })));
}

/// Full and partial tiles of several levels' worth, with stops in between, end as one run would.
#[test]
fn tiles_grow_the_same_over_restarts() {
    let dir = folder();
    let mut checkpoints = Vec::new();
    for count in [0, 1, 254, 1, 1, 300] {
        let (log, recovery) = open(dir.path());
        assert!(recovery.aborted.is_empty() && recovery.cut_bytes == 0);
        fill(&log, count);
        checkpoints.push(log.checkpoint());
        log.shutdown();
        for old in &checkpoints {
            verify(dir.path(), &key(&log), Some(old)).unwrap();
        }
    }
    let public = dir.path().join("public");
    let there = |path: &str| public.join(path).exists();
    assert!(
        there("tile/0/000") && there("tile/0/001") && there("tile/0/002.p/45") && there("tile/1/000.p/2")
    );
    assert!(there("tile/entries/001") && there("tile/entries/002.p/45") && !there("tile/entries/001.p"));
    // Everything public derives from the journal again, byte for byte.
    let before = fs::read(public.join("checkpoint")).unwrap();
    fs::remove_dir_all(&public).unwrap();
    open(dir.path()).0.shutdown();
    assert_eq!(fs::read(public.join("checkpoint")).unwrap(), before);
}

#[test]
fn an_unfinished_record_is_cut_and_nothing_else() {
    let dir = folder();
    let (log, _) = open(dir.path());
    fill(&log, 3);
    log.shutdown();
    let whole = fs::read(dir.path().join("journal")).unwrap();
    let next = journal::frame(3, 1, b"\x00\x60unfinished unfinished unfinished unfinished unfinished unfinished unfinished unfinished 0123456789").unwrap();
    for cut in [1, 19, 31, 32, 33, 60, next.len() - 1] {
        let copy = folder();
        fs::create_dir(copy.path().join("keys")).unwrap();
        fs::copy(dir.path().join("keys/log.key"), copy.path().join("keys/log.key")).unwrap();
        fs::write(copy.path().join("journal"), &whole).unwrap();
        append_to_journal(copy.path(), &next[..cut]);
        let (log, recovery) = open(copy.path());
        assert_eq!((recovery.cut_bytes, recovery.leaves), (cut as u64, 4));
        log.shutdown();
        let report = verify(copy.path(), &key(&log), None).unwrap();
        assert_eq!((report.leaves, report.events["recovery"]), (4, 1));
    }
    // A hole where a page of the last record was lost is unfinished too; one changed byte is damage.
    // It may begin in the head's last bytes, too few of which are in the head to be seen there alone.
    for from in [40, 24] {
        let mut hole = next.clone();
        hole[from..80].fill(0);
        append_to_journal(dir.path(), &hole);
        assert_eq!(open(dir.path()).1.cut_bytes, next.len() as u64);
    }
    let mut damaged = journal::frame(5, 1, &next[32..next.len() - 16]).unwrap();
    damaged[50] ^= 1;
    append_to_journal(dir.path(), &damaged);
    let error = Log::open(dir.path(), options()).map(drop).unwrap_err();
    assert!(matches!(error, Error::JournalRecord { first_index: 5, .. }), "{error}");
}

#[test]
fn requests_open_at_a_crash_are_sealed_as_aborted() {
    let dir = folder();
    let (log, _) = open(dir.path());
    fill(&log, 1);
    let (first, second) = block_on(async {
        (log.admit(intent(id(7))).await.unwrap(), log.admit(intent(id(8))).await.unwrap())
    });
    let crashed = folder();
    fs::create_dir(crashed.path().join("keys")).unwrap();
    for file in ["journal", "keys/log.key"] {
        fs::copy(dir.path().join(file), crashed.path().join(file)).unwrap();
    }
    drop((first, second));
    let (log, recovery) = open(crashed.path());
    assert_eq!(recovery.aborted, [id(7), id(8)]);
    log.shutdown();
    let leaves = shown(crashed.path());
    let Leaf::Outcome(outcome) = &leaves[3] else { panic!() };
    assert_eq!((outcome.id, outcome.intent_seq, outcome.facts.reason), (id(7), 1, Some(EndReason::Crash)));
    let Leaf::Recovery(recovered) = &leaves[5] else { panic!() };
    assert_eq!(recovered.sealed_aborted, 2);
    let (_, again) = open(crashed.path());
    assert!(again.aborted.is_empty() && again.leaves == 6);
}

/// The operator holds the key and can sign anything; only an older checkpoint tells.
#[test]
fn rollback_and_fork_are_caught_by_an_older_checkpoint() {
    let dir = folder();
    let (log, _) = open(dir.path());
    fill(&log, 10);
    let old = log.checkpoint();
    log.shutdown();
    let forged = folder();
    fs::create_dir(forged.path().join("keys")).unwrap();
    fs::copy(dir.path().join("keys/log.key"), forged.path().join("keys/log.key")).unwrap();
    let (log, _) = open(forged.path());
    log.append(configuration()).unwrap().blocking_wait().unwrap();
    block_on(log.publish()).unwrap();
    verify(forged.path(), &key(&log), None).unwrap();
    let rollback = verify(forged.path(), &key(&log), Some(&old)).unwrap_err();
    assert!(matches!(rollback, Error::Fork { .. }), "{rollback}");
    fill(&log, 20);
    log.shutdown();
    verify(forged.path(), &key(&log), None).unwrap();
    let fork = verify(forged.path(), &key(&log), Some(&old)).unwrap_err();
    assert!(matches!(fork, Error::Fork { .. }), "{fork}");
    let stranger = verify(dir.path(), &key(&log), Some("not a checkpoint")).unwrap_err();
    assert!(matches!(stranger, Error::Note { what: "older checkpoint", .. }), "{stranger}");
}

#[test]
fn a_journal_behind_its_checkpoint_is_refused() {
    let dir = folder();
    let (log, _) = open(dir.path());
    fill(&log, 1);
    let whole = fs::read(dir.path().join("journal")).unwrap();
    fill(&log, 1);
    log.shutdown();
    for len in [whole.len(), whole.len() + 40] {
        let mut journal = fs::read(dir.path().join("journal")).unwrap();
        journal.truncate(len);
        fs::write(dir.path().join("journal"), journal).unwrap();
        let behind =
            |e: Error| assert!(matches!(e, Error::JournalBehind { journal: 1, checkpoint: 2 }), "{e}");
        behind(verify(dir.path(), &key(&log), None).unwrap_err());
        behind(Log::open(dir.path(), options()).map(drop).unwrap_err());
        let mut longer = whole.clone();
        longer.extend_from_slice(&journal::frame(1, 1, &[0, 1, b'x']).unwrap());
        fs::write(dir.path().join("journal"), longer).unwrap();
    }
}

#[test]
fn denials_without_a_key_become_one_leaf_an_interval() {
    let counter = DenialCounter::new(START_MS);
    assert!(counter.take(START_MS + 1).is_none());
    for _ in 0..3 {
        counter.count(UnauthenticatedReason::MissingKey);
    }
    let Some(Leaf::UnauthenticatedDenials(leaf)) = counter.take(START_MS + 60_000) else { panic!() };
    assert_eq!((leaf.from_ms, leaf.to_ms), (START_MS + 1, START_MS + 60_000));
    assert_eq!(leaf.counts[&UnauthenticatedReason::MissingKey], 3);
    assert!(counter.take(START_MS + 120_000).is_none());
}

/// Receipts do not wait for the public files, and `publish` brings those up to date.
#[test]
fn public_files_may_lag_and_catch_up() {
    let dir = folder();
    let mut slow = options();
    slow.publish_every = Duration::from_secs(3600);
    let (log, _) = Log::open(dir.path(), slow).unwrap();
    fill(&log, 300);
    assert_eq!(verify(dir.path(), &key(&log), None).unwrap().signed_leaves, 0);
    let ahead = log.checkpoint();
    assert!(ahead.starts_with(&format!("{ORIGIN}\n300\n")));
    let report = verify(dir.path(), &key(&log), Some(&ahead)).unwrap();
    assert_eq!(report.contains_checkpoint, Some(300));
    block_on(log.publish()).unwrap();
    assert_eq!(verify(dir.path(), &key(&log), None).unwrap().signed_leaves, 300);
}
