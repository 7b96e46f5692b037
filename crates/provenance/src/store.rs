//! The durable operations the log needs, and the folder that does them. Faults are injected behind the trait.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    journal::{CLOSED, CURRENT, Segment, closed_first, closed_path},
};

/// Where the log lives. Every `Ok` of a writing operation means durable: it survives a power cut.
pub trait Store: Send {
    /// Appends to the journal's last file.
    ///
    /// # Errors
    /// Any error closes the log; the bytes may or may not have reached the disk.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the journal's last file to `len` bytes.
    ///
    /// # Errors
    /// As [`Store::append`].
    fn cut(&mut self, len: u64) -> io::Result<()>;
    /// The files of the journal, oldest first, the one that is written last.
    ///
    /// # Errors
    /// When they cannot be opened.
    fn journal(&self) -> io::Result<Vec<Segment>>;
    /// Closes the journal's last file, whose first leaf is `first`, and starts an empty one.
    ///
    /// # Errors
    /// As [`Store::append`].
    fn rotate(&mut self, first: u64) -> io::Result<()>;
    /// Removes the closed file that starts with leaf `first`, if it is there.
    ///
    /// # Errors
    /// As [`Store::append`].
    fn remove_closed(&mut self, first: u64) -> io::Result<()>;
    /// Removes files of the public folder, as far as they are there.
    ///
    /// # Errors
    /// As [`Store::append`]; some may be gone and others not.
    fn remove(&mut self, paths: &[String]) -> io::Result<()>;
    /// Puts a whole file in the public folder, replacing what is there, or leaves what is there.
    ///
    /// # Errors
    /// As [`Store::append`].
    fn put(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// A file of the public folder, if it is there.
    ///
    /// # Errors
    /// When it cannot be read.
    fn get(&self, path: &str) -> io::Result<Option<Vec<u8>>>;
    /// Removes a folder of the public folder with what is in it, if it is there. Need not be durable.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    fn remove_folder(&mut self, path: &str) -> io::Result<()>;
}

/// A [`Store`] in a folder of the file system. Holds the lock of the log's one writer.
pub struct FolderStore {
    dir: PathBuf,
    journal: File,
    lock: File,
}

impl FolderStore {
    /// Opens or creates the folder (mode 0700) and takes the lock.
    ///
    /// # Errors
    /// [`Error::Locked`] when another writer has it; [`Error::Io`] naming the file.
    pub fn open(dir: &Path) -> Result<Self> {
        for folder in [dir.to_owned(), dir.join("public"), dir.join("tmp"), dir.join(CLOSED)] {
            make_folder(&folder).map_err(|e| Error::io("create", &folder, &e))?;
        }
        let lock_path = dir.join("lock");
        let lock = private_file(&lock_path).map_err(|e| Error::io("open", &lock_path, &e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { path: lock_path }),
            Err(TryLockError::Error(e)) => return Err(Error::io("lock", &lock_path, &e)),
        }
        let path = dir.join(CURRENT);
        // A crash before the folder is synced may leave no such file; there was no leaf in it.
        let journal = private_file(&path).map_err(|e| Error::io("open", &path, &e))?;
        sync_folder(dir).map_err(|e| Error::io("sync", dir, &e))?;
        // And the folder's own name, without which nothing in it is found again: a process that was killed may have left it.
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_made(parent).map_err(|e| Error::io("sync", parent, &e))?;
        }
        let tmp = dir.join("tmp");
        let leftovers = fs::read_dir(&tmp).map_err(|e| Error::io("read", &tmp, &e))?;
        for file in leftovers.flatten() {
            // What a crash left half written; nothing refers to it.
            let _ = fs::remove_file(file.path());
        }
        Ok(Self { dir: dir.to_owned(), journal, lock })
    }
}

impl Drop for FolderStore {
    fn drop(&mut self) {
        // Closing would do, unless a child process is being started right now and has our files for a moment.
        let _ = self.lock.unlock();
    }
}

/// Creates a folder and its parents, mode 0700, and makes the names of those that were missing durable.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.is_dir();
    let made: Vec<&Path> = path.ancestors().take_while(missing).collect();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // A bare name lies in the working folder.
    let parents = made.iter().filter_map(|folder| folder.parent());
    parents.map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p }).try_for_each(sync_folder)
}

