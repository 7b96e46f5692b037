//! Reading a log's leaves from its folder: from the journal, or from the entry bundles of a static export.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    journal::{Next, Reader},
    publish::CHECKPOINT,
    tile::{Kind, TILE_WIDTH, Tile, split_entries},
};

/// A log folder, or a public folder alone.
pub(crate) struct Place {
    pub(crate) public: PathBuf,
    journal: Option<PathBuf>,
}

impl Place {
    pub(crate) fn of(dir: &Path) -> Self {
        let public = dir.join("public");
        if !public.is_dir() {
            return Self { public: dir.to_owned(), journal: None };
        }
        let journal = dir.join("journal");
        Self { public, journal: journal.is_file().then_some(journal) }
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

    /// The leaves: from the journal if it is there, else the first `size` from the bundles.
    pub(crate) fn leaves(&self, size: u64) -> Result<Leaves<'_>> {
        match &self.journal {
            Some(path) => {
                let file = File::open(path).map_err(|e| Error::io("open", path, &e))?;
                let reader = Reader::new(BufReader::with_capacity(1 << 20, file));
                Ok(Leaves::Journal { reader, unfinished_bytes: 0 })
            }
            None => Ok(Leaves::Bundles { place: self, next: 0, size }),
        }
    }
}

/// Leaves in order, some at a time.
pub(crate) enum Leaves<'a> {
    Journal { reader: Reader<BufReader<File>>, unfinished_bytes: u64 },
    Bundles { place: &'a Place, next: u64, size: u64 },
}

impl Leaves<'_> {
    /// The next ones; an empty list at the end.
    pub(crate) fn next_chunk(&mut self) -> Result<Vec<Vec<u8>>> {
        match self {
            Leaves::Journal { reader, unfinished_bytes } => loop {
                match reader.next_record()? {
                    Next::Record(record) if record.entries.is_empty() => {}
                    Next::Record(record) => return Ok(record.entries),
                    Next::End => return Ok(Vec::new()),
                    Next::Torn { bytes } => {
                        *unfinished_bytes = bytes;
                        return Ok(Vec::new());
                    }
                }
            },
            Leaves::Bundles { place, next, size } => {
                let width = size.saturating_sub(*next * TILE_WIDTH).min(TILE_WIDTH);
                if width == 0 {
                    return Ok(Vec::new());
                }
                let tile = Tile { kind: Kind::Entries, index: *next, width };
                *next += 1;
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
