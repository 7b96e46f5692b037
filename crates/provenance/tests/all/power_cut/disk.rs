//! A disk that keeps what was synced, and of the rest what it likes.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::trace::Op;

/// What is kept of that which was not synced.
#[derive(Debug, Clone, Copy)]
pub enum Kept {
    /// Nothing: what was synced and no more.
    Synced,
    /// Everything.
    All,
    /// A part that the seed chooses, writes in part too.
    Some(u64),
}

type Node = usize;

enum What {
    Link {
        folder: Node,
        name: OsString,
        node: Node,
    },
    Unlink {
        folder: Node,
        name: OsString,
    },
    /// One step, as file systems with a journal have it; durable with the folder that it goes to.
    Rename {
        from: (Node, OsString),
        to: (Node, OsString),
        node: Node,
    },
    Write {
        node: Node,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        node: Node,
        len: usize,
    },
}

struct Change {
    what: What,
    synced: bool,
}

/// Files and folders below a root, whose own name is durable.
pub struct Disk {
    /// What a program sees: every path, and the length of every file.
    seen: HashMap<PathBuf, Node>,
    lengths: Vec<usize>,
    folders: HashSet<Node>,
    changes: Vec<Change>,
}

/// 512 bytes: what a disk writes whole.
const SECTOR: usize = 512;
/// A shorter hole than this is called damage and not a cut write (`journal.rs`): that closes the log, and loses nothing.
const SHORTEST_HOLE: usize = 16;

/// SplitMix64 (Steele et al., 2014): small, and the same everywhere.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Disk {
    pub fn empty(root: &Path) -> Self {
        let seen = HashMap::from([(root.to_owned(), 0)]);
        Self { seen, lengths: vec![0], folders: HashSet::from([0]), changes: Vec::new() }
    }

    /// What lies in `root`, all of it synced.
    pub fn of(root: &Path) -> Self {
        let mut disk = Self::empty(root);
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    disk.apply(&Op::MakeFolder(path.clone()));
                    folders.push(path);
                } else {
                    disk.apply(&Op::Create(path.clone()));
                    let bytes = fs::read(&path).unwrap();
                    disk.apply(&Op::Write(path, bytes));
                }
            }
        }
        disk.changes.iter_mut().for_each(|change| change.synced = true);
        disk
    }

    fn node(&self, path: &Path) -> Node {
        *self.seen.get(path).unwrap_or_else(|| panic!("{} was never made", path.display()))
    }

    /// The folder of a path and its name there.
    fn entry(&self, path: &Path) -> (Node, OsString) {
        (self.node(path.parent().unwrap()), path.file_name().unwrap().to_owned())
    }

    fn change(&mut self, what: What) {
        self.changes.push(Change { what, synced: false });
    }

    fn make(&mut self, path: &Path) {
        if self.seen.contains_key(path) {
            return;
        }
        let (folder, name) = self.entry(path);
        let node = self.lengths.len();
        self.lengths.push(0);
        self.seen.insert(path.to_owned(), node);
        self.change(What::Link { folder, name, node });
    }

    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Ack(_) => {}
            Op::MakeFolder(path) => {
                self.make(path);
                self.folders.insert(self.node(path));
            }
            Op::Create(path) => self.make(path),
            Op::Write(path, bytes) => {
                let node = self.node(path);
                // Every file of a log is written from its start to its end or appended to.
                let at = self.lengths[node];
                self.lengths[node] += bytes.len();
                self.change(What::Write { node, at, bytes: bytes.clone() });
            }
            Op::Truncate(path, len) => {
                let node = self.node(path);
                self.lengths[node] = *len;
                self.change(What::Truncate { node, len: *len });
            }
            Op::Sync(path) => self.sync(self.node(path)),
            Op::Rename(from, to) => {
                let (old, new) = (self.entry(from), self.entry(to));
                let node = self.seen.remove(from).expect("a file to rename");
                self.seen.insert(to.clone(), node);
                self.change(What::Rename { from: old, to: new, node });
            }
            Op::Remove(path) => {
                let (folder, name) = self.entry(path);
                self.seen.remove(path);
                self.change(What::Unlink { folder, name });
            }
        }
    }

    fn sync(&mut self, synced: Node) {
        for change in &mut self.changes {
            let of = match &change.what {
                What::Link { folder, .. } | What::Unlink { folder, .. } => *folder,
                What::Rename { to, .. } => to.0,
                What::Write { node, .. } | What::Truncate { node, .. } => *node,
            };
            change.synced |= of == synced;
        }
    }

    /// What a cut of the power leaves now.
    pub fn image(&self, kept: Kept) -> Image {
        let mut folders: HashMap<Node, BTreeMap<OsString, Node>> = HashMap::new();
        let mut files: HashMap<Node, Vec<u8>> = HashMap::new();
        let mut state = if let Kept::Some(seed) = kept { seed } else { 0 };
        for change in &self.changes {
            let chance = random(&mut state);
            let there = change.synced
                || match kept {
                    Kept::Synced => false,
                    Kept::All => true,
                    Kept::Some(_) => !chance.is_multiple_of(3),
                };
            if !there {
                continue;
            }
            match &change.what {
                What::Link { folder, name, node } => {
                    folders.entry(*folder).or_default().insert(name.clone(), *node);
                }
                What::Unlink { folder, name } => _ = folders.entry(*folder).or_default().remove(name),
                What::Rename { from, to, node } => {
                    folders.entry(from.0).or_default().remove(&from.1);
                    folders.entry(to.0).or_default().insert(to.1.clone(), *node);
                }
                What::Write { node, at, bytes } => {
                    let torn = !change.synced && matches!(kept, Kept::Some(_)) && chance % 3 == 1;
                    let bytes = if torn { tear(bytes, *at, &mut state) } else { bytes.clone() };
                    let file = files.entry(*node).or_default();
                    if file.len() < at + bytes.len() {
                        file.resize(at + bytes.len(), 0);
                    }
                    file[*at..at + bytes.len()].copy_from_slice(&bytes);
                }
                What::Truncate { node, len } => files.entry(*node).or_default().resize(*len, 0),
            }
        }
        let mut image = Image::default();
        let mut walk = vec![(PathBuf::new(), 0)];
        while let Some((path, node)) = walk.pop() {
            if self.folders.contains(&node) {
                let inside = folders.remove(&node).unwrap_or_default();
                walk.extend(inside.into_iter().map(|(name, node)| (path.join(name), node)));
                image.0.insert(path, None);
            } else {
                image.0.insert(path, Some(files.remove(&node).unwrap_or_default()));
            }
        }
        image
    }
}

