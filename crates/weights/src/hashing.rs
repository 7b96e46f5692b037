//! A file that is opened once, read once, in order, and hashed as it is read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};

use crate::Error;

/// One read from the file; large, and a multiple of every page size.
const CHUNK_BYTES: usize = 256 << 10;

/// Opens a regular file and gives its size, without following a symbolic link or waiting on a pipe.
///
/// # Errors
/// [`Error::NotRegular`] for anything that is not a plain file, [`Error::Io`] otherwise.
pub(crate) fn open_regular(path: &Path) -> Result<(File, u64), Error> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let handle = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(handle) => File::from(handle),
        Err(rustix::io::Errno::LOOP) => {
            return Err(Error::NotRegular { path: path.to_owned(), kind: "a symbolic link" });
        }
        Err(errno) => return Err(Error::Io { doing: "open", path: path.to_owned(), source: errno.into() }),
    };
    let facts =
        handle.metadata().map_err(|source| Error::Io { doing: "examine", path: path.to_owned(), source })?;
    if !facts.is_file() {
        let kind = if facts.is_dir() { "a folder" } else { "a pipe, socket or device" };
        return Err(Error::NotRegular { path: path.to_owned(), kind });
    }
    Ok((handle, facts.len()))
}

/// Reads a file in large chunks and hashes whatever it hands out, in that order, once.
pub(crate) struct HashingReader<R> {
    inner: R,
    hasher: Sha256,
    chunk: Vec<u8>,
    /// Handed out and hashed: `chunk[..hashed]`. Handed out: `chunk[..start]`. Read: `chunk[..end]`.
    hashed: usize,
    start: usize,
    end: usize,
    /// Bytes handed out so far.
    position: u64,
}

impl<R: Read> HashingReader<R> {
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            chunk: vec![0; CHUNK_BYTES],
            hashed: 0,
            start: 0,
            end: 0,
            position: 0,
        }
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    fn settle(&mut self) {
        if let Some(part) = self.chunk.get(self.hashed..self.start) {
            self.hasher.update(part);
        }
        self.hashed = self.start;
    }

    /// Fills `out`, past the chunk: for pieces of its size.
    pub fn fill(&mut self, out: &mut [u8]) -> io::Result<()> {
        self.settle();
        let buffered = out.len().min(self.end.saturating_sub(self.start));
        let (front, back) = out.split_at_mut(buffered);
        if let Some(part) = self.chunk.get(self.start..self.start.saturating_add(buffered)) {
            front.copy_from_slice(part);
        }
        self.start = self.start.saturating_add(buffered);
        self.hashed = self.start;
        self.inner.read_exact(back)?;
        self.hasher.update(&*out);
        self.position = self.position.saturating_add(out.len() as u64);
        Ok(())
    }

    /// Hashes what is left of the file and gives the number of bytes there were in all, and their hash.
    pub fn finish(mut self, bytes_max: u64) -> io::Result<(u64, [u8; 32])> {
        let mut part = vec![0; CHUNK_BYTES];
        while self.position <= bytes_max {
            let read = match self.read(&mut part) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if read == 0 {
                break;
            }
        }
        self.settle();
        Ok((self.position, self.hasher.finalize().into()))
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            self.settle();
            (self.hashed, self.start, self.end) = (0, 0, 0);
            self.end = self.inner.read(&mut self.chunk)?;
        }
        let ready = self.chunk.get(self.start..self.end).unwrap_or_default();
        let step = out.len().min(ready.len());
        let (from, _) = ready.split_at(step);
        let (to, _) = out.split_at_mut(step);
        to.copy_from_slice(from);
        self.start = self.start.saturating_add(step);
        self.position = self.position.saturating_add(step as u64);
        Ok(step)
    }
}
