//! Events about people: what users acknowledged and learnt, under their pseudonym; that somebody was erased, under none.

use serde::{Deserialize, Serialize};

use crate::names::decimal;
use crate::{AdminRef, Digest, Name, Pseudonym, ReceiptId};

/// See [`crate::Leaf::GuidanceAcknowledged`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuidanceAcknowledged {
    /// Keyed pseudonym of who acknowledged it.
    pub actor_pseudonym: Pseudonym,
    /// Epoch of that pseudonym's key.
    pub key_epoch: u32,
    /// Id of the guidance.
    pub guidance: Name,
    /// Its version, as people call it.
    pub version: Name,
    /// SHA-256 of what was acknowledged: version, titles and texts.
    pub sha256: Digest,
    /// The key with which they did so themselves; absent where an administrator entered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<Name>,
    /// Who entered it, for somebody who acknowledged it otherwise, such as on paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AdminRef>,
}

/// See [`crate::Leaf::GuidanceWithdrawn`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuidanceWithdrawn {
    /// Keyed pseudonym of whose acknowledgement no longer counts.
    pub actor_pseudonym: Pseudonym,
    /// Epoch of that pseudonym's key.
    pub key_epoch: u32,
    /// Id of the guidance.
    pub guidance: Name,
    /// Who withdrew it.
    pub by: AdminRef,
}

/// See [`crate::Leaf::TrainingAttested`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingAttested {
    /// Keyed pseudonym of who followed it.
    pub actor_pseudonym: Pseudonym,
    /// Epoch of the keys of both pseudonyms.
    pub key_epoch: u32,
    /// Id of the training.
    pub training: Name,
    /// Until when it counts, ms since 1970.
    #[serde(with = "decimal")]
    pub until_ms: i64,
    /// Keyed pseudonym of who says so.
    pub attested_by: Pseudonym,
    /// Who entered it.
    pub by: AdminRef,
}

/// See [`crate::Leaf::TrainingWithdrawn`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingWithdrawn {
    /// Keyed pseudonym of whose training no longer counts.
    pub actor_pseudonym: Pseudonym,
    /// Epoch of that pseudonym's key.
    pub key_epoch: u32,
    /// Id of the training.
    pub training: Name,
    /// Who withdrew it.
    pub by: AdminRef,
}

/// See [`crate::Leaf::SubjectErased`]. It says nothing of who it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectErased {
    /// Drawn for this erasure.
    pub id: ReceiptId,
    /// Keys that were destroyed.
    #[serde(with = "decimal")]
    pub keys: u64,
    /// Requests in the log that named the person.
    #[serde(with = "decimal")]
    pub records: u64,
    /// Who asked for it.
    pub by: AdminRef,
}
