//! The facts a decision is taken on. Whoever asks gives them; nothing here is looked up.

use std::collections::BTreeMap;

use crate::DataClass;
use crate::assessment::Live;
use crate::informed::Informed;

/// Who asks: an API key, which belongs to exactly one use case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Id of the key (never its secret).
    pub key_id: String,
    /// The use case the key was issued for; the decision is about this use case and no other.
    pub use_case: String,
    /// Pseudonym of the person or system behind the key.
    pub actor: String,
    /// Roles the key carries.
    pub roles: Vec<String>,
    /// When the key ends, in milliseconds since 1970 UTC; `None` for one that is revoked by hand.
    pub expires_ms: Option<i64>,
}

/// What is known of the model that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFacts {
    /// Id in `models.toml`.
    pub id: String,
    /// Status in `models.toml`: `proposed`, `approved`, `suspended` or `revoked`; anything else is not approved.
    pub status: String,
    /// The pinned SHA-256 (for a model of several files: of its manifest).
    pub pinned_sha256: Option<[u8; 32]>,
    /// The SHA-256 of what was loaded, computed the same way over the bytes that are in memory.
    pub loaded_sha256: Option<[u8; 32]>,
    /// Whether it is the default model of `models.toml`.
    pub is_default: bool,
    /// What is known of it beyond its bytes, where `models.toml` says it.
    pub dossier: Option<DossierFacts>,
    /// Whether somebody vouches for its files.
    pub signature: ModelSignature,
}

/// What rules ask of a model's dossier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DossierFacts {
    /// SHA-256 of the dossier: what signers sign.
    pub sha256: [u8; 32],
    /// What is closed or unknown, one word each.
    pub open_points: Vec<String>,
    /// When its legal review lapses, in milliseconds since 1970 UTC; `None` without one.
    pub review_lapses_ms: Option<i64>,
}

/// The signature over a model's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelSignature {
    /// `models.toml` pins none.
    Absent,
    /// By the pinned key, over the pinned hashes.
    Genuine,
    /// One is pinned, and it does not hold.
    NotGenuine,
}

impl ModelSignature {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Absent, Self::Genuine, Self::NotGenuine];

    /// Its name in the schema.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Genuine => "genuine",
            Self::NotGenuine => "not-genuine",
        }
    }
}

impl ModelFacts {
    /// A model nobody knows: asked for by name, absent from `models.toml`. It is denied by name.
    #[must_use]
    pub fn unknown(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            status: "unknown".into(),
            pinned_sha256: None,
            loaded_sha256: None,
            is_default: false,
            dossier: None,
            signature: ModelSignature::Absent,
        }
    }
}

/// What is asked at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Chat completion: generates.
    Chat,
    /// Text completion: generates.
    Complete,
    /// Texts to vectors: takes a model and a quota as what generates does.
    Embed,
    /// Listing models: generates nothing.
    ListModels,
}

impl Action {
    /// Its name in the schema.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Complete => "complete",
            Self::Embed => "embed",
            Self::ListModels => "list_models",
        }
    }

    /// Whether a model reads what is sent, so that the model and a quota come into it.
    #[must_use]
    pub fn generates(self) -> bool {
        matches!(self, Self::Chat | Self::Complete | Self::Embed)
    }
}

/// How much of the allowance of the use case is used, this request left out, and how much this one reserves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuotaFacts {
    /// Tokens this request reserves: prompt and completion.
    pub tokens_reserved: u64,
    /// Tokens used and reserved today by others.
    pub tokens_today: u64,
    /// Requests begun in this minute by others.
    pub requests_this_minute: u64,
}

/// A request at the door, before anybody has looked into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRequest {
    /// Who.
    pub principal: Principal,
    /// What.
    pub action: Action,
    /// With which model; required where [`Action::generates`], ignored elsewhere.
    pub model: Option<ModelFacts>,
    /// The caller's clock, in milliseconds since 1970 UTC.
    pub now_ms: i64,
    /// Whether the connection came over the loopback interface.
    pub loopback: bool,
    /// Allowance; ignored where nothing is generated.
    pub quota: QuotaFacts,
    /// What is true of the server and of this request, for the controls that stand behind measures.
    pub live: Live,
    /// What is known of whoever asks.
    pub informed: Informed,
}

impl EntryRequest {
    /// A request that nobody made, for whoever asks what the rules would say: to chat (with a model that is still to be added),
    /// from the machine itself, with a key whose last day does not come, with nothing of the allowance used, with every
    /// control in force, since there is no server to look at, and by somebody who is informed as the use case asks.
    #[must_use]
    pub fn supposed(use_case: &str, roles: impl IntoIterator<Item = String>, now_ms: i64) -> Self {
        Self {
            principal: Principal {
                key_id: "supposed".into(),
                use_case: use_case.into(),
                actor: "supposed".into(),
                roles: roles.into_iter().collect(),
                expires_ms: Some(i64::MAX),
            },
            action: Action::Chat,
            model: None,
            now_ms,
            loopback: true,
            quota: QuotaFacts { tokens_reserved: 1, ..QuotaFacts::default() },
            live: Live::in_force(),
            informed: Informed::Supposed,
        }
    }
}

/// What redaction found in a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingFacts {
    /// Findings by type, as the recognizers name them.
    pub counts: BTreeMap<String, u64>,
    /// The heaviest class of data that was found, before anything was replaced.
    pub data_class: DataClass,
    /// Special categories of personal data (GDPR art. 9) that were found, by name.
    pub special_categories: Vec<String>,
    /// Findings that could not be told for certain and were not replaced.
    pub unresolved: u64,
    /// Findings of a type that the redaction profile refuses.
    pub refused: u64,
    /// Detection failed, in whole or in part: what it reports cannot be relied on.
    pub failed: bool,
    /// Id of the redaction profile that was applied.
    pub profile: String,
}

/// A request after redaction: everything the door knew, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClearanceRequest {
    /// The request as it stood at the door, with the clock of now: the door is judged again.
    pub entry: EntryRequest,
    /// What redaction found.
    pub findings: FindingFacts,
}
