//! The record: one typed event, stamped and numbered, as canonical JSON (RFC 8785).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Assurance, Digest, Error, LogExported, LogPruned, Name, OutcomeFacts, ReceiptId, RequestFacts, Result,
    UseCaseRef, Verdict,
    facts::{LIST_MAX, cap},
    names::{decimal, decimal_option},
    people::{GuidanceAcknowledged, GuidanceWithdrawn, SubjectErased, TrainingAttested, TrainingWithdrawn},
};

/// Version of the record's shape.
pub const VERSION: u32 = 1;
/// Longest entry in bytes (C2SP entry bundles have 16-bit lengths).
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// [`VERSION`].
    pub v: u32,
    /// Index in the log.
    #[serde(with = "decimal")]
    pub seq: u64,
    /// Milliseconds since 1970, by the log's clock, when the event was handed in.
    #[serde(with = "decimal")]
    pub ts_ms: i64,
    /// What happened.
    #[serde(flatten)]
    pub leaf: Leaf,
}

/// What happened. The `event` field of the record names the variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Leaf {
    /// A request passed every gate; durable before the first token.
    Intent(Box<Intent>),
    /// How an admitted request ended; durable before the end of its stream.
    Outcome(Box<Outcome>),
    /// An authenticated request was denied.
    Denied(Box<Denied>),
    /// Unauthenticated denials of one interval.
    UnauthenticatedDenials(UnauthenticatedDenials),
    /// A model was hashed and loaded.
    ModelLoaded(ModelLoaded),
    /// A policy pack was loaded.
    PolicyLoaded(PolicyLoaded),
    /// A policy pack was to be loaded and was not fit.
    PolicyRefused(PolicyRefused),
    /// The configuration was resolved or changed.
    Configuration(Configuration),
    /// An API key was issued.
    KeyIssued(KeyIssued),
    /// An API key was revoked.
    KeyRevoked(KeyRevoked),
    /// Somebody acknowledged the guidance.
    GuidanceAcknowledged(GuidanceAcknowledged),
    /// An acknowledgement no longer counts.
    GuidanceWithdrawn(GuidanceWithdrawn),
    /// Somebody followed a training, by the word of somebody else.
    TrainingAttested(TrainingAttested),
    /// A training no longer counts.
    TrainingWithdrawn(TrainingWithdrawn),
    /// The keys of a data subject were destroyed.
    SubjectErased(SubjectErased),
    /// An administrator read records, keys or reports.
    AdminRead(AdminRead),
    /// The log, or a part of it, was exported.
    LogExported(LogExported),
    /// The oldest leaves were pruned.
    LogPruned(LogPruned),
    /// Quota counters were counted again from this log.
    QuotaRebuilt(QuotaRebuilt),
    /// An administrator said that the clock is right.
    ClockAccepted(ClockAccepted),
    /// The server started.
    ServerStarted(ServerStarted),
    /// The server stopped in order.
    ServerStopped(ServerStopped),
    /// The log was reopened after a crash.
    Recovery(Recovered),
}

/// See [`Leaf::Intent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The request; model, engine, redaction and input are present, and sampling unless nothing is drawn.
    #[serde(flatten)]
    pub request: RequestFacts,
    /// Index of the last configuration event; set by the log.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "decimal_option")]
    pub prev_config_event: Option<u64>,
}

/// See [`Leaf::Outcome`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Receipt id of the request.
    pub id: ReceiptId,
    /// Index of its intent.
    #[serde(with = "decimal")]
    pub intent_seq: u64,
    /// The outcome.
    #[serde(flatten)]
    pub facts: OutcomeFacts,
}

/// See [`Leaf::Denied`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// The request, as far as it was known.
    #[serde(flatten)]
    pub request: RequestFacts,
    /// Index of the last configuration event; set by the log.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "decimal_option")]
    pub prev_config_event: Option<u64>,
}

