//! Every write of closing an epoch's file and of pruning fails once; the next start makes it good.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicI64},
};

use provenance::{
    Log,
    journal::Segment,
    store::{FolderStore, Store},
    verify,
};

use crate::{
    faults::signer,
    flips::files,
    prune::{DAY_MS, EPOCH_MS, Kept, at, build, holds, key, order, prune, reopen},
    samples::{START_MS, configuration, fill, folder},
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    NotPersisted,
    Persisted,
    /// Half of the bytes of an append, or half of the files to remove; what is whole or absent is not persisted.
    Torn,
}

struct FaultyStore {
    inner: FolderStore,
    /// Operations until the fault.
    left: Arc<Mutex<usize>>,
    fault: Fault,
}

impl FaultyStore {
    fn strikes(&self) -> bool {
        let mut left = self.left.lock().unwrap();
        let strikes = *left == 1;
        *left = left.saturating_sub(1);
        strikes
    }
}

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

impl Store for FaultyStore {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.strikes() {
            return self.inner.append(bytes);
        }
        match self.fault {
            Fault::NotPersisted => {}
            Fault::Persisted => self.inner.append(bytes)?,
            Fault::Torn => self.inner.append(&bytes[..bytes.len() / 2])?,
        }
        Err(full())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.inner.cut(len)
    }

    fn journal(&self) -> io::Result<Vec<Segment>> {
        self.inner.journal()
    }

    fn rotate(&mut self, first: u64) -> io::Result<()> {
        if !self.strikes() {
            return self.inner.rotate(first);
        }
        if self.fault == Fault::Persisted {
            self.inner.rotate(first)?;
        }
        Err(full())
    }

    fn remove_closed(&mut self, first: u64) -> io::Result<()> {
        if !self.strikes() {
            return self.inner.remove_closed(first);
        }
        if self.fault == Fault::Persisted {
            self.inner.remove_closed(first)?;
        }
        Err(full())
    }

    fn remove(&mut self, paths: &[String]) -> io::Result<()> {
        if !self.strikes() {
            return self.inner.remove(paths);
        }
        match self.fault {
            Fault::NotPersisted => {}
            Fault::Persisted => self.inner.remove(paths)?,
            // The later ones: a disk keeps no order.
            Fault::Torn => self.inner.remove(&paths[paths.len() / 2..])?,
        }
        Err(full())
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        if !self.strikes() {
            return self.inner.put(path, bytes);
        }
        if self.fault == Fault::Persisted {
            self.inner.put(path, bytes)?;
        }
        Err(full())
    }

    fn get(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.inner.get(path)
    }

    fn remove_folder(&mut self, path: &str) -> io::Result<()> {
        if !self.strikes() {
            return self.inner.remove_folder(path);
        }
        Err(full())
    }
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let place = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(&file, place).unwrap();
    }
}

/// Every write of closing and pruning fails once. What was acknowledged holds; a pruning that was is finished.
fn one(whole: &Path, mut kept: Kept, at_operation: usize, fault: Fault) -> bool {
    let dir = folder();
    copy(whole, dir.path());
    let now = Arc::new(AtomicI64::new(START_MS + 365 * DAY_MS));
    let left = Arc::new(Mutex::new(usize::MAX));
    let inner = FolderStore::open(dir.path()).unwrap();
    let store = FaultyStore { inner, left: Arc::clone(&left), fault };
    let (log, _) = Log::open_with(Box::new(store), signer(), at(&now)).unwrap();
    *left.lock().unwrap() = at_operation;
    // The year that passed closes the file of the last epoch; then two epochs go.
    let turned = log.append(configuration()).and_then(|ticket| ticket.blocking_wait());
    let pruned = prune(&log, order(START_MS + 2 * EPOCH_MS));
    log.shutdown();
    if turned.is_ok() {
        kept.checkpoints.push(log.checkpoint());
    }
    let struck = *left.lock().unwrap() == 0;
    assert!(struck != pruned.is_ok(), "{fault:?} at {at_operation}: {pruned:?}");
    // Whoever looks before the next start finds nothing amiss.
    verify(dir.path(), &key(), None).unwrap();
    let log = reopen(dir.path(), &now).unwrap();
    fill(&log, 2);
    log.shutdown();
    holds(dir.path(), &kept);
    let report = verify(dir.path(), &key(), None).unwrap();
    match report.pruned {
        // Sealed, so done by now.
        Some(sealed) => {
            assert_eq!((sealed.base, sealed.pruned.before), (512, 512));
            assert!(!dir.path().join("public/tile/entries/000").exists());
            assert!(!dir.path().join("public/tile/entries/001").exists());
        }
        None => assert!(pruned.is_err() && report.leaves > 900),
    }
    struck
}

#[test]
fn any_failed_write_of_a_pruning_is_made_good_at_the_next_start() {
    let whole = folder();
    let kept = build(whole.path(), &Arc::new(AtomicI64::new(START_MS)), &[300, 300, 300]);
    let mut operations = 0;
    for at_operation in 1.. {
        let one = |fault| {
            let kept = Kept { receipts: Vec::new(), checkpoints: kept.checkpoints.clone() };
            one(whole.path(), kept, at_operation, fault)
        };
        let each = [Fault::NotPersisted, Fault::Persisted, Fault::Torn].map(one);
        if each == [false; 3] {
            break;
        }
        assert_eq!(each, [true; 3]);
        operations += 1;
    }
    assert!(
        operations >= 12,
        "closing, sealing, tiles and checkpoint, two files, bundles: only {operations} writes"
    );
}
