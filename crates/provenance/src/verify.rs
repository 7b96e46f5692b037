//! Recomputing everything, with the log's public key alone, and naming what is broken.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::{
    Error, LogPruned, Result, Shown, WitnessKey, Witnessed,
    account::Account,
    checkpoint::Checkpoint,
    cosign::is_cosigned_path,
    note::VerifierKey,
    publish::CHECKPOINT,
    source::{Leaves, Place},
    tile::{Kind, TILE_HEIGHT, TILE_WIDTH, Tile, grown, parse_hashes, split_entries},
    tree::{Hash, Tree, leaf_hash},
    witnessed::witnessed_tree,
};

/// What a log that verifies holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Name of the log.
    pub origin: String,
    /// Leaves that the published checkpoint signs.
    pub signed_leaves: u64,
    /// Leaves that were read: more than signed ones where the journal is ahead.
    pub leaves: u64,
    /// Root of the published checkpoint, hexadecimal.
    pub root: String,
    /// Hash tiles compared.
    pub tiles: u64,
    /// Entry bundles compared.
    pub bundles: u64,
    /// Leaves by event.
    pub events: BTreeMap<&'static str, u64>,
    /// Indexes of intents without outcome: requests that run now, or that ran at a crash not yet recovered from.
    pub open: Vec<u64>,
    /// Bytes of an unfinished record at the end of the journal.
    pub unfinished_bytes: u64,
    /// Size of the older checkpoint that this log was shown to contain.
    pub contains_checkpoint: Option<u64>,
    /// What a witness saw, where one was asked for.
    pub witnessed: Option<Witnessed>,
    /// What was pruned: of those leaves the hashes are left, and they lead to the signed root.
    pub pruned: Option<Sealed>,
}

/// A pruning, and where the log says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// Index of the leaf.
    pub index: u64,
    /// What was pruned.
    pub pruned: LogPruned,
    /// Index of the first leaf that is there: before [`LogPruned::before`] where a crash interrupted the pruning.
    pub base: u64,
}

/// Verifies a log folder, or a static export of its public folder.
///
/// The signed root is the judge: where files disagree, the one that does not lead to it is named. `against` is the
/// text of a checkpoint signed earlier, kept elsewhere (a receipt carries one): the log must still contain exactly
/// that history, which shows rollbacks and forks even if everything was signed anew.
///
/// # Errors
/// The first thing found broken, by name: record, tile, bundle, leaf or checkpoint; [`Error::Fork`] for `against`.
pub fn verify(dir: &Path, key: &VerifierKey, against: Option<&str>) -> Result<Report> {
    read(dir, key, against, &mut |_| {})
}

/// The same, and that `witness` saw this log grow: the newest checkpoint that it cosigned must be of this log.
///
/// # Errors
/// Those of [`verify`]; [`Error::NotWitnessed`] when there is none.
pub fn verify_witnessed(
    dir: &Path,
    key: &VerifierKey,
    against: Option<&str>,
    witness: &WitnessKey,
) -> Result<Report> {
    let mut report = read(dir, key, against, &mut |_| {})?;
    let (witnessed, tree) = witnessed_tree(&Place::of(dir), key, witness)?;
    // The tree of the tiles that were just compared.
    if tree.size() < report.signed_leaves {
        return Err(Error::JournalBehind { journal: tree.size(), checkpoint: report.signed_leaves });
    }
    report.witnessed = Some(witnessed);
    Ok(report)
}

/// Verifies a log and gives its signed leaves to `each`, oldest first, as they are read.
///
/// What was given is the log's only once this returns: until then keep it back. Leaves that the published checkpoint
/// does not sign yet are not given. Memory: 64 bytes a leaf for the tree, and the receipt ids.
///
/// # Errors
/// Those of [`verify`]; what `each` was given is then worth nothing.
pub fn verify_each(dir: &Path, key: &VerifierKey, mut each: impl FnMut(Shown)) -> Result<Report> {
    read(dir, key, None, &mut each)
}

