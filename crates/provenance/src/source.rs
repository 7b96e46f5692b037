//! Reading a log's leaves from its folder: from the journal, or from the entry bundles of a static export.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    journal::{CURRENT, Journal, Next},
    publish::CHECKPOINT,
    store::segments,
    tile::{Kind, TILE_WIDTH, Tile, parse_hashes, split_entries},
    tree::{Hash, Tree},
};

/// A log folder, or a public folder alone.
pub(crate) struct Place {
    pub(crate) public: PathBuf,
    /// The folder that the journal is in.
    journal: Option<PathBuf>,
}

impl Place {
    pub(crate) fn of(dir: &Path) -> Self {
        let public = dir.join("public");
        if !public.is_dir() {
            return Self { public: dir.to_owned(), journal: None };
        }
        Self { public, journal: dir.join(CURRENT).is_file().then(|| dir.to_owned()) }
    }

    pub(crate) fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// A public file, or `None` when it is not there.
    pub(crate) fn get(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match fs::read(self.public.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("read", path, &e)),
        }
    }

    pub(crate) fn checkpoint(&self) -> Result<String> {
        let bytes = self.get(CHECKPOINT)?.ok_or_else(|| Error::Missing { path: CHECKPOINT.to_owned() })?;
        String::from_utf8(bytes)
            .map_err(|_| Error::Note { what: "checkpoint", why: "is not UTF-8".to_owned() })
    }

    /// A tile; where only a wider one is left, the beginning of that.
    pub(crate) fn bundle(&self, tile: &Tile) -> Result<Vec<Vec<u8>>> {
        let full = Tile { width: TILE_WIDTH, ..*tile };
        for candidate in [*tile, full] {
            let Some(bytes) = self.get(&candidate.path())? else { continue };
            let entries = split_entries(&bytes).filter(|e| e.len() as u64 == candidate.width);
            let Some(entries) = entries else {
                let why = "its entries do not add up to its width".to_owned();
                return Err(Error::Broken { path: candidate.path(), why });
            };
            let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
            return Ok(entries.into_iter().take(width).map(<[u8]>::to_vec).collect());
        }
        Err(Error::Missing { path: tile.path() })
    }

    /// A hash tile; where only the full one is left, the beginning of that.
    pub(crate) fn hashes(&self, tile: &Tile) -> Result<Vec<Hash>> {
        let full = Tile { width: TILE_WIDTH, ..*tile };
        for candidate in [*tile, full] {
            if let Some(bytes) = self.get(&candidate.path())? {
                let mut hashes = parse_hashes(&candidate, &bytes)?;
                hashes.truncate(usize::try_from(tile.width).unwrap_or(usize::MAX));
                return Ok(hashes);
            }
        }
        Err(Error::Missing { path: tile.path() })
    }

    /// The tree that the hash tiles give, of as many leaves as the checkpoint has. Compare its root.
    pub(crate) fn tree(&self, size: u64) -> Result<Tree> {
        let mut tree = Tree::new();
        for index in 0..size.div_ceil(TILE_WIDTH) {
            let width = (size - index * TILE_WIDTH).min(TILE_WIDTH);
            let hashes = self.hashes(&Tile { kind: Kind::Level(0), index, width })?;
            hashes.into_iter().for_each(|hash| tree.push(hash));
        }
        Ok(tree)
    }

    /// The leaves: from the journal if it is there, else those of the first `size` that the bundles still have.
    pub(crate) fn leaves(&self, size: u64) -> Result<Leaves<'_>> {
        match &self.journal {
            Some(dir) => {
                let segments = segments(dir).map_err(|e| Error::io("open", dir.join(CURRENT), &e))?;
                Ok(Leaves::Journal { journal: Journal::open(segments)?, unfinished_bytes: 0 })
            }
            None => Ok(Leaves::Bundles { place: self, first: self.first_bundle(size)?, done: 0, size }),
        }
    }

    /// The first bundle from which on none is missing: the oldest ones may be pruned.
    fn first_bundle(&self, size: u64) -> Result<u64> {
        let mut first = size.div_ceil(TILE_WIDTH);
        while let Some(index) = first.checked_sub(1) {
            let width = (size - index * TILE_WIDTH).min(TILE_WIDTH);
            let tile = Tile { kind: Kind::Entries, index, width };
            let full = Tile { width: TILE_WIDTH, ..tile };
            let is_there = |tile: &Tile| {
                let path = tile.path();
                self.public.join(&path).try_exists().map_err(|e| Error::io("read", path, &e))
            };
            if !is_there(&tile)? && !is_there(&full)? {
                break;
            }
            first = index;
        }
        Ok(first)
    }
}

/// Leaves in order, some at a time.
pub(crate) enum Leaves<'a> {
    Journal { journal: Journal, unfinished_bytes: u64 },
    Bundles { place: &'a Place, first: u64, done: u64, size: u64 },
}

impl Leaves<'_> {
    /// Index of the first there is.
    pub(crate) fn base(&self) -> u64 {
        match self {
            Leaves::Journal { journal, .. } => journal.base(),
            Leaves::Bundles { first, size, .. } => (*first * TILE_WIDTH).min(*size),
        }
    }

    /// The next ones; an empty list at the end.
    pub(crate) fn next_chunk(&mut self) -> Result<Vec<Vec<u8>>> {
        match self {
            Leaves::Journal { journal, unfinished_bytes } => loop {
                match journal.next_record()? {
                    Next::Record(record) if record.entries.is_empty() => {}
                    Next::Record(record) => return Ok(record.entries),
                    Next::End => return Ok(Vec::new()),
                    Next::Torn { bytes } => {
                        *unfinished_bytes = bytes;
                        return Ok(Vec::new());
                    }
                }
            },
            Leaves::Bundles { place, first, done, size } => {
                let index = *first + *done;
                let width = size.saturating_sub(index * TILE_WIDTH).min(TILE_WIDTH);
                if width == 0 {
                    return Ok(Vec::new());
                }
                let tile = Tile { kind: Kind::Entries, index, width };
                *done += 1;
                place.bundle(&tile)
            }
        }
    }

    /// Bytes of an unfinished record at the journal's end: a write in progress, or what a crash left.
    pub(crate) fn unfinished_bytes(&self) -> u64 {
        match self {
            Leaves::Journal { unfinished_bytes, .. } => *unfinished_bytes,
            Leaves::Bundles { .. } => 0,
        }
    }
}
