//! Epochs close, the oldest are pruned, and what is left verifies as it did.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use proptest::{prelude::*, test_runner::TestRunner};
use provenance::{
    AdminRef, Error, Leaf, Log, LogExported, LogOptions, LogPruned, PruneOrder, Receipt, Shown, VerifierKey,
    months_before, show, store::FolderStore, verify, verify_each,
};

use crate::{
    faults::signer,
    flips::{files, flip, names},
    note::independent_check,
    samples::{
        START_MS, block_on, configuration, denied, fill, folder, id, intent, name, options, outcome,
        set_clock, subject,
    },
};

pub const DAY_MS: i64 = 24 * 3600 * 1000;
pub const EPOCH_MS: i64 = 30 * DAY_MS;

pub fn at(now: &Arc<AtomicI64>) -> LogOptions {
    LogOptions { clock: set_clock(now), ..options() }
}

pub fn order(before_ms: i64) -> PruneOrder {
    PruneOrder { before_ms, waive_minimum: false, by: AdminRef { uid: 1000 } }
}

pub fn prune(log: &Log, order: PruneOrder) -> Result<LogPruned, Error> {
    let appended = log.prune(order)?.blocking_wait()?;
    let entry = provenance::Entry::parse(appended.entry.as_bytes())?;
    let Leaf::LogPruned(pruned) = entry.leaf else { panic!("not a pruning") };
    Ok(pruned)
}

/// What was handed out while the log was whole.
pub struct Kept {
    pub receipts: Vec<Receipt>,
    pub checkpoints: Vec<String>,
}

/// An epoch of traffic for each number of leaves, each with requests that got receipts; the clock stands a year later
/// at the end.
pub fn build(dir: &Path, now: &Arc<AtomicI64>, epochs: &[u64]) -> Kept {
    let key = subject(dir).request_key(&id(1));
    let mut kept = Kept { receipts: Vec::new(), checkpoints: Vec::new() };
    let (log, _) = Log::open_with(Box::new(FolderStore::open(dir).unwrap()), signer(), at(now)).unwrap();
    log.append(configuration()).unwrap().blocking_wait().unwrap();
    for (epoch, count) in (0u8..).zip(epochs) {
        now.store(START_MS + i64::from(epoch) * EPOCH_MS, Ordering::Relaxed);
        fill(&log, count / 2);
        let name = u128::from(epoch) * 2 + 10;
        let served = block_on(log.admit(intent(id(name)))).unwrap();
        fill(&log, count / 2);
        kept.receipts.push(block_on(served.seal(outcome(), &key)).unwrap());
        let refused = Leaf::Denied(Box::new(denied(id(name + 1))));
        let refused = log.append(refused).unwrap().blocking_wait().unwrap();
        kept.receipts.push(log.receipt(id(name + 1), &refused, &key).unwrap());
        kept.checkpoints.push(log.checkpoint());
    }
    log.shutdown();
    now.store(START_MS + 365 * DAY_MS, Ordering::Relaxed);
    kept
}

pub fn reopen(dir: &Path, now: &Arc<AtomicI64>) -> Result<Log, Error> {
    Log::open_with(Box::new(FolderStore::open(dir)?), signer(), at(now)).map(|(log, _)| log)
}

pub fn key() -> VerifierKey {
    signer().verifier()
}

/// Everything that was handed out still holds, against the folder and against a copy of its public part.
pub fn holds(dir: &Path, kept: &Kept) {
    for receipt in &kept.receipts {
        receipt.verify(&key()).unwrap();
    }
    for old in &kept.checkpoints {
        verify(dir, &key(), Some(old)).unwrap();
    }
    verify(&dir.join("public"), &key(), kept.checkpoints.last().map(String::as_str)).unwrap();
}

fn leaves(dir: &Path) -> Vec<Shown> {
    let mut all = Vec::new();
    show(dir, |leaf| {
        all.push(leaf);
        true
    })
    .unwrap();
    all
}

