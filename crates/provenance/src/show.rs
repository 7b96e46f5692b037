//! Listing leaves.

use std::path::Path;

use crate::{Entry, Error, Result, checkpoint::Checkpoint, source::Place};

/// One leaf as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Index in the log.
    pub index: u64,
    /// The entry, typed.
    pub entry: Entry,
    /// The entry, as the bytes that were hashed.
    pub json: String,
}

/// Gives the leaves of a log folder or a static export to `each`, oldest first, until it returns `false`.
/// Those that were pruned are not there.
///
/// It trusts the files: verify first where that matters.
///
/// # Errors
/// [`Error::Io`], [`Error::Missing`], or the damage that stopped reading, by name.
pub fn show(dir: &Path, mut each: impl FnMut(Shown) -> bool) -> Result<()> {
    walk(dir, |index, bytes| {
        let entry = Entry::parse(bytes).map_err(|e| Error::BrokenLeaf { index, why: e.to_string() })?;
        let json = String::from_utf8_lossy(bytes).into_owned();
        Ok(each(Shown { index, entry, json }))
    })
}

/// The same of leaves as they lie there, unread, with their index.
pub(crate) fn walk(dir: &Path, mut each: impl FnMut(u64, &[u8]) -> Result<bool>) -> Result<()> {
    let place = Place::of(dir);
    let size = if place.has_journal() { 0 } else { unverified_size(&place.checkpoint()?)? };
    let mut leaves = place.leaves(size)?;
    let mut index = leaves.base();
    loop {
        let chunk = leaves.next_chunk()?;
        if chunk.is_empty() {
            return Ok(());
        }
        for bytes in chunk {
            if !each(index, &bytes)? {
                return Ok(());
            }
            index += 1;
        }
    }
}

fn unverified_size(note: &str) -> Result<u64> {
    let text = note.split_once("\n\n").map(|(text, _)| format!("{text}\n")).unwrap_or_default();
    Ok(Checkpoint::parse_text("checkpoint", &text)?.size)
}
