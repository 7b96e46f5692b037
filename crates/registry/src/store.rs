//! How a file comes into the store: under a temporary name, hashed as it is written, renamed only when size and hash
//! hold.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};

use crate::Error;

const CHUNK_BYTES: usize = 1 << 20;

/// Whether a name in a model's folder is that of a download under way.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with('.')
}

/// A file on its way into the store. What has come so far outlives a crash, and the next attempt goes on from there.
pub(crate) struct Landing {
    what: String,
    pin: weights::PinnedFile,
    temporary: PathBuf,
    file: File,
    hasher: Sha256,
    done: u64,
}

impl Landing {
    /// Opens the temporary file beside `pin.path`, alone, and hashes what is in it already.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process has it; [`Error::Io`].
    pub fn open(model_id: &str, pin: &weights::PinnedFile) -> Result<Self, Error> {
        let folder = pin.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let name = pin.path.file_name().unwrap_or_default().to_string_lossy();
        // With the hash in its name a changed pin never goes on from another file's beginning.
        let hash = hex::encode(pin.sha256);
        let temporary = folder.join(format!(".{name}.{}.part", hash.get(..16).unwrap_or_default()));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::open(&temporary, flags, Mode::from_raw_mode(0o644))
            .map_err(|errno| Error::io("open", &temporary)(errno.into()))?;
        let file = File::from(file);
        let facts = file.metadata().map_err(Error::io("examine", &temporary))?;
        if !facts.is_file() {
            return Err(Error::io("open", &temporary)(std::io::Error::other("not a regular file")));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: temporary }),
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &temporary)(error)),
        }
        // Whoever had the lock before may have renamed this very file into place since it was opened here.
        let same = std::fs::symlink_metadata(&temporary)
            .is_ok_and(|now| (now.dev(), now.ino()) == (facts.dev(), facts.ino()));
        if !same {
            return Err(Error::Busy { path: temporary });
        }
        let mut landing = Self {
            what: format!("model {model_id}: {name}"),
            pin: pin.clone(),
            temporary,
            file,
            hasher: Sha256::new(),
            done: 0,
        };
        landing.take_up()?;
        Ok(landing)
    }

    fn take_up(&mut self) -> Result<(), Error> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = self.file.read(&mut chunk).map_err(Error::io("read", &self.temporary))?;
            let part = chunk.get(..read).unwrap_or_default();
            self.hasher.update(part);
            self.done = self.done.saturating_add(read as u64);
            if self.done > self.pin.size_bytes {
                return self.restart();
            }
            if read == 0 {
                return Ok(());
            }
        }
    }

    /// Model and file, for messages.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Bytes that are there.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Bytes that are still to come.
    pub fn missing(&self) -> u64 {
        self.pin.size_bytes.saturating_sub(self.done)
    }

    /// Forgets what is there.
    pub fn restart(&mut self) -> Result<(), Error> {
        use std::io::Seek;
        self.file.set_len(0).map_err(Error::io("truncate", &self.temporary))?;
        self.file.rewind().map_err(Error::io("truncate", &self.temporary))?;
        self.hasher = Sha256::new();
        self.done = 0;
        Ok(())
    }

    /// Refuses a source that says it has another size.
    pub fn offered(&self, bytes: u64) -> Result<(), Error> {
        if bytes == self.pin.size_bytes {
            return Ok(());
        }
        Err(Error::WrongOffer {
            what: self.what.clone(),
            offered_bytes: bytes,
            pinned_bytes: self.pin.size_bytes,
            pinned_sha256: hex::encode(self.pin.sha256),
        })
    }

    /// Takes everything a reader has, but not more than was pinned. `Ok(Err(_))` is the reader's failure: what came
    /// before it is kept.
    pub fn copy(
        &mut self,
        reader: &mut dyn Read,
        progress: &mut dyn FnMut(u64),
    ) -> Result<std::io::Result<()>, Error> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut told = self.done;
        loop {
            let read = match reader.read(&mut chunk) {
                Ok(0) => {
                    progress(self.done);
                    return Ok(Ok(()));
                }
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Ok(Err(error)),
            };
            let part = chunk.get(..read).unwrap_or_default();
            self.hasher.update(part);
            self.done = self.done.saturating_add(read as u64);
            if self.done > self.pin.size_bytes {
                return Err(self.refuse());
            }
            self.file.write_all(part).map_err(Error::io("write", &self.temporary))?;
            // Unpacking gives a few kilobytes at a time; nobody draws that often.
            if self.done.saturating_sub(told) >= CHUNK_BYTES as u64 {
                told = self.done;
                progress(told);
            }
        }
    }

    /// Removes the temporary file and says what was wrong with it.
    fn refuse(&mut self) -> Error {
        let error = Error::WrongDownload {
            what: self.what.clone(),
            pinned_bytes: self.pin.size_bytes,
            found_bytes: self.done,
            pinned_sha256: hex::encode(self.pin.sha256),
            found_sha256: hex::encode(self.hasher.clone().finalize()),
        };
        match std::fs::remove_file(&self.temporary) {
            Ok(()) => error,
            Err(removal) => Error::io("remove the refused", &self.temporary)(removal),
        }
    }

    /// Renames the file into place if it is the pinned one, and removes it if it is not.
    ///
    /// Crash outcomes: before the rename the temporary file is found and taken up by the next attempt; after it the
    /// pinned file is there, with its contents durable before its name.
    ///
    /// # Errors
    /// [`Error::WrongDownload`]; [`Error::Io`].
    pub fn finish(mut self) -> Result<(), Error> {
        let found: [u8; 32] = self.hasher.clone().finalize().into();
        if self.done != self.pin.size_bytes || found != self.pin.sha256 {
            return Err(self.refuse());
        }
        self.file.sync_all().map_err(Error::io("sync", &self.temporary))?;
        std::fs::rename(&self.temporary, &self.pin.path).map_err(Error::io("rename", &self.temporary))?;
        let folder = self.pin.path.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        // Closing is not enough: a process that another thread is just starting holds a copy of the descriptor, and with
        // it the lock, until it runs its program.
        let _ = self.file.unlock();
    }
}
