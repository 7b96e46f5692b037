//! C2SP `tlog-checkpoint`: the signed head of the tree; and `tlog-proof`: an inclusion proof that carries one.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Error, Result,
    note::{NoteSigner, VerifierKey},
    tree::{Hash, leaf_hash, root_from_inclusion},
};

const PROOF_HEADER: &str = "c2sp.org/tlog-proof@v1";
/// A path in a tree of at most 2^64 leaves.
const PATH_MAX: usize = 64;

/// Size and root of a log at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name; also the name of its key.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// RFC 6962 root.
    pub root: Hash,
}

fn broken(what: &'static str, why: &str) -> Error {
    Error::Note { what, why: why.to_owned() }
}

pub(crate) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// A proof as text: its first lines, a line for each hash, an empty one, and a checkpoint.
pub(crate) fn proof_text(mut head: String, path: &[Hash], checkpoint: &str) -> String {
    for hash in path {
        head.push_str(&STANDARD.encode(hash));
        head.push('\n');
    }
    head.push('\n');
    head.push_str(checkpoint);
    head
}

/// The lines of such a text that stand before its checkpoint, and the checkpoint.
pub(crate) fn split_proof<'a>(what: &'static str, text: &'a str) -> Result<(&'a str, &'a str)> {
    text.split_once("\n\n").ok_or_else(|| broken(what, "has no empty line before its checkpoint"))
}

/// The hashes of such a text, a line each; `None` where one is broken or there are more than `most`.
pub(crate) fn proof_path<'a>(lines: impl Iterator<Item = &'a str>, most: usize) -> Option<Vec<Hash>> {
    let path: Option<Vec<Hash>> = lines.take(most.saturating_add(1)).map(hash).collect();
    path.filter(|path| path.len() <= most)
}

impl Checkpoint {
    /// The note's text: origin, size, root, each on a line.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Signs it.
    #[must_use]
    pub fn sign(&self, signer: &NoteSigner) -> String {
        signer.sign(&self.to_text())
    }

    /// Verifies the log's signature and reads the checkpoint. Extension lines are allowed and ignored.
    ///
    /// # Errors
    /// [`Error::Note`] naming `what` and what is wrong with it.
    pub fn open(what: &'static str, note: &str, key: &VerifierKey) -> Result<Self> {
        let checkpoint = Self::parse_text(what, key.open(what, note)?)?;
        if checkpoint.origin != key.name() {
            return Err(broken(what, "the origin is not the name of the log's key"));
        }
        Ok(checkpoint)
    }

    /// Reads the text of a checkpoint whose signature was verified.
    ///
    /// # Errors
    /// [`Error::Note`] naming `what`.
    pub fn parse_text(what: &'static str, text: &str) -> Result<Self> {
        let Some(text) = text.strip_suffix('\n') else {
            return Err(broken(what, "the last line does not end"));
        };
        let mut lines = text.split('\n');
        let origin = lines.next().filter(|o| !o.is_empty()).ok_or_else(|| broken(what, "has no origin"))?;
        let size = lines.next().and_then(decimal).ok_or_else(|| broken(what, "the size is not a number"))?;
        let root = lines.next().and_then(hash).ok_or_else(|| broken(what, "the root is not 32 bytes"))?;
        if lines.any(str::is_empty) {
            return Err(broken(what, "has an empty line"));
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

/// A C2SP `tlog-proof`: leaf index, audit path and a signed checkpoint, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Index of the leaf.
    pub index: u64,
    /// From the leaf's sibling up.
    pub path: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
}

impl InclusionProof {
    /// The text form.
    #[must_use]
    pub fn to_text(&self) -> String {
        proof_text(format!("{PROOF_HEADER}\nindex {}\n", self.index), &self.path, &self.checkpoint)
    }

    /// Reads the text form; `extra` lines are skipped. The signature is not yet verified.
    ///
    /// # Errors
    /// [`Error::Note`] saying what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let what = "inclusion proof";
        let (head, checkpoint) = split_proof(what, text)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(PROOF_HEADER) {
            return Err(broken(what, "does not start with c2sp.org/tlog-proof@v1"));
        }
        lines.next_if(|line| line.starts_with("extra "));
        let index = lines.next().and_then(|l| l.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or_else(|| broken(what, "has no index"))?;
        let path = proof_path(lines, PATH_MAX).ok_or_else(|| broken(what, "the path is broken"))?;
        Ok(Self { index, path, checkpoint: checkpoint.to_owned() })
    }

    /// Verifies the checkpoint's signature and that `entry` is in its tree at [`Self::index`].
    ///
    /// # Errors
    /// [`Error::Note`] saying what does not hold.
    pub fn verify(&self, entry: &[u8], key: &VerifierKey) -> Result<Checkpoint> {
        let checkpoint = Checkpoint::open("checkpoint", &self.checkpoint, key)?;
        let root = root_from_inclusion(&leaf_hash(entry), self.index, checkpoint.size, &self.path);
        if root != Some(checkpoint.root) {
            return Err(broken("inclusion proof", "the leaf is not in the checkpoint's tree at this index"));
        }
        Ok(checkpoint)
    }
}