/// Why a request could not be authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnauthenticatedReason {
    /// No key was sent.
    MissingKey,
    /// What was sent is not shaped like a key.
    MalformedKey,
    /// No such key.
    UnknownKey,
    /// The store of keys failed, so that nobody could be told apart.
    KeyStoreFailed,
    /// A token was sent, and the root keys do not vouch for the issuers in the policy.
    IdentityNotApproved,
    /// A token with more bytes than one may have.
    TokenTooLong,
    /// What looks like a token and cannot be read as one.
    TokenMalformed,
    /// A token whose header brings its own key, or makes demands.
    TokenHeaderRefused,
    /// A token of another type than access tokens have.
    TokenWrongType,
    /// A token signed in a way that is not taken, or not at all.
    TokenAlgorithmRefused,
    /// A token of an issuer that the policy does not name.
    TokenIssuerUnknown,
    /// A token by a key that is not pinned.
    TokenKeyUnknown,
    /// A token by a key that is not for its kind of signature.
    TokenKeyMismatch,
    /// A token whose signature does not hold.
    TokenSignatureWrong,
    /// A token that lacks a claim.
    TokenClaimsIncomplete,
    /// A token for another service.
    TokenAudienceWrong,
    /// A token that has ended.
    TokenExpired,
    /// A token that has not begun.
    TokenNotYetValid,
    /// A token that lives too long.
    TokenLifetimeTooLong,
    /// A token by keys whose pin has ended.
    TokenKeysOutdated,
    /// The administration socket was used by a user without the right.
    AdminPeer,
}

/// See [`Leaf::UnauthenticatedDenials`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnauthenticatedDenials {
    /// Start of the interval, ms since 1970.
    #[serde(with = "decimal")]
    pub from_ms: i64,
    /// End of the interval, ms since 1970.
    #[serde(with = "decimal")]
    pub to_ms: i64,
    /// Denials by reason.
    pub counts: BTreeMap<UnauthenticatedReason, u32>,
}

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// SHA-256 of the bytes that were repacked into memory.
    pub sha256: Digest,
    /// Size.
    #[serde(with = "decimal")]
    pub size_bytes: u64,
}

/// See [`Leaf::ModelLoaded`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelLoaded {
    /// The model.
    pub model: crate::ModelRef,
    /// Its files; at most [`LIST_MAX`]; all of them are in the manifest's hash.
    pub files: Vec<FileRef>,
    /// Number of files.
    pub file_count: u32,
    /// Who vouches.
    pub assurance: Assurance,
}

/// See [`Leaf::PolicyLoaded`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyLoaded {
    /// SHA-256 of the pack.
    pub policy_pack_sha256: Digest,
    /// Number of rules.
    pub rules: u32,
    /// Number of use cases.
    pub use_cases: u32,
    /// Who had it loaded; absent at a start, and where a signal asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<AdminRef>,
}

/// See [`Leaf::PolicyRefused`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRefused {
    /// SHA-256 of the pack that stays in force.
    pub in_force_sha256: Digest,
    /// Who wanted another; absent where a signal asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<AdminRef>,
}

/// See [`Leaf::Configuration`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// SHA-256 of the running binary.
    pub build_sha256: Digest,
    /// SHA-256 of the resolved configuration.
    pub config_sha256: Digest,
    /// Instruction set tier.
    pub isa: Name,
    /// Index of the configuration event before this one; set by the log.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "decimal_option")]
    pub prev_config_event: Option<u64>,
}

/// Who did something through the administration socket: user id of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminRef {
    /// User id, by the kernel's word (`SO_PEERCRED`).
    pub uid: u32,
}

/// See [`Leaf::KeyIssued`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyIssued {
    /// Id of the key.
    pub key_id: Name,
    /// The use case it is bound to.
    pub use_case: UseCaseRef,
    /// Keyed pseudonym of the user it was made for.
    pub actor_pseudonym: crate::Pseudonym,
    /// Epoch of that pseudonym's key.
    pub key_epoch: u32,
    /// Roles; at most [`LIST_MAX`].
    pub roles: Vec<Name>,
    /// End of validity, ms since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "decimal_option")]
    pub expires_ms: Option<i64>,
    /// Who issued it; absent for a demo key the server made itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AdminRef>,
}

/// See [`Leaf::KeyRevoked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRevoked {
    /// Id of the key.
    pub key_id: Name,
    /// Who revoked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AdminRef>,
}

/// See [`Leaf::AdminRead`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminRead {
    /// Who read.
    pub by: AdminRef,
    /// What: `log_show`, `keys_list`, `export_ldv`…
    pub what: Name,
    /// Records read.
    #[serde(with = "decimal")]
    pub records: u64,
    /// The data subject or actor it was about, when it was about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudonym: Option<crate::Pseudonym>,
}

