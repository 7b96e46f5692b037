//! RFC 6962 Merkle tree: hashing, roots, inclusion and consistency proofs.

use sha2::{Digest as _, Sha256};

/// A node of the tree, SHA-256.
pub type Hash = [u8; 32];

/// `SHA-256(0x00 || entry)`.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0u8]).chain_update(entry).finalize().into()
}

/// `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1u8]).chain_update(left).chain_update(right).finalize().into()
}

/// Root of the empty tree: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// An append-only tree that keeps the hash of every complete subtree: 64 bytes a leaf.
#[derive(Debug, Default, Clone)]
pub struct Tree {
    /// `levels[h][i]` is the hash of leaves `i * 2^h .. (i + 1) * 2^h`.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// An empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |l| l.len() as u64)
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for height in 0.. {
            if self.levels.len() == height {
                self.levels.push(Vec::new());
            }
            let Some(level) = self.levels.get_mut(height) else { return };
            level.push(hash);
            if level.len() % 2 == 1 {
                return;
            }
            let [.., left, right] = level.as_slice() else { return };
            hash = node_hash(left, right);
        }
    }

    /// Hash of the complete subtree `index` at `height`, if it is complete.
    #[must_use]
    pub fn node(&self, height: u32, index: u64) -> Option<Hash> {
        let index = usize::try_from(index).ok()?;
        self.levels.get(height as usize)?.get(index).copied()
    }

    /// Root of the first `size` leaves; `None` when there are fewer.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        if size > self.size() {
            return None;
        }
        if size == 0 {
            return Some(empty_root());
        }
        self.range(0, size)
    }

    /// Root of all leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root_at(self.size()).unwrap_or_else(empty_root)
    }

    /// Audit path of leaf `index` in the tree of `size`, from the leaf's sibling up (RFC 6962, 2.1.1).
    #[must_use]
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        if index >= size || size > self.size() {
            return None;
        }
        let mut path = Vec::new();
        let (mut begin, mut end) = (0, size);
        while end - begin > 1 {
            let split = begin + largest_power_below(end - begin);
            if index < split {
                path.push(self.range(split, end)?);
                end = split;
            } else {
                path.push(self.range(begin, split)?);
                begin = split;
            }
        }
        path.reverse();
        Some(path)
    }

    /// Proof that the tree of `old` leaves is a prefix of the tree of `new` (RFC 6962, 2.1.2).
    #[must_use]
    pub fn consistency_proof(&self, old: u64, new: u64) -> Option<Vec<Hash>> {
        if old > new || new > self.size() {
            return None;
        }
        let mut path = Vec::new();
        if old == 0 || old == new {
            return Some(path);
        }
        let (mut begin, mut end) = (0, new);
        // `whole`: the old tree is exactly the subtree under consideration and its root is known to the verifier.
        let mut whole = true;
        while end != old {
            let split = begin + largest_power_below(end - begin);
            if old <= split {
                path.push(self.range(split, end)?);
                end = split;
            } else {
                path.push(self.range(begin, split)?);
                begin = split;
                whole = false;
            }
        }
        if !whole {
            path.push(self.range(begin, end)?);
        }
        path.reverse();
        Some(path)
    }

    /// `MTH(D[begin..end])`, where `begin` is a multiple of the largest power of two in the range.
    fn range(&self, begin: u64, end: u64) -> Option<Hash> {
        let width = end.checked_sub(begin)?;
        if width.is_power_of_two() && begin.is_multiple_of(width) {
            return self.node(width.trailing_zeros(), begin / width);
        }
        let split = begin.checked_add(largest_power_below(width))?;
        Some(node_hash(&self.range(begin, split)?, &self.range(split, end)?))
    }
}

/// The largest power of two smaller than `n`; 1 for `n` up to 2.
fn largest_power_below(n: u64) -> u64 {
    if n <= 2 { 1 } else { 1 << (63 - (n - 1).leading_zeros()) }
}

/// Recomputes the root from a leaf and its audit path; `None` when the path has the wrong length.
///
/// Compare the result with the root of a checkpoint whose signature holds.
#[must_use]
pub fn root_from_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node % 2 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node % 2 == 0 && node != 0 {
                node /= 2;
                last /= 2;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node /= 2;
        last /= 2;
    }
    (last == 0).then_some(hash)
}

/// Checks that the tree (`old`, `old_root`) is a prefix of (`new`, `new_root`).
#[must_use]
pub fn consistent(old: u64, old_root: &Hash, new: u64, new_root: &Hash, path: &[Hash]) -> bool {
    if old > new {
        return false;
    }
    if old == new {
        return path.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return path.is_empty() && *old_root == empty_root();
    }
    let (mut node, mut last) = (old - 1, new - 1);
    while node % 2 == 1 {
        node /= 2;
        last /= 2;
    }
    let mut path = path.iter();
    let seed = if node == 0 { Some(old_root) } else { path.next() };
    let Some(seed) = seed else { return false };
    let (mut old_hash, mut new_hash) = (*seed, *seed);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node % 2 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node % 2 == 0 && node != 0 {
                node /= 2;
                last /= 2;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node /= 2;
        last /= 2;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}
