//! A copy of the public folder as of its checkpoint, for a web server to host.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Error, Report, Result,
    checkpoint::Checkpoint,
    cosign::{COSIGNED, is_cosigned_path},
    note::VerifierKey,
    publish::CHECKPOINT,
    source::Place,
    store::put_file,
    tile::{Kind, TILE_WIDTH, Tile, grown, push_entry},
    verify::verify,
};

/// Name of the file being written; never one of the layout.
const PART: &str = ".part";

/// Brings `out` to what the log in `dir` has published: tiles and bundles first, what was pruned or took another's
/// place away, the checkpoints last. Then `out` is verified by itself.
///
/// A server may go on writing meanwhile: exactly the tree that one checkpoint signs is copied. A crash leaves files
/// of both trees and one of the checkpoints; the next call makes it whole.
///
/// # Errors
/// What is broken in `dir` or in `out`, by name; [`Error::Unexpected`] when `out` holds files of something else.
pub fn publish_copy(dir: &Path, key: &VerifierKey, out: &Path) -> Result<Report> {
    let from = Place::of(dir);
    let note = from.checkpoint()?;
    let checkpoint = Checkpoint::open("checkpoint", &note, key)?;
    let cosigned = cosigned(&from)?;
    let copy = Copy { from, out };
    // Others may read it: the umask decides.
    fs::create_dir_all(out).map_err(|e| Error::io("create", out, &e))?;
    let _ = fs::remove_file(out.join(PART));
    let mut wanted = BTreeSet::new();
    for tile in grown(0, checkpoint.size) {
        if copy.tile(&tile)? {
            wanted.insert(tile.path());
        }
    }
    wanted.insert(CHECKPOINT.to_owned());
    wanted.extend(cosigned.iter().map(|(path, _)| path.clone()));
    copy.remove_others(&wanted)?;
    for (path, bytes) in &cosigned {
        copy.put(path, bytes)?;
    }
    copy.put(CHECKPOINT, note.as_bytes())?;
    verify(out, key, None)
}

/// Cosigned checkpoints, by path.
fn cosigned(from: &Place) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = from.public.join(COSIGNED);
    let names = match fs::read_dir(&folder) {
        Ok(names) => names,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("read", folder, &e)),
    };
    let mut found = Vec::new();
    for item in names {
        let item = item.map_err(|e| Error::io("read", folder.as_path(), &e))?;
        let path = format!("{COSIGNED}/{}", item.file_name().to_string_lossy());
        if let Some(bytes) = from.get(&path)? {
            found.push((path, bytes));
        }
    }
    Ok(found)
}

struct Copy<'a> {
    from: Place,
    out: &'a Path,
}

impl Copy<'_> {
    /// Copies a tile unless it is there: one never changes. `false` where a bundle is gone, pruned or not: the
    /// verification at the end tells.
    fn tile(&self, tile: &Tile) -> Result<bool> {
        let path = tile.path();
        if self.out.join(&path).is_file() {
            // What was pruned since goes here as well.
            let full = Tile { width: TILE_WIDTH, ..*tile }.path();
            return Ok(self.from.public.join(&path).is_file() || self.from.public.join(full).is_file());
        }
        let bytes = match tile.kind {
            Kind::Level(_) => self.from.hashes(tile)?.concat(),
            Kind::Entries => match self.from.bundle(tile) {
                Ok(entries) => {
                    let mut bytes = Vec::new();
                    entries.iter().try_for_each(|entry| push_entry(&mut bytes, entry))?;
                    bytes
                }
                Err(Error::Missing { .. }) => return Ok(false),
                Err(error) => return Err(error),
            },
        };
        self.put(&path, &bytes)?;
        Ok(true)
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let place = self.out.join(path);
        let folder = place.parent().map_or(Ok(()), fs::create_dir_all);
        let written = folder.and_then(|()| put_file(&self.out.join(PART), &place, 0o644, bytes));
        written.map_err(|e| Error::io("write", place, &e))
    }

    /// Removes tiles, bundles and cosigned checkpoints that do not belong to this tree. Whatever else is there is
    /// somebody's, and named.
    fn remove_others(&self, wanted: &BTreeSet<String>) -> Result<()> {
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let full = self.out.join(&folder);
            let items = fs::read_dir(&full).map_err(|e| Error::io("read", full.as_path(), &e))?;
            for item in items {
                let item = item.map_err(|e| Error::io("read", full.as_path(), &e))?;
                let path = folder.join(item.file_name());
                let name = path.to_string_lossy().into_owned();
                if item.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path);
                } else if Tile::parse_path(&name).is_none() && !is_cosigned_path(&name) {
                    if name != CHECKPOINT {
                        return Err(Error::Unexpected { path: name });
                    }
                } else if !wanted.contains(&name) {
                    fs::remove_file(item.path()).map_err(|e| Error::io("remove", item.path(), &e))?;
                }
            }
        }
        Ok(())
    }
}
