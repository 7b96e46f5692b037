//! Tiles, entry bundles and the checkpoint, derived from leaves that are durable in the journal.

use crate::{
    Error, Result,
    store::Store,
    tile::{Kind, TILE_WIDTH, Tile, grown, push_entry},
    tree::Tree,
};

/// Path of the checkpoint in the public folder.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// Derives files as the tree grows; the same code runs while serving and at start.
pub(crate) struct Publisher {
    /// Leaves whose tiles are written.
    size: u64,
    /// Entries from the start of the bundle that holds leaf `size`.
    entries: Vec<Vec<u8>>,
}

impl Publisher {
    /// Of a tree whose first `size` leaves, whole bundles of them, were pruned.
    pub(crate) fn starting(size: u64) -> Self {
        Self { size, entries: Vec::new() }
    }

    /// Takes an entry that became durable, in order.
    pub(crate) fn push(&mut self, entry: Vec<u8>) {
        self.entries.push(entry);
    }

    /// Entries that wait for their bundle to be full.
    pub(crate) fn buffered(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Writes the tiles and bundles of a tree of `size` leaves that are not there yet.
    ///
    /// A crash between two files leaves some of them; they are compared and completed at the next start.
    pub(crate) fn tiles(&mut self, store: &mut dyn Store, tree: &Tree, size: u64) -> Result<()> {
        for tile in grown(self.size, size) {
            let bytes = match tile.kind {
                Kind::Entries => self.bundle(&tile)?,
                Kind::Level(_) => tile.hashes(tree).ok_or_else(|| lacking(&tile))?,
            };
            ensure(store, &tile.path(), &bytes)?;
            if tile.width == TILE_WIDTH {
                // Whoever wants a partial tile takes the full one from now on. A crash leaves some; they are harmless.
                let partials = format!("{}.p", tile.path());
                store.remove_folder(&partials).map_err(|e| Error::io("remove", partials, &e))?;
            }
        }
        let full = (size / TILE_WIDTH - self.size / TILE_WIDTH) * TILE_WIDTH;
        let full = usize::try_from(full).unwrap_or(usize::MAX).min(self.entries.len());
        self.entries.drain(..full);
        self.size = size;
        Ok(())
    }

    fn bundle(&self, tile: &Tile) -> Result<Vec<u8>> {
        let first = tile.index - self.size / TILE_WIDTH;
        let begin = usize::try_from(first * TILE_WIDTH).map_err(|_| lacking(tile))?;
        let width = usize::try_from(tile.width).map_err(|_| lacking(tile))?;
        let entries = self.entries.get(begin..begin.saturating_add(width)).ok_or_else(|| lacking(tile))?;
        let mut bytes = Vec::new();
        for entry in entries {
            push_entry(&mut bytes, entry)?;
        }
        Ok(bytes)
    }
}

fn lacking(tile: &Tile) -> Error {
    Error::Broken { path: tile.path(), why: "its leaves are not at hand".to_owned() }
}

/// Writes a derived file unless it is there. One that is there with other bytes was changed from outside: every put
/// is whole or absent after a crash.
fn ensure(store: &mut dyn Store, path: &str, bytes: &[u8]) -> Result<()> {
    match store.get(path).map_err(|e| Error::io("read", path, &e))? {
        Some(there) if there == bytes => Ok(()),
        Some(_) => {
            let why =
                "differs from what the journal gives; keep a copy, then remove it to have it derived again";
            Err(Error::Broken { path: path.to_owned(), why: why.to_owned() })
        }
        None => store.put(path, bytes).map_err(|e| Error::io("write", path, &e)),
    }
}