fn closed(dir: &Path) -> Vec<String> {
    files(&dir.join("journal.d"))
        .iter()
        .map(|f| f.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_epoch_closes_its_file_where_a_bundle_ends() {
    let dir = folder();
    let now = Arc::new(AtomicI64::new(START_MS));
    build(dir.path(), &now, &[300, 40, 300, 600]);
    // The first epoch ends in the bundle until 512, which the second does not fill: the third closes it.
    assert_eq!(closed(dir.path()), ["00000000000000000000", "00000000000000000512"]);
    let report = verify(dir.path(), &key(), None).unwrap();
    assert_eq!((report.leaves, report.pruned), (1 + 300 + 40 + 300 + 600 + 12, None));
    let again = reopen(dir.path(), &now).unwrap();
    fill(&again, 3);
    again.shutdown();
    assert_eq!(verify(dir.path(), &key(), None).unwrap().leaves, report.leaves + 3);
}

/// At every boundary there is: proofs hold, what is left is the same, and it goes on.
#[test]
fn whatever_is_pruned_the_rest_verifies() {
    let epochs = prop::collection::vec(20u64..700, 2..5);
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12) });
    runner
        .run(&(epochs, 0i64..5, 0u64..300), |(epochs, cut, more)| {
            let dir = folder();
            let now = Arc::new(AtomicI64::new(START_MS));
            let kept = build(dir.path(), &now, &epochs);
            let whole = leaves(dir.path());
            let report = verify(dir.path(), &key(), None).unwrap();
            let log = reopen(dir.path(), &now).unwrap();
            match prune(&log, order(START_MS + cut * EPOCH_MS)) {
                Err(Error::NothingToPrune { .. }) => {
                    log.shutdown();
                    prop_assert_eq!(verify(dir.path(), &key(), None).unwrap(), report);
                    return Ok(());
                }
                pruned => check_pruned(dir.path(), &kept, &whole, &pruned.unwrap())?,
            }
            fill(&log, more);
            log.append(configuration()).unwrap().blocking_wait().unwrap();
            log.shutdown();
            let log = reopen(dir.path(), &now).unwrap();
            drop(block_on(log.admit(intent(id(9000)))).unwrap());
            log.shutdown();
            holds(dir.path(), &kept);
            Ok(())
        })
        .unwrap();
}

fn check_pruned(dir: &Path, kept: &Kept, whole: &[Shown], pruned: &LogPruned) -> Result<(), TestCaseError> {
    holds(dir, kept);
    let left = leaves(dir);
    let before = usize::try_from(pruned.before).unwrap();
    prop_assert_eq!(&left[..left.len() - 1], &whole[before..]);
    prop_assert!(
        whole[..before].iter().all(|leaf| (pruned.from_ms..=pruned.to_ms).contains(&leaf.entry.ts_ms))
    );
    let report = verify(dir, &key(), None).unwrap();
    let sealed = report.pruned.unwrap();
    prop_assert_eq!((sealed.pruned, sealed.base, sealed.index), (*pruned, pruned.before, whole.len() as u64));
    let mut given = Vec::new();
    verify_each(&dir.join("public"), &key(), |leaf| given.push(leaf)).unwrap();
    prop_assert_eq!(&given, &left);
    for bundle in 0..pruned.before / 256 {
        let is_there = |kind: &str| dir.join(format!("public/tile/{kind}/{bundle:03}")).exists();
        prop_assert!(!is_there("entries") && is_there("0"));
    }
    // Nowhere a byte of what is gone.
    let gone = whole[before - 1].json.as_bytes();
    for file in files(dir) {
        let bytes = fs::read(&file).unwrap();
        prop_assert!(!bytes.windows(gone.len()).any(|w| w == gone), "{}", file.display());
    }
    Ok(())
}

/// Three closed epochs, two of them pruned.
fn pruned(dir: &Path) -> (Arc<AtomicI64>, Kept) {
    let now = Arc::new(AtomicI64::new(START_MS));
    let kept = build(dir, &now, &[300, 300, 300, 300]);
    let log = reopen(dir, &now).unwrap();
    assert_eq!(prune(&log, order(START_MS + 2 * EPOCH_MS + DAY_MS)).unwrap().before, 768);
    log.shutdown();
    (now, kept)
}