fn read(dir: &Path, key: &VerifierKey, against: Option<&str>, each: &mut dyn FnMut(Shown)) -> Result<Report> {
    let place = Place::of(dir);
    let checkpoint = Checkpoint::open("checkpoint", &place.checkpoint()?, key)?;
    let files = list(&place)?;
    require(&checkpoint, &files, |tile| tile.kind != Kind::Entries)?;
    let mut leaves = place.leaves(checkpoint.size)?;
    let base = leaves.base();
    let mut check = Check { place: &place, files: &files, tree: Tree::new(), base, pending: None };
    check.pruned_hashes()?;
    let mut account = Account::starting(base);
    check.read(&mut leaves, &checkpoint, &mut account, each)?;
    let size = check.tree.size();
    if size < checkpoint.size {
        return Err(Error::JournalBehind { journal: size, checkpoint: checkpoint.size });
    }
    let sealed = account.pruned.filter(|(index, _)| *index < checkpoint.size);
    let before = sealed.map_or(0, |(_, pruned)| pruned.before);
    check.judge(&checkpoint)?;
    if let Some(error) = check.pending.take().or(account.error.take()) {
        return Err(error);
    }
    require(&checkpoint, &files, |tile| tile.kind == Kind::Entries && tile.index >= before / TILE_WIDTH)?;
    if base > before {
        return Err(Error::Unaccounted { before: base });
    }
    let tiles = check.hash_tiles()?;
    let contains_checkpoint = against.map(|old| contains(&check.tree, old, key)).transpose()?;
    Ok(Report {
        origin: checkpoint.origin,
        signed_leaves: checkpoint.size,
        leaves: size,
        root: hex::encode(checkpoint.root),
        tiles,
        bundles: files.iter().filter(|f| f.kind == Kind::Entries).count() as u64,
        open: account.open(),
        events: account.events,
        unfinished_bytes: leaves.unfinished_bytes(),
        contains_checkpoint,
        witnessed: None,
        pruned: sealed.map(|(index, pruned)| Sealed { index, pruned, base }),
    })
}

/// Shows that the tree begins with the one an older checkpoint signed.
fn contains(tree: &Tree, old: &str, key: &VerifierKey) -> Result<u64> {
    let old = Checkpoint::open("older checkpoint", old, key)?;
    match tree.root_at(old.size) {
        Some(root) if root == old.root => Ok(old.size),
        Some(_) => {
            Err(Error::Fork { why: format!("its first {} leaves are not those signed earlier", old.size) })
        }
        None => {
            let why = format!("{} leaves were signed earlier, {} are left", old.size, tree.size());
            Err(Error::Fork { why })
        }
    }
}

/// Every file of the public folder, each of which must be a tile or the checkpoint.
fn list(place: &Place) -> Result<BTreeSet<Tile>> {
    let mut tiles = BTreeSet::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let full = place.public.join(&folder);
        let items = fs::read_dir(&full).map_err(|e| Error::io("read", &full, &e))?;
        for item in items {
            let item = item.map_err(|e| Error::io("read", &full, &e))?;
            let name = item.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            // A partial tile may vanish under us when its full one is written.
            let Ok(kind) = item.file_type() else { continue };
            if kind.is_dir() {
                folders.push(path);
            } else if let Some(tile) = Tile::parse_path(&path).filter(|_| kind.is_file()) {
                tiles.insert(tile);
            } else if path != CHECKPOINT && !is_cosigned_path(&path) {
                return Err(Error::Unexpected { path });
            }
        }
    }
    Ok(tiles)
}

/// The tiles of the signed tree that are `needed` must be there; a full tile stands in for a partial one.
fn require(checkpoint: &Checkpoint, files: &BTreeSet<Tile>, needed: impl Fn(&Tile) -> bool) -> Result<()> {
    for tile in grown(0, checkpoint.size).into_iter().filter(needed) {
        if !files.contains(&tile) && !files.contains(&Tile { width: TILE_WIDTH, ..tile }) {
            return Err(Error::Missing { path: tile.path() });
        }
    }
    Ok(())
}

struct Check<'a> {
    place: &'a Place,
    files: &'a BTreeSet<Tile>,
    tree: Tree,
    /// Index of the first leaf that is there.
    base: u64,
    /// A bundle that differs from the leaves or is beyond them: an error once these were found to be the signed ones.
    pending: Option<Error>,
}

