//! A log's disk that fails when it is told to.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use provenance::store::{FolderStore, Store};

/// The switch of a [`FailingStore`].
#[derive(Debug, Clone, Default)]
pub struct StoreFault(Arc<AtomicBool>);

impl StoreFault {
    /// From now on every write says that the disk is full, and nothing is written.
    pub fn strike(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
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
        self.fault.check()?;
        self.inner.append(bytes)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.fault.check()?;
        self.inner.cut(len)
    }

    fn journal(&self) -> io::Result<Box<dyn Read>> {
        self.inner.journal()
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
