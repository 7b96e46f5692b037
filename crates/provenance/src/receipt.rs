//! What a caller holds: the leaves of a request, their proofs, and the key of its commitments.

use serde::{Deserialize, Serialize};

use crate::{
    Denied, Entry, Error, Intent, Leaf, Outcome, ReceiptId, RequestKey, Result,
    checkpoint::{Checkpoint, InclusionProof},
    names::decimal,
    note::VerifierKey,
};

/// A receipt, as JSON in the body or the last chunk of a response. It verifies offline with the log's public key.
#[derive(Serialize, Deserialize)]
pub struct Receipt {
    /// Version of this shape: 1.
    pub v: u32,
    /// The id that was sent in `X-Proeftuin-Receipt`.
    pub id: ReceiptId,
    /// The log's verifier key, `name+hash+base64`. Trust the one you got elsewhere.
    pub log: String,
    /// Intent and outcome, or the denial.
    pub leaves: Vec<ReceiptLeaf>,
    /// Key of the commitments, hexadecimal. Whoever holds it and the text can show that they belong together.
    pub request_key: String,
}

/// One leaf with its proof.
#[derive(Serialize, Deserialize)]
pub struct ReceiptLeaf {
    /// Index in the log.
    #[serde(with = "decimal")]
    pub index: u64,
    /// The entry: the exact bytes that were hashed, as a string.
    pub leaf: String,
    /// C2SP `tlog-proof`: audit path and signed checkpoint.
    pub proof: String,
}

/// What a receipt proves once verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proven {
    /// An admitted request and how it ended.
    Served {
        /// The intent.
        intent: Box<Intent>,
        /// The outcome.
        outcome: Box<Outcome>,
    },
    /// A denied request.
    Denied(Box<Denied>),
}

impl Receipt {
    pub(crate) fn new(id: ReceiptId, log: &VerifierKey, leaves: Vec<ReceiptLeaf>, key: &RequestKey) -> Self {
        Self { v: 1, id, log: log.to_string(), leaves, request_key: key.to_hex().to_string() }
    }

    /// The key of the commitments.
    ///
    /// # Errors
    /// [`Error::Receipt`] when it does not parse.
    pub fn key(&self) -> Result<RequestKey> {
        RequestKey::from_hex(&self.request_key)
    }

    /// Verifies every leaf against the log's key, and that the leaves belong together and to this id.
    ///
    /// # Errors
    /// [`Error::Receipt`], [`Error::Note`] or [`Error::Leaf`] saying what does not hold.
    pub fn verify(&self, key: &VerifierKey) -> Result<Proven> {
        let broken = |why: &str| Error::Receipt { why: why.to_owned() };
        if self.v != 1 {
            return Err(broken("its version is not 1"));
        }
        let mut entries = Vec::new();
        for leaf in &self.leaves {
            entries.push(leaf.verify(key)?.0);
        }
        let mut entries = entries.into_iter();
        let proven = match (entries.next(), entries.next(), entries.next()) {
            (Some(first), second, None) => match (first.leaf, second.map(|e| e.leaf)) {
                (Leaf::Intent(intent), Some(Leaf::Outcome(outcome))) => {
                    if outcome.intent_seq != first.seq || intent.request.id != outcome.id {
                        return Err(broken("the outcome is of another intent"));
                    }
                    Proven::Served { intent, outcome }
                }
                (Leaf::Denied(denied), None) => Proven::Denied(denied),
                _ => return Err(broken("the leaves are not intent and outcome, nor a denial")),
            },
            _ => return Err(broken("the leaves are not intent and outcome, nor a denial")),
        };
        let id = match &proven {
            Proven::Served { intent, .. } => intent.request.id,
            Proven::Denied(denied) => denied.request.id,
        };
        if id == self.id { Ok(proven) } else { Err(broken("its id is not the id in its leaves")) }
    }
}

impl ReceiptLeaf {
    /// Verifies one leaf and returns it with the checkpoint it is proven against.
    ///
    /// # Errors
    /// As [`Receipt::verify`].
    pub fn verify(&self, key: &VerifierKey) -> Result<(Entry, Checkpoint)> {
        let proof = InclusionProof::parse(&self.proof)?;
        let checkpoint = proof.verify(self.leaf.as_bytes(), key)?;
        let entry = Entry::parse(self.leaf.as_bytes())?;
        if proof.index != self.index || entry.seq != self.index {
            return Err(Error::Receipt { why: "index, proof and leaf disagree".to_owned() });
        }
        Ok((entry, checkpoint))
    }
}
