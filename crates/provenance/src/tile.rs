//! C2SP `tlog-tiles`: paths of tiles and entry bundles, their bytes, and which of them a tree of some size has.

use crate::{
    Error, Result,
    leaf::ENTRY_BYTES_MAX,
    tree::{Hash, Tree},
};

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u64 = 256;
/// Height of a tile: `2^8 = 256`.
pub(crate) const TILE_HEIGHT: u32 = 8;

/// What a file under `tile/` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Entries.
    Entries,
    /// Hashes at a level; level 0 is leaf hashes.
    Level(u32),
}

/// One tile or bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Entries or hashes.
    pub kind: Kind,
    /// Index within the level.
    pub index: u64,
    /// 1 to 256; less than 256 is partial.
    pub width: u64,
}

impl Tile {
    /// Path relative to the public folder, `tile/0/x001/x234/067.p/5`.
    #[must_use]
    pub fn path(&self) -> String {
        let mut number = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        let partial = if self.width < TILE_WIDTH { format!(".p/{}", self.width) } else { String::new() };
        match self.kind {
            Kind::Entries => format!("tile/entries/{number}{partial}"),
            Kind::Level(level) => format!("tile/{level}/{number}{partial}"),
        }
    }

    /// Reads a path; `None` unless it is exactly what [`Tile::path`] gives.
    #[must_use]
    pub fn parse_path(path: &str) -> Option<Self> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match kind {
            "entries" => Kind::Entries,
            level => Kind::Level(level.parse().ok().filter(|l| *l < 64)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok()?),
            None => (rest, TILE_WIDTH),
        };
        let digits: String = number.split('/').map(|part| part.trim_start_matches('x')).collect();
        let tile = Self { kind, index: digits.parse().ok()?, width };
        let known = (1..=TILE_WIDTH).contains(&width) && tile.path() == path;
        known.then_some(tile)
    }

    /// First leaf or node, and one past the last, in units of the tile's own level.
    #[must_use]
    pub fn span(&self) -> Option<(u64, u64)> {
        let begin = self.index.checked_mul(TILE_WIDTH)?;
        Some((begin, begin.checked_add(self.width)?))
    }

    /// The bytes of a hash tile computed from the tree; `None` when the tree is too small or this is a bundle.
    #[must_use]
    pub fn hashes(&self, tree: &Tree) -> Option<Vec<u8>> {
        let Kind::Level(level) = self.kind else { return None };
        let (begin, end) = self.span()?;
        let height = level.checked_mul(TILE_HEIGHT)?;
        let mut bytes = Vec::with_capacity(8192);
        for index in begin..end {
            bytes.extend_from_slice(&tree.node(height, index)?);
        }
        Some(bytes)
    }
}

/// The tiles and bundles that appear or widen when a tree grows from `old` to `new` leaves, full ones first.
#[must_use]
pub fn grown(old: u64, new: u64) -> Vec<Tile> {
    let mut tiles = Vec::new();
    for level in 0..8u32 {
        let unit = TILE_HEIGHT * level;
        let (from, to) = (old >> unit, new >> unit);
        if to == 0 {
            break;
        }
        if from == to {
            continue;
        }
        for index in (from / TILE_WIDTH)..to.div_ceil(TILE_WIDTH) {
            let width = (to - index * TILE_WIDTH).min(TILE_WIDTH);
            tiles.push(Tile { kind: Kind::Level(level), index, width });
            if level == 0 {
                tiles.push(Tile { kind: Kind::Entries, index, width });
            }
        }
    }
    tiles
}

/// Reads a hash tile.
///
/// # Errors
/// [`Error::Broken`] when it has not `32 * width` bytes.
pub fn parse_hashes(tile: &Tile, bytes: &[u8]) -> Result<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() || hashes.len() as u64 != tile.width {
        let why = format!("has {} bytes instead of {}", bytes.len(), tile.width * 32);
        return Err(Error::Broken { path: tile.path(), why });
    }
    Ok(hashes.to_vec())
}

/// Appends one entry with its length prefix.
///
/// # Errors
/// [`Error::Leaf`] when it is longer than 65,535 bytes.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<()> {
    let len = u16::try_from(entry.len()).map_err(|_| Error::Leaf {
        field: "entry",
        why: format!("is longer than {ENTRY_BYTES_MAX} bytes"),
    })?;
    bundle.extend_from_slice(&len.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// Splits length-prefixed entries; `None` at the first that is cut short or empty.
#[must_use]
pub fn split_entries(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (len, rest) = bytes.split_first_chunk::<2>()?;
        let len = usize::from(u16::from_be_bytes(*len));
        if len == 0 {
            return None;
        }
        let (entry, rest) = rest.split_at_checked(len)?;
        entries.push(entry);
        bytes = rest;
    }
    Some(entries)
}
