//! The disk of log and keys, which fails when it is told to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use provenance::journal::Segment;
use provenance::store::{FolderStore, Store};
use provenance::{SubjectFiles, SubjectFolder};
use zeroize::Zeroizing;

/// The switch of a [`FailingStore`].
#[derive(Debug, Clone, Default)]
pub struct StoreFault(Arc<AtomicU8>);

const WELL: u8 = 0;
const FAILS_AT_RECORD: u8 = 1;
const FAILS: u8 = 2;

impl StoreFault {
    /// From now on every write says that the disk is full, and nothing is written.
    pub fn strike(&self) {
        self.0.store(FAILS, Ordering::SeqCst);
    }

    /// The same from the next record on. What follows from earlier ones is still written, so it is that record which fails.
    pub fn strike_at_next_record(&self) {
        self.0.store(FAILS_AT_RECORD, Ordering::SeqCst);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) == FAILS { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn check_record(&self) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) != WELL {
            self.strike();
        }
        self.check()
    }
}

/// A folder that can be made to fail.
pub struct FailingStore {
    inner: FolderStore,
    fault: StoreFault,
}

impl FailingStore {
    /// Over `inner`, failing when `fault` strikes.
    pub fn new(inner: FolderStore, fault: StoreFault) -> Self {
        Self { inner, fault }
    }
}

impl Store for FailingStore {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.fault.check_record()?;
        self.inner.append(bytes)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.fault.check()?;
        self.inner.cut(len)
    }

    fn journal(&self) -> io::Result<Vec<Segment>> {
        self.inner.journal()
    }

    fn rotate(&mut self, first: u64) -> io::Result<()> {
        self.fault.check()?;
        self.inner.rotate(first)
    }

    fn remove_closed(&mut self, first: u64) -> io::Result<()> {
        self.fault.check()?;
        self.inner.remove_closed(first)
    }

    fn remove(&mut self, paths: &[String]) -> io::Result<()> {
        self.fault.check()?;
        self.inner.remove(paths)
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.fault.check()?;
        self.inner.put(path, bytes)
    }

    fn get(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.inner.get(path)
    }

    fn remove_folder(&mut self, path: &str) -> io::Result<()> {
        self.fault.check()?;
        self.inner.remove_folder(path)
    }
}

/// Files of keys that can be made to fail in the same way.
pub struct FailingSubjects {
    inner: SubjectFolder,
    fault: StoreFault,
}

impl FailingSubjects {
    /// Over `inner`, failing when `fault` strikes.
    pub fn new(inner: SubjectFolder, fault: StoreFault) -> Self {
        Self { inner, fault }
    }

    fn check(&self, path: &str) -> provenance::Result<()> {
        self.fault.check().map_err(|error| provenance::Error::Io {
            doing: "write",
            path: path.into(),
            why: error.to_string(),
        })
    }
}

impl SubjectFiles for FailingSubjects {
    fn get(&self, path: &str) -> provenance::Result<Option<Zeroizing<String>>> {
        self.inner.get(path)
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> provenance::Result<()> {
        self.check(path)?;
        self.inner.put(path, bytes)
    }

    fn wipe(&mut self, path: &str) -> provenance::Result<()> {
        self.check(path)?;
        self.inner.wipe(path)
    }

    fn list(&self, folder: &str) -> provenance::Result<Vec<String>> {
        self.inner.list(folder)
    }
}
