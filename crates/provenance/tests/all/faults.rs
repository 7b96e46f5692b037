//! The fault table: every writing operation of the store fails once in every way it can, and the log is opened again.
//!
//! | operation | fails, nothing done | fails, done all the same | fails half done |
//! |---|---|---|---|
//! | `append` | ✓ | ✓ | a beginning; a hole |
//! | `put` of a tile, a bundle, a checkpoint | ✓ | ✓ | cannot: it is renamed into place |
//! | `remove_folder` | ✓ | ✓ | some of its files |
//! | `cut` | ✓ | ✓ | cannot: it is one number |
//!
//! `rotate`, `remove_closed` and `remove` come with a new epoch and with pruning: `prune_faults.rs`.
//! What fails in no call, because the power is cut between two, is in `power_cut/`.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use provenance::{
    Appended, Error, Log, VerifierKey, journal, note::NoteSigner, show, store::FolderStore, store::Store,
    verify,
};

use crate::samples::{ORIGIN, block_on, configuration, fill, folder, id, intent, options, outcome, subject};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Operation {
    Append,
    PutTile,
    PutBundle,
    PutCheckpoint,
    RemoveFolder,
    Cut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    NotPersisted,
    Persisted,
    /// A beginning.
    Torn,
    /// All but a part in the middle, which reads as zeros: the parts were written in another order.
    Hole,
}

const TABLE: [(Operation, &[Fault]); 6] = [
    (Operation::Append, &[Fault::NotPersisted, Fault::Persisted, Fault::Torn, Fault::Hole]),
    (Operation::PutTile, &[Fault::NotPersisted, Fault::Persisted]),
    (Operation::PutBundle, &[Fault::NotPersisted, Fault::Persisted]),
    (Operation::PutCheckpoint, &[Fault::NotPersisted, Fault::Persisted]),
    (Operation::RemoveFolder, &[Fault::NotPersisted, Fault::Persisted, Fault::Torn]),
    (Operation::Cut, &[Fault::NotPersisted, Fault::Persisted]),
];

/// Which of the operations of one kind fails, and how.
#[derive(Clone, Copy)]
struct Cell {
    operation: Operation,
    fault: Fault,
    /// From 1.
    nth: usize,
}

struct FaultyStore {
    inner: FolderStore,
    dir: std::path::PathBuf,
    cell: Cell,
    /// Operations of the cell's kind until the fault; zero once it struck.
    left: Arc<Mutex<usize>>,
}

impl FaultyStore {
    fn strikes(&self, operation: Operation) -> bool {
        let mut left = self.left.lock().unwrap();
        let strikes = operation == self.cell.operation && *left == 1;
        if operation == self.cell.operation {
            *left = left.saturating_sub(1);
        }
        strikes
    }

    /// Does the operation as far as the fault lets it, and fails.
    fn fail(&mut self, whole: impl FnOnce(&mut FolderStore) -> io::Result<()>) -> io::Result<()> {
        if self.cell.fault == Fault::Persisted {
            whole(&mut self.inner)?;
        }
        Err(full())
    }
}

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

impl Store for FaultyStore {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.strikes(Operation::Append) {
            return self.inner.append(bytes);
        }
        let middle = bytes.len() / 2;
        match self.cell.fault {
            Fault::Torn => self.inner.append(&bytes[..middle])?,
            Fault::Hole => {
                let mut holed = bytes.to_vec();
                holed[middle - 12..middle + 12].fill(0);
                self.inner.append(&holed)?;
            }
            _ => {}
        }
        self.fail(|inner| inner.append(bytes))
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        if self.strikes(Operation::Cut) {
            return self.fail(|inner| inner.cut(len));
        }
        self.inner.cut(len)
    }

    fn journal(&self) -> io::Result<Vec<journal::Segment>> {
        self.inner.journal()
    }

    fn rotate(&mut self, first: u64) -> io::Result<()> {
        self.inner.rotate(first)
    }

    fn remove_closed(&mut self, first: u64) -> io::Result<()> {
        self.inner.remove_closed(first)
    }

    fn remove(&mut self, paths: &[String]) -> io::Result<()> {
        self.inner.remove(paths)
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let operation = match path {
            "checkpoint" => Operation::PutCheckpoint,
            path if path.starts_with("tile/entries") => Operation::PutBundle,
            _ => Operation::PutTile,
        };
        if self.strikes(operation) {
            return self.fail(|inner| inner.put(path, bytes));
        }
        self.inner.put(path, bytes)
    }

    fn get(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.inner.get(path)
    }

    fn remove_folder(&mut self, path: &str) -> io::Result<()> {
        let place = self.dir.join("public").join(path);
        // Most are not there, and then nothing can fail.
        if !place.is_dir() || !self.strikes(Operation::RemoveFolder) {
            return self.inner.remove_folder(path);
        }
        if self.cell.fault == Fault::Torn {
            let mut files = std::fs::read_dir(&place)?;
            std::fs::remove_file(files.next().expect("a partial tile")?.path())?;
        }
        self.fail(|inner| inner.remove_folder(path))
    }
}

pub fn signer() -> NoteSigner {
    NoteSigner::from_seed(ORIGIN, &[42; 32]).unwrap()
}