#[test]
fn one_flipped_byte_of_a_pruned_log_is_named() {
    let dir = folder();
    let _ = pruned(dir.path());
    for (root, cases) in [(dir.path().to_owned(), 120), (dir.path().join("public"), 60)] {
        let mut candidates = files(&dir.path().join("public"));
        if root == dir.path() {
            candidates.extend(files(&dir.path().join("journal.d")));
            candidates.push(dir.path().join("journal"));
        }
        let mut runner = TestRunner::new(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(cases)
        });
        runner
            .run(&(0..candidates.len(), any::<usize>(), 1u8..=255), |(file, at, mask)| {
                let file = &candidates[file];
                let before = flip(file, at, mask);
                let result = verify(&root, &key(), None);
                fs::write(file, before).unwrap();
                let name = file.strip_prefix(&root).unwrap().to_str().unwrap();
                let error = result.expect_err(name);
                let in_bundle = name.contains("entries") && error.to_string().contains(name);
                prop_assert!(names(&error, name) || in_bundle, "{} gave: {}", name, error);
                Ok(())
            })
            .unwrap();
        verify(&root, &key(), None).unwrap();
    }
}

#[test]
fn an_independent_program_accepts_what_was_pruned_and_nothing_more() {
    let dir = folder();
    let (_, kept) = pruned(dir.path());
    let public = dir.path().join("public");
    // The one for clients, on a receipt whose leaves are gone, with Python's own library alone.
    let receipt = dir.path().join("receipt.json");
    fs::write(&receipt, serde_json::to_string(&kept.receipts[0]).unwrap()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/clients/python/check_receipt.py");
    let client =
        || Command::new("python3").arg(script).arg(key().to_string()).args([&public, &receipt]).output();
    let Ok(said) = client() else { return };
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success() && text.contains("the receipt hold"), "{text}{said:?}");
    let Some(said) = independent_check(&key(), &public) else { return };
    assert_eq!(said, (true, "pruned before 768\n".to_owned()));
    fs::remove_file(public.join("tile/entries/003")).unwrap();
    assert!(!independent_check(&key(), &public).unwrap().0 && !client().unwrap().status.success());
}

/// A hash of a pruned leaf that was changed stops the start, too; and what is missing without a sealed pruning is named.
#[test]
fn what_no_pruning_removed_is_missed() {
    let dir = folder();
    let (now, _) = pruned(dir.path());
    let before = flip(&dir.path().join("public/tile/0/001"), 77, 4);
    assert!(matches!(reopen(dir.path(), &now).map(drop), Err(Error::Fork { .. })));
    fs::write(dir.path().join("public/tile/0/001"), before).unwrap();
    let bundle = dir.path().join("public/tile/entries/003");
    let bytes = fs::read(&bundle).unwrap();
    fs::remove_file(&bundle).unwrap();
    for root in [dir.path().to_owned(), dir.path().join("public")] {
        let error = verify(&root, &key(), None).unwrap_err();
        assert!(matches!(&error, Error::Missing { path } if path == "tile/entries/003"), "{error}");
    }
    fs::write(&bundle, bytes).unwrap();
    let oldest = dir.path().join("journal.d").join(&closed(dir.path())[0]);
    assert!(oldest.ends_with("00000000000000000768"));
    fs::remove_file(&oldest).unwrap();
    assert!(matches!(verify(dir.path(), &key(), None), Err(Error::Unaccounted { before: 1024 })));
    assert!(matches!(reopen(dir.path(), &now).map(drop), Err(Error::Unaccounted { before: 1024 })));
}

#[test]
fn six_months_are_kept_unless_somebody_says_otherwise() {
    let dir = folder();
    let now = Arc::new(AtomicI64::new(START_MS));
    build(dir.path(), &now, &[300, 300, 300]);
    // 2027-01-17 and six months less a day.
    now.store(START_MS + (60 + 180) * DAY_MS, Ordering::Relaxed);
    let log = reopen(dir.path(), &now).unwrap();
    let young = order(START_MS + 2 * EPOCH_MS);
    assert!(matches!(prune(&log, young), Err(Error::TooYoung { months: 6 })));
    let waived = prune(&log, PruneOrder { waive_minimum: true, ..young }).unwrap();
    assert!(waived.minimum_waived && waived.before == 512);
    // Nothing is left that old; the log goes on, and a later pruning says what all of them removed.
    let nothing = prune(&log, order(START_MS)).unwrap_err();
    assert!(matches!(nothing, Error::NothingToPrune { closed: true, .. }), "{nothing}");
    now.store(START_MS + 2 * 365 * DAY_MS, Ordering::Relaxed);
    fill(&log, 600);
    let later = prune(&log, order(START_MS + 365 * DAY_MS)).unwrap();
    assert!(later.before > 512 && later.from_ms == waived.from_ms && !later.minimum_waived);
    let future = order(START_MS + 3 * 365 * DAY_MS);
    let future = prune(&log, PruneOrder { waive_minimum: true, ..future });
    assert!(matches!(future, Err(Error::TooYoung { .. })));
    let by_hand = log.append(Leaf::LogPruned(later));
    assert!(matches!(by_hand, Err(Error::Leaf { field: "event", .. })));
    log.shutdown();
    assert_eq!(verify(dir.path(), &key(), None).unwrap().pruned.unwrap().pruned, later);
}