/// See [`Leaf::QuotaRebuilt`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaRebuilt {
    /// Who asked; absent when the server did so itself after a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AdminRef>,
    /// Counters there are now.
    #[serde(with = "decimal")]
    pub counters: u64,
    /// Those that stood otherwise before.
    #[serde(with = "decimal")]
    pub changed: u64,
}

/// See [`Leaf::ClockAccepted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockAccepted {
    /// Who said so.
    pub by: AdminRef,
    /// The time it has to be, ms since 1970: the latest seen, and what has passed since.
    #[serde(with = "decimal")]
    pub expected_ms: i64,
    /// The time it is, ms since 1970.
    #[serde(with = "decimal")]
    pub accepted_ms: i64,
}

/// See [`Leaf::ServerStarted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStarted {
    /// SHA-256 of the running binary.
    pub build_sha256: Digest,
    /// Version of the software.
    pub version: Name,
}

/// See [`Leaf::ServerStopped`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStopped {
    /// `signal`, `request`…
    pub reason: Name,
}

/// See [`Leaf::Recovery`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// Bytes of an unfinished write that were cut from the journal; none of them was acknowledged.
    #[serde(with = "decimal")]
    pub cut_bytes: u64,
    /// Open requests sealed as aborted, just before this leaf.
    #[serde(with = "decimal")]
    pub sealed_aborted: u64,
}

impl Leaf {
    /// The record's `event`.
    #[must_use]
    pub fn event(&self) -> &'static str {
        match self {
            Self::Intent(_) => "intent",
            Self::Outcome(_) => "outcome",
            Self::Denied(_) => "denied",
            Self::UnauthenticatedDenials(_) => "unauthenticated_denials",
            Self::ModelLoaded(_) => "model_loaded",
            Self::PolicyLoaded(_) => "policy_loaded",
            Self::PolicyRefused(_) => "policy_refused",
            Self::Configuration(_) => "configuration",
            Self::KeyIssued(_) => "key_issued",
            Self::KeyRevoked(_) => "key_revoked",
            Self::GuidanceAcknowledged(_) => "guidance_acknowledged",
            Self::GuidanceWithdrawn(_) => "guidance_withdrawn",
            Self::TrainingAttested(_) => "training_attested",
            Self::TrainingWithdrawn(_) => "training_withdrawn",
            Self::SubjectErased(_) => "subject_erased",
            Self::AdminRead(_) => "admin_read",
            Self::LogExported(_) => "log_exported",
            Self::LogPruned(_) => "log_pruned",
            Self::QuotaRebuilt(_) => "quota_rebuilt",
            Self::ClockAccepted(_) => "clock_accepted",
            Self::ServerStarted(_) => "server_started",
            Self::ServerStopped(_) => "server_stopped",
            Self::Recovery(_) => "recovery",
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Intent(intent) => intent.request.check(Verdict::Permit),
            Self::Denied(denied) => denied.request.check(Verdict::Deny),
            Self::Outcome(outcome) => outcome.facts.check(),
            Self::ModelLoaded(loaded) => cap("files", loaded.files.len(), LIST_MAX),
            Self::KeyIssued(issued) => cap("roles", issued.roles.len(), LIST_MAX),
            _ => Ok(()),
        }
    }
}

impl Entry {
    /// The canonical bytes.
    ///
    /// # Errors
    /// [`Error::Leaf`] when a list is over its cap or the entry over [`ENTRY_BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>> {
        self.leaf.check()?;
        let bytes = serde_json_canonicalizer::to_vec(self)
            .map_err(|e| Error::Leaf { field: "entry", why: e.to_string() })?;
        if bytes.len() > ENTRY_BYTES_MAX {
            let why = format!("has {} bytes; at most {ENTRY_BYTES_MAX}", bytes.len());
            return Err(Error::Leaf { field: "entry", why });
        }
        Ok(bytes)
    }

    /// Reads an entry back. Bytes that are not exactly what [`Entry::encode`] gives (an unknown field, another
    /// order, white space) are refused.
    ///
    /// # Errors
    /// [`Error::Leaf`] naming what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let field = "entry";
        let entry: Self =
            serde_json::from_slice(bytes).map_err(|e| Error::Leaf { field, why: e.to_string() })?;
        if entry.v != VERSION {
            let why = format!("is {}; this build reads {VERSION}", entry.v);
            return Err(Error::Leaf { field: "v", why });
        }
        if entry.encode()? != bytes {
            return Err(Error::Leaf { field, why: "is not canonical, or has an unknown field".to_owned() });
        }
        Ok(entry)
    }
}