/// A little traffic; returns what was acknowledged, and whether the log closed.
fn work(log: &Log, dir: &Path, acknowledged: &mut Vec<Appended>) -> Result<(), Error> {
    let key = subject(dir).request_key(&id(1));
    for round in 0..8 {
        let request = block_on(log.admit(intent(id(round * 2))))?;
        acknowledged.push(request.intent().clone());
        let dropped = block_on(log.admit(intent(id(round * 2 + 1))))?;
        acknowledged.push(dropped.intent().clone());
        acknowledged.push(log.append(configuration())?.blocking_wait()?);
        drop(dropped);
        let receipt = block_on(request.seal(outcome(), &key))?;
        receipt.verify(log.verifier_key())?;
    }
    Ok(())
}

fn check(dir: &Path, key: &VerifierKey, acknowledged: &[Appended]) {
    let report = verify(dir, key, None).unwrap();
    assert!(report.open.is_empty());
    let mut leaves = Vec::new();
    show(dir, |leaf| {
        leaves.push(leaf.json);
        true
    })
    .unwrap();
    for leaf in acknowledged {
        assert_eq!(leaves[usize::try_from(leaf.index).unwrap()], leaf.entry);
    }
    // Nothing is there twice: neither a request nor its end.
    let once = |event: &str| {
        let of = leaves.iter().map(|leaf| serde_json::from_str::<serde_json::Value>(leaf).unwrap());
        let mut ids: Vec<_> = of.filter(|leaf| leaf["event"] == event).map(|l| l["id"].to_string()).collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all, "{event}");
        ids
    };
    let ids = once("intent");
    assert_eq!(ids, once("outcome"), "every request has one end");
    assert!(ids.len() as u64 == report.events.get("intent").copied().unwrap_or_default());
}

/// Returns whether the fault struck.
fn one(cell: Cell) -> bool {
    let dir = folder();
    let healthy = FolderStore::open(dir.path()).unwrap();
    let (log, _) = Log::open_with(Box::new(healthy), signer(), options()).unwrap();
    fill(&log, 235);
    log.shutdown();
    if cell.operation == Operation::Cut {
        // What an earlier crash left; recovery cuts it, and that is what fails.
        let next = journal::frame(235, 1, &[b"\x00\x60".as_slice(), &[b'x'; 0x60]].concat()).unwrap();
        let mut bytes = std::fs::read(dir.path().join("journal")).unwrap();
        bytes.extend_from_slice(&next[..next.len() - 9]);
        std::fs::write(dir.path().join("journal"), bytes).unwrap();
    }
    let left = Arc::new(Mutex::new(cell.nth));
    let mut acknowledged = Vec::new();
    let inner = FolderStore::open(dir.path()).unwrap();
    let store = FaultyStore { inner, dir: dir.path().to_owned(), cell, left: Arc::clone(&left) };
    let key = signer().verifier();
    let opened = Log::open_with(Box::new(store), signer(), options());
    if let Ok((log, _)) = opened {
        let done = work(&log, dir.path(), &mut acknowledged);
        log.shutdown();
        if *left.lock().unwrap() == 0 {
            if let Err(error) = done {
                assert!(matches!(error, Error::LogClosed { .. }), "{error}");
            }
            assert!(matches!(log.append(configuration()), Err(Error::LogClosed { .. })));
            assert!(log.closed().is_some());
        }
        assert!(block_on(log.admit(intent(id(9999)))).is_err());
    }
    let healthy = FolderStore::open(dir.path()).unwrap();
    let (log, _) = Log::open_with(Box::new(healthy), signer(), options())
        .unwrap_or_else(|error| panic!("{:?} {:?} {}: {error}", cell.operation, cell.fault, cell.nth));
    log.append(configuration()).unwrap().blocking_wait().unwrap();
    log.shutdown();
    check(dir.path(), &key, &acknowledged);
    *left.lock().unwrap() == 0
}

#[test]
fn any_failed_write_closes_the_log_and_loses_nothing_acknowledged() {
    let mut struck: BTreeMap<(Operation, Fault), usize> = BTreeMap::new();
    for (operation, faults) in TABLE {
        for &fault in faults {
            // The first of each kind, one while serving, and those around leaf 256, where the first full tile comes.
            for nth in [1, 2, 5, 17, 24] {
                *struck.entry((operation, fault)).or_default() +=
                    usize::from(one(Cell { operation, fault, nth }));
            }
        }
    }
    for ((operation, fault), count) in struck {
        // A cut and the removal of a folder come seldom.
        let enough = if matches!(operation, Operation::Cut | Operation::RemoveFolder) { 1 } else { 4 };
        assert!(count >= enough, "{operation:?} {fault:?} struck {count} times");
    }
}

/// The reason is said, not only that it is closed.
#[test]
fn a_closed_log_says_why() {
    let dir = folder();
    let inner = FolderStore::open(dir.path()).unwrap();
    let left = Arc::new(Mutex::new(usize::MAX));
    let cell = Cell { operation: Operation::Append, fault: Fault::NotPersisted, nth: 1 };
    let store = FaultyStore { inner, dir: dir.path().to_owned(), cell, left: Arc::clone(&left) };
    let (log, _) = Log::open_with(Box::new(store), signer(), options()).unwrap();
    let guard = block_on(log.admit(intent(id(1)))).unwrap();
    *left.lock().unwrap() = 1;
    let _ = log.append(configuration()).unwrap().blocking_wait();
    log.shutdown();
    let why = log.closed().unwrap();
    assert!(why.contains("cannot"), "{why}");
    let key = subject(dir.path()).request_key(&id(1));
    let sealed = block_on(guard.seal(outcome(), &key)).map(drop);
    assert!(matches!(sealed, Err(Error::LogClosed { .. })), "{sealed:?}");
}