impl Check<'_> {
    /// Puts what is left of pruned leaves into the tree, and compares bundles of them that are still there.
    fn pruned_hashes(&mut self) -> Result<()> {
        if !self.base.is_multiple_of(TILE_WIDTH) {
            return Err(Error::Unaccounted { before: self.base });
        }
        for index in 0..self.base / TILE_WIDTH {
            let tile = Tile { kind: Kind::Level(0), index, width: TILE_WIDTH };
            let hashes = self.place.hashes(&tile)?;
            self.bundles(index, &hashes)?;
            hashes.into_iter().for_each(|hash| self.tree.push(hash));
        }
        Ok(())
    }

    /// Reads every leaf into the tree, compares the bundles, and keeps account of what the leaves say.
    fn read(
        &mut self,
        leaves: &mut Leaves,
        checkpoint: &Checkpoint,
        account: &mut Account,
        each: &mut dyn FnMut(Shown),
    ) -> Result<()> {
        let mut bundle: Vec<Hash> = Vec::new();
        let mut number = self.base / TILE_WIDTH;
        loop {
            let chunk = leaves.next_chunk()?;
            let end = chunk.is_empty();
            for entry in chunk {
                let index = self.tree.size();
                if let Some(parsed) = account.take(index, &entry)
                    && index < checkpoint.size
                {
                    let json = String::from_utf8_lossy(&entry).into_owned();
                    each(Shown { index, entry: parsed, json });
                }
                let hash = leaf_hash(&entry);
                self.tree.push(hash);
                bundle.push(hash);
                if bundle.len() as u64 == TILE_WIDTH {
                    self.bundles(number, &bundle)?;
                    bundle.clear();
                    number += 1;
                }
            }
            if end {
                self.bundles(number, &bundle)?;
                self.beyond(number + 1);
                return Ok(());
            }
        }
    }

    /// Compares every bundle with this number, full or partial, with the hashes of its leaves.
    fn bundles(&mut self, index: u64, leaves: &[Hash]) -> Result<()> {
        let first = Tile { kind: Kind::Entries, index, width: 1 };
        let last = Tile { width: TILE_WIDTH, ..first };
        for tile in self.files.range(first..=last) {
            let Some(bytes) = self.place.get(&tile.path())? else { continue };
            let broken = |why: String| Error::Broken { path: tile.path(), why };
            let entries = split_entries(&bytes).filter(|e| e.len() as u64 == tile.width);
            let Some(entries) = entries else {
                return Err(broken("its entries do not add up to its width".to_owned()));
            };
            if entries.len() > leaves.len() {
                self.pending.get_or_insert(Error::Unexpected { path: tile.path() });
                continue;
            }
            let differs = entries.iter().zip(leaves).position(|(entry, hash)| leaf_hash(entry) != *hash);
            if let Some(at) = differs {
                let leaf = index * TILE_WIDTH + at as u64;
                self.pending
                    .get_or_insert(broken(format!("leaf {leaf} in it is not the leaf that was signed")));
            }
        }
        Ok(())
    }

    fn beyond(&mut self, index: u64) {
        let first = Tile { kind: Kind::Entries, index, width: 1 };
        if let Some(tile) = self.files.range(first..).find(|t| t.kind == Kind::Entries) {
            self.pending.get_or_insert(Error::Unexpected { path: tile.path() });
        }
    }

    /// Compares the root of the leaves with the signed one, and finds who is wrong when they differ.
    fn judge(&self, checkpoint: &Checkpoint) -> Result<()> {
        if self.tree.root_at(checkpoint.size) == Some(checkpoint.root) {
            return Ok(());
        }
        let signed = self.place.tree(checkpoint.size)?;
        if signed.root() != checkpoint.root {
            self.judge_pruned()?;
            let why = "its root is neither that of the leaves nor that of the tiles".to_owned();
            return Err(Error::Broken { path: CHECKPOINT.to_owned(), why });
        }
        let index = (0..checkpoint.size).find(|i| signed.node(0, *i) != self.tree.node(0, *i));
        let index = index.unwrap_or_default();
        let why = if self.place.has_journal() {
            "the journal has other bytes than were signed".to_owned()
        } else {
            let width = (checkpoint.size - index / TILE_WIDTH * TILE_WIDTH).min(TILE_WIDTH);
            let tile = Tile { kind: Kind::Entries, index: index / TILE_WIDTH, width };
            format!("{} has other bytes than were signed", tile.path())
        };
        Err(Error::BrokenLeaf { index, why })
    }

    /// Names the tile of pruned leaves that is not the one the level above was made of.
    fn judge_pruned(&self) -> Result<()> {
        for index in 0..self.base / TILE_WIDTH {
            let above =
                Tile { kind: Kind::Level(1), index: index / TILE_WIDTH, width: index % TILE_WIDTH + 1 };
            let above =
                self.files.range(above..).next().filter(|t| (t.kind, t.index) == (above.kind, above.index));
            let Some(above) = above else { continue };
            let hashes = self.place.hashes(above)?;
            let at = usize::try_from(index % TILE_WIDTH).unwrap_or(usize::MAX);
            if hashes.get(at) != self.tree.node(TILE_HEIGHT, index).as_ref() {
                let path = Tile { kind: Kind::Level(0), index, width: TILE_WIDTH }.path();
                let why = format!("its root is not the one in {}", above.path());
                return Err(Error::Broken { path, why });
            }
        }
        Ok(())
    }

    /// Compares every hash tile with the tree.
    fn hash_tiles(&self) -> Result<u64> {
        let mut count = 0;
        for tile in self.files {
            let Kind::Level(level) = tile.kind else { continue };
            let Some(expected) = tile.hashes(&self.tree) else {
                return Err(Error::Unexpected { path: tile.path() });
            };
            let Some(bytes) = self.place.get(&tile.path())? else { continue };
            count += 1;
            let hashes = parse_hashes(tile, &bytes)?;
            let differs = hashes.iter().zip(expected.as_chunks::<32>().0).position(|(a, b)| a != b);
            if let Some(at) = differs {
                let node = tile.index * TILE_WIDTH + at as u64;
                let why = if level == 0 {
                    format!("its hash of leaf {node} is not that of the leaf")
                } else {
                    format!("its hash {at} is not that of the tile {node} below")
                };
                return Err(Error::Broken { path: tile.path(), why });
            }
        }
        Ok(count)
    }
}