/// As [`sync_folder`], for a folder that may be another user's: whoever may not read it has made nothing in it either.
fn sync_made(path: &Path) -> io::Result<()> {
    match sync_folder(path) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        done => done,
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// Writes a file beside its place, makes it durable, and renames it there.
///
/// A crash before the rename leaves the old file (and one in `tmp`, removed at start); after it, the new one.
pub(crate) fn put_file(tmp: &Path, path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let _ = fs::remove_file(tmp);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(tmp)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(tmp, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Opens the files of the journal in `dir`, oldest first.
///
/// The one that is written is opened first: if it is closed in between, it is found twice and counted once.
pub(crate) fn segments(dir: &Path) -> io::Result<Vec<Segment>> {
    let current = File::open(dir.join(CURRENT))?;
    let number = current.metadata()?.ino();
    let mut closed = BTreeMap::new();
    let names = match fs::read_dir(dir.join(CLOSED)) {
        Ok(names) => Some(names),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(e),
    };
    for item in names.into_iter().flatten() {
        let item = item?;
        let Some(first) = item.file_name().to_str().and_then(closed_first) else {
            let why = format!("{}/{} is no file of the journal", CLOSED, item.file_name().to_string_lossy());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        };
        match File::open(item.path()) {
            Ok(file) if file.metadata()?.ino() == number => {}
            Ok(file) => _ = closed.insert(first, file),
            // Pruned in between; whoever reads finds out whether it should have been.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    let closed = closed.into_iter().map(|(first, file)| (Some(first), file));
    let segment = |(first, file)| -> Segment {
        Segment { first, bytes: Box::new(io::BufReader::with_capacity(1 << 20, file)) }
    };
    Ok(closed.chain([(None, current)]).map(segment).collect())
}

/// Reads a secret file, refusing one that others can read. `None` when there is none.
pub(crate) fn read_secret(path: &Path) -> Result<Option<zeroize::Zeroizing<String>>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("open", path, &e)),
    };
    let mode = file.metadata().map_err(|e| Error::io("read", path, &e))?.permissions().mode();
    if mode & 0o077 != 0 {
        let why = format!("has mode {:o}; make it 600", mode & 0o777);
        return Err(Error::KeyFile { path: path.to_owned(), why });
    }
    let mut text = zeroize::Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(|e| Error::io("read", path, &e))?;
    Ok(Some(text))
}

impl Store for FolderStore {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A crash leaves none, some or all of the bytes; recovery cuts an unfinished record.
        self.journal.write_all(bytes)?;
        self.journal.sync_data()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        // A crash leaves the old length or the new one; recovery cuts again.
        self.journal.set_len(len)?;
        self.journal.sync_all()
    }

    fn journal(&self) -> io::Result<Vec<Segment>> {
        segments(&self.dir)
    }

    fn rotate(&mut self, first: u64) -> io::Result<()> {
        let (current, closed) = (self.dir.join(CURRENT), self.dir.join(closed_path(first)));
        // A crash leaves the file under its old name, or under its new one and perhaps no current file, which the
        // next start makes.
        fs::rename(&current, &closed)?;
        sync_folder(&self.dir.join(CLOSED))?;
        self.journal = private_file(&current)?;
        sync_folder(&self.dir)
    }

    fn remove_closed(&mut self, first: u64) -> io::Result<()> {
        // A crash leaves it whole or gone.
        match fs::remove_file(self.dir.join(closed_path(first))) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => sync_folder(&self.dir.join(CLOSED)),
        }
    }

    fn remove(&mut self, paths: &[String]) -> io::Result<()> {
        let mut folders = BTreeSet::new();
        for path in paths {
            let place = self.dir.join("public").join(path);
            // A crash leaves some of them, each whole.
            match fs::remove_file(&place) {
                Ok(()) => folders.extend(place.parent().map(Path::to_owned)),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        folders.iter().try_for_each(|folder| sync_folder(folder))
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let place = self.dir.join("public").join(path);
        let Some(parent) = place.parent() else { return Err(io::ErrorKind::InvalidInput.into()) };
        make_folder(parent)?;
        put_file(&self.dir.join("tmp").join("put"), &place, 0o644, bytes)
    }

    fn get(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.dir.join("public").join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn remove_folder(&mut self, path: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.dir.join("public").join(path)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }
}