/// A write that got half way: its beginning, or all of it but for sectors that read as zeros.
fn tear(bytes: &[u8], at: usize, state: &mut u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let place = usize::try_from(random(state) % (bytes.len() as u64 + 1)).unwrap();
    if random(state).is_multiple_of(2) {
        bytes.truncate(place);
        return bytes;
    }
    let from = ((at + place) / SECTOR * SECTOR).max(at) - at;
    let to = ((at + place) / SECTOR * SECTOR + SECTOR).min(at + bytes.len()) - at;
    if from < to && to - from >= SHORTEST_HOLE {
        bytes[from..to].fill(0);
    }
    bytes
}

/// Paths below the root: folders (`None`) and files.
#[derive(Default)]
pub struct Image(BTreeMap<PathBuf, Option<Vec<u8>>>);

impl Image {
    pub fn digest(&self) -> [u8; 32] {
        let mut sum = Sha256::new();
        for (path, bytes) in &self.0 {
            sum.update(path.as_os_str().as_encoded_bytes());
            sum.update([0]);
            let bytes = bytes.as_deref().unwrap_or_default();
            sum.update((bytes.len() as u64).to_le_bytes());
            sum.update(bytes);
        }
        sum.finalize().0
    }

    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.0.iter().filter_map(|(path, bytes)| Some((path.clone(), bytes.clone()?))).collect()
    }

    /// Puts it into an empty folder, private as everything in a log is.
    pub fn write(&self, dir: &Path) {
        for (path, bytes) in &self.0 {
            let path = dir.join(path);
            match bytes {
                None => fs::create_dir_all(path).unwrap(),
                Some(bytes) => {
                    fs::write(&path, bytes).unwrap();
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
                }
            }
        }
    }
}
