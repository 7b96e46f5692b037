//! The power is cut after any call to the system: a child process works on a log under `strace`, and every state that the
//! disk may then be in is built from the calls and opened. Nothing acknowledged is lost, and everything verifies.
//!
//! A disk keeps what was synced: the bytes of a file by `fsync` or `fdatasync` of it, a name by `fsync` of its folder. Of the
//! rest it has nothing, everything, or any part in any order, and a write may be there in part (`disk.rs`).

mod disk;
mod trace;

use std::{
    collections::BTreeSet,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use provenance::{KeyRing, Log, LogOptions, ReceiptId, show, tree::leaf_hash, verify};

use crate::{
    prune::{DAY_MS, EPOCH_MS, at, order, prune},
    samples::{
        ORIGIN, START_MS, block_on, configuration, fill, folder, id, intent, options, outcome, subject,
    },
};
use disk::{Disk, Kept};
use trace::Op;

const CHILD: &str = "PROVENANCE_POWER_CHILD";
/// Set to look at every call and not at one in [`STRIDE`].
const ALL: &str = "PROVENANCE_POWER_ALL";
const STRIDE: usize = 7;
/// The file of a log's first epoch.
const OLDEST: &str = "00000000000000000000";

/// One write a line, so that the trace has it between the calls that it depends on.
fn say(words: &str) {
    let line = format!("\nack {words}\n");
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

fn acknowledge(index: u64, hash: &[u8]) {
    say(&format!("leaf {index} {}", hex::encode(hash)));
}

/// Runs only in the child: a first start, requests of every kind, a full tile, and one request that is never sealed.
#[test]
fn child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let dir = Path::new(&dir);
    let log_dir = dir.join("state/log");
    let again = log_dir.exists();
    let (log, _) = Log::open(&log_dir, options()).unwrap();
    if again {
        // The recovery of a log that was cut is what is looked at.
        std::process::exit(0);
    }
    let key = subject(&log_dir).request_key(&id(1));
    say(&format!("key {}", key.to_hex().as_str()));
    for round in 0..3 {
        let request = block_on(log.admit(intent(id(round * 2)))).unwrap();
        acknowledge(request.intent().index, &request.intent().leaf_hash);
        drop(block_on(log.admit(intent(id(round * 2 + 1)))).unwrap());
        let alone = log.append(configuration()).unwrap().blocking_wait().unwrap();
        acknowledge(alone.index, &alone.leaf_hash);
        let receipt = block_on(request.seal(outcome(), &key)).unwrap();
        let sealed = &receipt.leaves[1];
        acknowledge(sealed.index, &leaf_hash(sealed.leaf.as_bytes()));
        if round == 1 {
            fill(&log, 250);
        }
    }
    let open = block_on(log.admit(intent(id(99)))).unwrap();
    acknowledge(open.intent().index, &open.intent().leaf_hash);
    block_on(log.publish()).unwrap();
    // No order in this end: what is open stays open.
    std::process::exit(0);
}

/// What the child was told until some call.
#[derive(Default, Clone)]
struct Told {
    leaves: Vec<(usize, String)>,
    key: Option<String>,
}

impl Told {
    fn hear(&mut self, words: &str) {
        match words.split(' ').collect::<Vec<_>>()[..] {
            ["leaf", index, hash] => self.leaves.push((index.parse().unwrap(), hash.to_owned())),
            ["key", key] => self.key = Some(key.to_owned()),
            _ => panic!("an acknowledgement that nobody makes: {words}"),
        }
    }
}

/// The log in `dir` opens, and has what was acknowledged.
fn check(dir: &Path, told: &Told, place: &str) {
    let log_dir = dir.join("state/log");
    let (log, _) = Log::open(&log_dir, LogOptions::new(ORIGIN)).unwrap_or_else(|e| panic!("{place}: {e}"));
    log.shutdown();
    let report = verify(&log_dir, log.verifier_key(), None).unwrap_or_else(|e| panic!("{place}: {e}"));
    assert!(report.open.is_empty() && report.unfinished_bytes == 0, "{place}: a request stays open");
    let mut hashes = Vec::new();
    let mut ids = BTreeSet::new();
    show(&log_dir, |leaf| {
        hashes.push(hex::encode(leaf_hash(leaf.json.as_bytes())));
        if let provenance::Leaf::Intent(intent) = leaf.entry.leaf {
            assert!(ids.insert(intent.request.id.0), "{place}: a request is there twice");
        }
        true
    })
    .unwrap();
    for (index, hash) in &told.leaves {
        assert_eq!(hashes.get(*index), Some(hash), "{place}: leaf {index} was acknowledged");
    }
    if let Some(key) = &told.key {
        let ring = KeyRing::open(&log_dir.join("epochs.json")).unwrap_or_else(|e| panic!("{place}: {e}"));
        let pseudonym = ring.find_actor(692, "someone");
        assert!(pseudonym.is_some(), "{place}: the key of an actor was acknowledged");
        let found = ring.actor(692, "someone").unwrap();
        assert_eq!(found.request_key(&ReceiptId(1_u128.to_be_bytes())).to_hex().as_str(), key, "{place}");
    }
}

/// Some of the states that a disk may be in after the call of this number.
fn kept(seed: usize) -> [Kept; 5] {
    let seed = seed as u64;
    [Kept::Synced, Kept::All, Kept::Some(seed * 3), Kept::Some(seed * 3 + 1), Kept::Some(seed * 3 + 2)]
}

/// Opens what a cut leaves after each call (one in `stride`). Gives some of those states, and how many there were.
fn cut_everywhere(
    mut disk: Disk,
    ops: &[Op],
    mut told: Told,
    stride: usize,
) -> (Vec<(PathBuf, Told)>, usize) {
    let (mut seen, mut states) = (BTreeSet::new(), 0);
    let mut torn = Vec::new();
    for (number, op) in ops.iter().enumerate() {
        match op {
            Op::Ack(words) => told.hear(words),
            op => disk.apply(op),
        }
        // What was just said rests on the calls before it, so that is always looked at.
        if number % stride != 0 && !matches!(op, Op::Ack(_)) {
            continue;
        }
        for kept in kept(number) {
            let image = disk.image(kept);
            if !seen.insert((image.digest(), told.leaves.len())) {
                continue;
            }
            states += 1;
            let dir = folder();
            image.write(dir.path());
            check(dir.path(), &told, &format!("cut after call {number} ({op:?}), {kept:?} of the rest kept"));
            // A few of those with something left to do are kept for a second cut.
            if matches!(kept, Kept::Some(_))
                && !told.leaves.is_empty()
                && states >= 17 * (torn.len() + 1)
                && torn.len() < 4
            {
                let again = folder().keep();
                image.write(&again);
                torn.push((again, told.clone()));
            }
        }
    }
    (torn, states)
}

fn stride() -> usize {
    if std::env::var_os(ALL).is_some() { 1 } else { STRIDE }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_is_cut() {
    let root = folder();
    let Some(ops) = trace::record("power_cut::child", CHILD, root.path()) else {
        println!("skipped: there is no strace here, or it may not trace");
        return;
    };
    let acknowledged = ops.iter().filter(|op| matches!(op, Op::Ack(_))).count();
    assert_eq!(acknowledged, 11, "ten leaves and a key: {} calls", ops.len());
    let (torn, states) = cut_everywhere(Disk::empty(root.path()), &ops, Told::default(), stride());
    assert!(states > 100, "only {states} states of the disk");
    // And once more, while what the first cut left is being recovered.
    let mut recovering = 0;
    for (dir, told) in torn {
        let disk = Disk::of(&dir);
        let ops = trace::record("power_cut::child", CHILD, &dir).expect("it traced before");
        recovering += cut_everywhere(disk, &ops, told, stride()).1;
        std::fs::remove_dir_all(dir).unwrap();
    }
    println!("{} calls, {states} states of the disk, {recovering} more while recovering", ops.len());
    assert!(recovering > 10, "only {recovering} states while recovering");
}

const PRUNING: &str = "PROVENANCE_POWER_PRUNING";

/// Runs only in the child: an epoch ends, and the two before it are pruned.
#[test]
fn pruning_child() {
    let Ok(dir) = std::env::var(PRUNING) else { return };
    let now = Arc::new(AtomicI64::new(START_MS + 365 * DAY_MS));
    let (log, _) = Log::open(&Path::new(&dir).join("log"), at(&now)).unwrap();
    log.append(configuration()).unwrap().blocking_wait().unwrap();
    let pruned = prune(&log, order(START_MS + 2 * EPOCH_MS)).unwrap();
    say(&format!("pruned {}", pruned.before));
    std::process::exit(0);
}

/// Whatever is cut, the rest verifies, what was handed out holds, and a pruning that was sealed is finished at the next start.
#[test]
fn a_pruning_is_whole_when_the_power_is_cut() {
    let root = folder();
    let log_dir = root.path().join("log");
    let now = Arc::new(AtomicI64::new(START_MS));
    let (log, _) = Log::open(&log_dir, at(&now)).unwrap();
    // The next leaf is the first of a bundle, and of another epoch, so it closes a file.
    for (epoch, leaves) in [(0, 300), (1, 300), (2, 424)] {
        now.store(START_MS + epoch * EPOCH_MS, Ordering::Relaxed);
        fill(&log, leaves);
    }
    let (older, key) = (log.checkpoint(), log.verifier_key().clone());
    log.shutdown();
    let mut disk = Disk::of(root.path());
    let Some(ops) = trace::record("power_cut::pruning_child", PRUNING, root.path()) else {
        println!("skipped: there is no strace here, or it may not trace");
        return;
    };
    let (mut seen, mut finished, mut pruned) = (BTreeSet::new(), 0, false);
    for (number, op) in ops.iter().enumerate() {
        match op {
            Op::Ack(words) => pruned = words == "pruned 512",
            op => disk.apply(op),
        }
        for kept in kept(number) {
            let image = disk.image(kept);
            if !seen.insert((image.digest(), pruned)) {
                continue;
            }
            let (dir, place) =
                (folder(), format!("cut after call {number} ({op:?}), {kept:?} of the rest kept"));
            image.write(dir.path());
            let log_dir = dir.path().join("log");
            let (log, _) =
                Log::open(&log_dir, LogOptions::new(ORIGIN)).unwrap_or_else(|e| panic!("{place}: {e}"));
            log.shutdown();
            let report = verify(&log_dir, &key, Some(&older)).unwrap_or_else(|e| panic!("{place}: {e}"));
            let before = report.pruned.map(|sealed| (sealed.base, sealed.pruned.before));
            assert!(before == Some((512, 512)) || (before.is_none() && !pruned), "{place}: {before:?}");
            let left = log_dir.join("public/tile/entries/001").exists()
                || log_dir.join("journal.d").join(OLDEST).exists();
            assert_eq!(left, before.is_none(), "{place}");
            finished += usize::from(before.is_some() && !pruned);
        }
    }
    println!("{} calls, {} states of the disk, {finished} with a pruning to finish", ops.len(), seen.len());
    assert!(pruned && seen.len() > 20 && finished > 5, "{} states, {finished} to finish", seen.len());
}

/// The model of the disk would find a name that was never synced.
#[test]
fn a_file_whose_folder_was_never_synced_is_gone() {
    let root = Path::new("/r");
    let mut disk = Disk::empty(root);
    let path = root.join("a/b");
    disk.apply(&Op::MakeFolder(root.join("a")));
    disk.apply(&Op::Create(path.clone()));
    disk.apply(&Op::Write(path.clone(), b"text".to_vec()));
    disk.apply(&Op::Sync(path.clone()));
    assert!(disk.image(Kept::Synced).files().is_empty());
    assert_eq!(disk.image(Kept::All).files(), [(PathBuf::from("a/b"), b"text".to_vec())]);
    disk.apply(&Op::Sync(root.join("a")));
    assert!(disk.image(Kept::Synced).files().is_empty(), "the folder itself has no name yet");
    disk.apply(&Op::Sync(root.to_owned()));
    assert_eq!(disk.image(Kept::Synced).files(), [(PathBuf::from("a/b"), b"text".to_vec())]);
    // A name that changed and was not synced is the old one or the new one.
    disk.apply(&Op::Rename(path, root.join("a/c")));
    assert_eq!(disk.image(Kept::Synced).files()[0].0, PathBuf::from("a/b"));
    assert_eq!(disk.image(Kept::All).files()[0].0, PathBuf::from("a/c"));
}
