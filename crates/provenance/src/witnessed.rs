//! What a witness saw of a log, by the hash tiles and the checkpoints of its public folder alone.

use std::path::Path;

use crate::{
    CosignRequest, Error, Receipt, Result, WitnessKey,
    checkpoint::{Checkpoint, InclusionProof},
    note::VerifierKey,
    publish::CHECKPOINT,
    source::Place,
    tree::{Tree, leaf_hash},
};

/// A checkpoint that a witness cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// The witness's name.
    pub name: String,
    /// Leaves that it saw.
    pub size: u64,
    /// When, by its clock, in seconds since 1970.
    pub time_s: u64,
}

/// The request to a witness that last cosigned a checkpoint of `old` leaves, for the newest published checkpoint.
///
/// `dir` is a log folder or a copy of its public one; of that, checkpoint and hash tiles are read.
///
/// # Errors
/// What is missing or broken, by name; [`Error::Fork`] when fewer than `old` leaves are published.
pub fn cosign_request(dir: &Path, key: &VerifierKey, old: u64) -> Result<CosignRequest> {
    let place = Place::of(dir);
    let note = place.checkpoint()?;
    let checkpoint = Checkpoint::open("checkpoint", &note, key)?;
    let tree = signed_tree(&place, &checkpoint)?;
    let path = tree.consistency_proof(old, checkpoint.size).ok_or_else(|| Error::Fork {
        why: format!("{old} leaves were cosigned, {} are published", checkpoint.size),
    })?;
    Ok(CosignRequest { old, path, checkpoint: note })
}

/// The size of the newest checkpoint that `witness` cosigned, and 0 where it cosigned none.
///
/// # Errors
/// When a cosigned checkpoint is there and does not hold.
pub fn cosigned_size(dir: &Path, key: &VerifierKey, witness: &WitnessKey) -> Result<u64> {
    match newest(&Place::of(dir), key, witness) {
        Ok((checkpoint, _)) => Ok(checkpoint.size),
        Err(Error::NotWitnessed { .. }) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Shows that a witness saw every leaf of a receipt. `dir` is as in [`cosign_request`]; without one the cosignature must
/// stand on the receipt's own checkpoints.
///
/// # Errors
/// [`Error::NotWitnessed`] saying how far the witness came; what is missing or broken, by name. The receipt itself is
/// for [`Receipt::verify`].
pub fn receipt_witnessed(
    receipt: &Receipt,
    key: &VerifierKey,
    witness: &WitnessKey,
    dir: Option<&Path>,
) -> Result<Witnessed> {
    let lacking = |why: &str| Error::NotWitnessed { name: witness.name().to_owned(), why: why.to_owned() };
    let Some(dir) = dir else {
        let mut oldest: Option<Witnessed> = None;
        for leaf in &receipt.leaves {
            let note = InclusionProof::parse(&leaf.proof)?.checkpoint;
            let checkpoint = Checkpoint::open("checkpoint", &note, key)?;
            let time_s = witness.time_s("checkpoint", &note)?;
            let time_s = time_s.ok_or_else(|| {
                lacking("the receipt is older than its cosignature; give a copy of the log's public folder")
            })?;
            let seen = Witnessed { name: witness.name().to_owned(), size: checkpoint.size, time_s };
            oldest = Some(oldest.filter(|o| o.size <= seen.size).unwrap_or(seen));
        }
        return oldest.ok_or_else(|| lacking("the receipt has no leaf"));
    };
    let (witnessed, tree) = witnessed_tree(&Place::of(dir), key, witness)?;
    for leaf in &receipt.leaves {
        if leaf.index >= witnessed.size {
            let why = format!(
                "it saw {} leaves, the receipt has leaf {}; ask for a newer copy",
                witnessed.size, leaf.index
            );
            return Err(lacking(&why));
        }
        if tree.node(0, leaf.index) != Some(leaf_hash(leaf.leaf.as_bytes())) {
            let why = format!("leaf {} of the receipt is not the one that the witness saw", leaf.index);
            return Err(Error::Fork { why });
        }
    }
    Ok(witnessed)
}

/// The newest checkpoint that `witness` cosigned, and the published tree, which begins with it.
pub(crate) fn witnessed_tree(
    place: &Place,
    key: &VerifierKey,
    witness: &WitnessKey,
) -> Result<(Witnessed, Tree)> {
    let (cosigned, time_s) = newest(place, key, witness)?;
    let published = Checkpoint::open("checkpoint", &place.checkpoint()?, key)?;
    let tree = signed_tree(place, &published)?;
    match tree.root_at(cosigned.size) {
        Some(root) if root == cosigned.root => {}
        Some(_) => {
            let why = format!("its first {} leaves are not those that {} saw", cosigned.size, witness.name());
            return Err(Error::Fork { why });
        }
        None => {
            let why = format!("{} saw {} leaves, {} are left", witness.name(), cosigned.size, tree.size());
            return Err(Error::Fork { why });
        }
    }
    Ok((Witnessed { name: witness.name().to_owned(), size: cosigned.size, time_s }, tree))
}

/// The published checkpoint if it is cosigned, else the one kept for this witness.
fn newest(place: &Place, key: &VerifierKey, witness: &WitnessKey) -> Result<(Checkpoint, u64)> {
    for (what, path) in [("checkpoint", CHECKPOINT.to_owned()), ("cosigned checkpoint", witness.path())] {
        let Some(bytes) = place.get(&path)? else { continue };
        let note =
            String::from_utf8(bytes).map_err(|_| Error::Note { what, why: "is not UTF-8".to_owned() })?;
        if let Some(time_s) = witness.time_s(what, &note)? {
            return Ok((Checkpoint::open(what, &note, key)?, time_s));
        }
    }
    let why = "no checkpoint in the public folder carries its cosignature".to_owned();
    Err(Error::NotWitnessed { name: witness.name().to_owned(), why })
}

fn signed_tree(place: &Place, checkpoint: &Checkpoint) -> Result<Tree> {
    let tree = place.tree(checkpoint.size)?;
    if tree.root() == checkpoint.root {
        return Ok(tree);
    }
    let why = "its root is not that of the hash tiles; `log verify` names what is broken".to_owned();
    Err(Error::Broken { path: CHECKPOINT.to_owned(), why })
}
