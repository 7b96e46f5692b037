//! Every write fails once: with nothing on the disk, with everything on the disk, and with a part of it.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use provenance::{
    Appended, Error, Log, VerifierKey, journal::Segment, note::NoteSigner, show, store::FolderStore,
    store::Store, verify,
};

use crate::samples::{ORIGIN, block_on, configuration, fill, folder, id, intent, options, outcome, subject};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    NotPersisted,
    Persisted,
    /// Half of the bytes of an append, or half of the files to remove; what is whole or absent is not persisted.
    Torn,
}

pub struct FaultyStore {
    pub inner: FolderStore,
    /// Operations until the fault.
    pub left: Arc<Mutex<usize>>,
    pub fault: Fault,
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
}

/// Returns whether the fault struck.
fn one(at: usize, fault: Fault) -> bool {
    let dir = folder();
    let healthy = FolderStore::open(dir.path()).unwrap();
    let (log, _) = Log::open_with(Box::new(healthy), signer(), options()).unwrap();
    fill(&log, 235);
    log.shutdown();
    let left = Arc::new(Mutex::new(at));
    let mut acknowledged = Vec::new();
    let inner = FolderStore::open(dir.path()).unwrap();
    let store = FaultyStore { inner, left: Arc::clone(&left), fault };
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
    let (log, _) = Log::open_with(Box::new(healthy), signer(), options()).unwrap();
    log.append(configuration()).unwrap().blocking_wait().unwrap();
    log.shutdown();
    check(dir.path(), &key, &acknowledged);
    *left.lock().unwrap() == 0
}

#[test]
fn any_failed_write_closes_the_log_and_loses_nothing_acknowledged() {
    let mut struck = 0;
    // The first full tile comes at leaf 256, in the middle.
    for at in (1..10).chain((10..130).step_by(13)) {
        for fault in [Fault::NotPersisted, Fault::Persisted, Fault::Torn] {
            struck += usize::from(one(at, fault));
        }
    }
    assert!(struck > 40, "only {struck} faults struck");
}

/// The reason is said, not only that it is closed.
#[test]
fn a_closed_log_says_why() {
    let dir = folder();
    let inner = FolderStore::open(dir.path()).unwrap();
    let left = Arc::new(Mutex::new(usize::MAX));
    let store = FaultyStore { inner, left: Arc::clone(&left), fault: Fault::NotPersisted };
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