#[test]
fn months_are_those_of_the_calendar() {
    let ms = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    assert_eq!(months_before(ms("2026-08-31T12:00:00Z"), 6), Some(ms("2026-02-28T12:00:00Z")));
    assert_eq!(months_before(ms("2026-11-27T00:00:00Z"), 6), Some(ms("2026-05-27T00:00:00Z")));
    assert_eq!(months_before(i64::MAX, 6), None);
}

/// Formats that others read.
#[test]
fn golden_leaves() {
    let by = AdminRef { uid: 1000 };
    let pruned = LogPruned { before: 512, from_ms: START_MS, to_ms: START_MS + 1, minimum_waived: false, by };
    let exported = LogExported {
        by,
        format: name("csv"),
        from_ms: Some(START_MS),
        until_ms: None,
        use_case: Some(name("demo")),
        data_subjects: 0,
        rows: 7,
    };
    let text = |leaf| {
        let entry = provenance::Entry { v: 1, seq: 600, ts_ms: START_MS, leaf };
        let bytes = entry.encode().unwrap();
        assert_eq!(provenance::Entry::parse(&bytes).unwrap(), entry);
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(
        text(Leaf::LogPruned(pruned)),
        r#"{"before":"512","by":{"uid":1000},"event":"log_pruned","from_ms":"1795000000000","minimum_waived":false,"seq":"600","to_ms":"1795000000001","ts_ms":"1795000000000","v":1}"#
    );
    assert_eq!(
        text(Leaf::LogExported(exported)),
        r#"{"by":{"uid":1000},"data_subjects":"0","event":"log_exported","format":"csv","from_ms":"1795000000000","rows":"7","seq":"600","ts_ms":"1795000000000","use_case":"demo","v":1}"#
    );
}

/// The intent of a request that still runs stays, and what came after it.
#[test]
fn a_running_request_is_not_pruned_away() {
    let dir = folder();
    let now = Arc::new(AtomicI64::new(START_MS));
    let log = reopen(dir.path(), &now).unwrap();
    fill(&log, 300);
    let running = block_on(log.admit(intent(id(1)))).unwrap();
    for epoch in 1..4 {
        now.store(START_MS + epoch * EPOCH_MS, Ordering::Relaxed);
        fill(&log, 300);
    }
    now.store(START_MS + 365 * DAY_MS, Ordering::Relaxed);
    let all = order(START_MS + 4 * EPOCH_MS);
    assert!(matches!(prune(&log, all), Err(Error::NothingToPrune { .. })));
    let key_of_request = subject(dir.path()).request_key(&id(1));
    block_on(running.seal(outcome(), &key_of_request)).unwrap().verify(&key()).unwrap();
    assert_eq!(prune(&log, all).unwrap().before, 1024);
    log.shutdown();
    verify(dir.path(), &key(), None).unwrap();
}

/// An outcome whose intent was pruned is the end of a request that nobody can name any more, and nothing else.
#[test]
fn an_outcome_may_outlive_its_intent() {
    let dir = folder();
    let now = Arc::new(AtomicI64::new(START_MS));
    let log = reopen(dir.path(), &now).unwrap();
    fill(&log, 300);
    let across = block_on(log.admit(intent(id(1)))).unwrap();
    now.store(START_MS + EPOCH_MS, Ordering::Relaxed);
    fill(&log, 300);
    now.store(START_MS + 2 * EPOCH_MS, Ordering::Relaxed);
    fill(&log, 300);
    drop(across);
    fill(&log, 10);
    now.store(START_MS + 365 * DAY_MS, Ordering::Relaxed);
    assert_eq!(prune(&log, order(START_MS + 2 * EPOCH_MS + DAY_MS)).unwrap().before, 768);
    log.shutdown();
    reopen(dir.path(), &now).unwrap().shutdown();
    let report = verify(dir.path(), &key(), None).unwrap();
    assert_eq!((report.events.get("intent"), report.events["outcome"]), (None, 1));
}
