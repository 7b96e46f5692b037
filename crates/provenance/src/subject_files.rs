//! The durable operations on files of single keys, and the folder that does them. Faults are injected behind the trait.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{
    Error, Result,
    store::{make_folder, put_file, read_secret, sync_folder},
};

/// Small secret files by relative path. Every `Ok` of a writing operation means durable.
pub trait SubjectFiles: Send {
    /// A file, if it is there.
    ///
    /// # Errors
    /// When it cannot be read, or others can read it.
    fn get(&self, path: &str) -> Result<Option<Zeroizing<String>>>;
    /// Puts a whole file, replacing what is there, or leaves what is there.
    ///
    /// # Errors
    /// When it cannot be written; it may be there all the same.
    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<()>;
    /// Overwrites a file and removes it. One that is not there is no error.
    ///
    /// # Errors
    /// When that fails part-way: the file may be whole, overwritten or gone. Call it again.
    fn wipe(&mut self, path: &str) -> Result<()>;
    /// The files in a folder; none where there is no such folder.
    ///
    /// # Errors
    /// When it cannot be read.
    fn list(&self, folder: &str) -> Result<Vec<String>>;
}

/// [`SubjectFiles`] in a folder of mode 0700, made with the first file.
pub struct SubjectFolder {
    dir: PathBuf,
}

impl SubjectFolder {
    /// Nothing is touched yet.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    fn place(&self, path: &str) -> (PathBuf, PathBuf) {
        let place = self.dir.join(path);
        let parent = place.parent().unwrap_or(&self.dir).to_owned();
        (place, parent)
    }
}

fn put(place: &Path, parent: &Path, bytes: &[u8]) -> io::Result<()> {
    make_folder(parent)?;
    // Renaming keeps the file's blocks, so there is never a second copy of a key to overwrite.
    put_file(&parent.join("new"), place, 0o600, bytes)
}

fn wipe(place: &Path, parent: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).open(place) {
        Ok(mut file) => {
            let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
            // A crash leaves the key, a part of it or zeros under its name; the erasure goes on at the next start.
            file.write_all(&vec![0; len])?;
            file.sync_all()?;
            // A crash leaves zeros under the name, or no name.
            fs::remove_file(place)?;
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    // Of an earlier attempt as well, which may have removed the name and failed to make that durable.
    if parent.is_dir() { sync_folder(parent) } else { Ok(()) }
}

impl SubjectFiles for SubjectFolder {
    fn get(&self, path: &str) -> Result<Option<Zeroizing<String>>> {
        read_secret(&self.place(path).0)
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        let (place, parent) = self.place(path);
        put(&place, &parent, bytes).map_err(|e| Error::io("write", place, &e))
    }

    fn wipe(&mut self, path: &str) -> Result<()> {
        let (place, parent) = self.place(path);
        wipe(&place, &parent).map_err(|e| Error::io("erase", place, &e))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let place = self.dir.join(folder);
        let names = match fs::read_dir(&place) {
            Ok(names) => names,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Error::io("read", place, &e)),
        };
        let path = |item: io::Result<fs::DirEntry>| {
            let item = item.map_err(|e| Error::io("read", place.as_path(), &e))?;
            Ok(format!("{folder}/{}", item.file_name().to_string_lossy()))
        };
        names.map(path).collect()
    }
}
