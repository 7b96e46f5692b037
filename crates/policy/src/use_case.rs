//! The record of a use case: `use-cases/<id>.toml`, strictly parsed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::accountability::Accountability;
use crate::evaluation::Demand;
use crate::supplier::{Operator, Supplier};

/// What kind of use case it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Real work on an organisation's own texts: everything the letter asks is asked.
    Pilot,
    /// A first look: loopback, default model, no personal data at all; marked as demo everywhere.
    Demo,
}

impl Kind {
    /// Its name in records, rules and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pilot => "pilot",
            Self::Demo => "demo",
        }
    }
}

/// Where a use case stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being written.
    Draft,
    /// CIO and FG have advised.
    Advised,
    /// Runs as a pilot.
    Pilot,
    /// Accepted after its pilot.
    Accepted,
    /// Stopped for now.
    Suspended,
    /// Ended for good.
    Retired,
}

impl Status {
    /// Its name in records, rules and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Advised => "advised",
            Self::Pilot => "pilot",
            Self::Accepted => "accepted",
            Self::Suspended => "suspended",
            Self::Retired => "retired",
        }
    }

    /// All states, in the order of a life.
    pub const ALL: [Self; 6] =
        [Self::Draft, Self::Advised, Self::Pilot, Self::Accepted, Self::Suspended, Self::Retired];

    /// Whether requests are answered in this state.
    #[must_use]
    pub fn runs(self) -> bool {
        matches!(self, Self::Pilot | Self::Accepted)
    }

    /// Whether a use case may go from this state to `next`. Nothing comes back from retirement; what was suspended
    /// is a pilot again before it is accepted again; what was advised on may go back to its desk.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Draft, Self::Advised)
            | (Self::Advised, Self::Draft | Self::Pilot)
            | (Self::Pilot, Self::Accepted | Self::Suspended)
            | (Self::Accepted, Self::Suspended)
            | (Self::Suspended, Self::Pilot) => true,
            (from, Self::Retired) => from != Self::Retired,
            _ => false,
        }
    }
}

/// How heavy data is in law; each class includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataClass {
    /// No personal data.
    #[default]
    None,
    /// Personal data (GDPR art. 4).
    Personal,
    /// A national identification number (GDPR art. 87, UAVG art. 46): in the Netherlands the BSN.
    Identifier,
    /// A special category of personal data (GDPR art. 9).
    Special,
    /// Personal data of a criminal nature (GDPR art. 10, UAVG art. 31).
    Criminal,
}

impl DataClass {
    /// All classes, the lightest first.
    pub const ALL: [Self; 5] = [Self::None, Self::Personal, Self::Identifier, Self::Special, Self::Criminal];

    /// Its name in records and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Personal => "personal",
            Self::Identifier => "identifier",
            Self::Special => "special",
            Self::Criminal => "criminal",
        }
    }

    /// Its rank, from 0: rules compare ranks.
    #[must_use]
    pub fn rank(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Personal => 1,
            Self::Identifier => 2,
            Self::Special => 3,
            Self::Criminal => 4,
        }
    }
}

/// What happens to a request in which a special category of personal data is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpecialCategoryAction {
    /// It is denied.
    Refuse,
    /// It may go on, redacted as the profile says.
    Allow,
}

impl SpecialCategoryAction {
    /// Its name in records and rules.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Allow => "allow",
        }
    }
}

/// Verdict of an advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Yes.
    Positive,
    /// Yes, as long as its conditions hold.
    Conditional,
    /// No.
    Negative,
}

impl Outcome {
    /// Its name in records and rules.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Conditional => "conditional",
            Self::Negative => "negative",
        }
    }
}

/// When a use case may run: from `not_before_ms` up to, not including, `not_after_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First moment, milliseconds since 1970 UTC.
    pub not_before_ms: i64,
    /// First moment after, milliseconds since 1970 UTC.
    pub not_after_ms: i64,
}

/// Allowance of the use case as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tokens one request may take, prompt and completion together.
    pub tokens_per_request: u64,
    /// Requests that may begin in one minute.
    pub requests_per_minute: u64,
    /// Tokens in one day (UTC).
    pub tokens_per_day: u64,
    /// Tokens in one minute, if that is limited.
    pub tokens_per_minute: Option<u64>,
    /// Requests that may begin in one day (UTC), if that is limited.
    pub requests_per_day: Option<u64>,
    /// What each key of the use case may take of it.
    pub key: Share,
    /// What each user of the use case may take of it, over all of the user's keys.
    pub user: Share,
}

/// What one key or user may take of a use case's allowance; what is not stated is bounded by the use case alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Requests that may begin in one minute.
    pub requests_per_minute: Option<u64>,
    /// Requests that may begin in one day (UTC).
    pub requests_per_day: Option<u64>,
    /// Tokens in one minute.
    pub tokens_per_minute: Option<u64>,
    /// Tokens in one day (UTC).
    pub tokens_per_day: Option<u64>,
}

/// A ground in law for an exemption. It is recorded and logged; it lifts no rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// The ground.
    pub ground: String,
    /// Who granted it.
    pub authority: String,
}

/// An assessment (DPIA, IAMA) by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// SHA-256 of the document, 64 lowercase hexadecimal digits.
    pub sha256: String,
    /// When it was done, milliseconds since 1970 UTC.
    pub date_ms: i64,
    /// When it has to be done again, milliseconds since 1970 UTC.
    pub review_by_ms: i64,
}

/// The assessments that have to lie on the table before a pilot runs. What is absent is denied by name. Advice and
/// decision are not here: they are signed, see [`crate::Approvals`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Data-protection impact assessment.
    pub dpia: Option<Assessment>,
    /// Impact assessment for human rights and algorithms.
    pub iama: Option<Assessment>,
}

/// What its users have read and learnt before they use it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InformedUsers {
    /// The guidance that they acknowledge, by its id in `guidance/`. A pilot needs one.
    pub guidance: Option<String>,
    /// Trainings that were attested of them and have not lapsed, by id.
    pub training: BTreeSet<String>,
}

/// One use case as the organisation recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UseCase {
    /// Id; also the name of its file.
    pub id: String,
    /// Pilot or demo.
    pub kind: Kind,
    /// Goes up with every change.
    pub revision: u32,
    /// Title for people.
    pub title: String,
    /// What it is for.
    pub purpose: String,
    /// Legal basis.
    pub legal_basis: String,
    /// Organisation that is responsible.
    pub organisation: String,
    /// Owner within the organisation.
    pub owner: String,
    /// Who runs it, once the record says so.
    pub operated_by: Option<Operator>,
    /// Its suppliers, in the order of the record.
    pub suppliers: Vec<Supplier>,
    /// Where it stands.
    pub status: Status,
    /// Models it may use, by id.
    pub models: BTreeSet<String>,
    /// The pinned SHA-256 of each of them, as `models.toml` has it: what the signers saw. Needed to be signed.
    pub model_sha256: BTreeMap<String, String>,
    /// The SHA-256 of the dossier of each of them, as `models.toml` has it: what the signers saw. Needed to be signed.
    pub model_dossier_sha256: BTreeMap<String, String>,
    /// Why a model is taken of which something is closed or unknown, by model.
    pub model_motivation: BTreeMap<String, String>,
    /// Whether its models must be signed by whoever made or packed them.
    pub model_signature_required: bool,
    /// Roles that may use it.
    pub allowed_roles: BTreeSet<String>,
    /// Heaviest class of data that may occur in a request.
    pub max_data_class: DataClass,
    /// Redaction profile, by id.
    pub redaction_profile: String,
    /// What to do with special categories.
    pub special_category_action: SpecialCategoryAction,
    /// Whether placeholders may be restored in the answer.
    pub restore_placeholders: bool,
    /// A line under every answer that says what made it, for people who see the text without its metadata.
    pub visible_mark: Option<String>,
    /// Entry in the register of processing activities (LDV `dpl.core.processing_activity_id`).
    pub processing_activity_id: String,
    /// When it may run.
    pub window: Window,
    /// How much it may use.
    pub limits: Limits,
    /// A ground in law for an exemption, if there is one.
    pub exemption: Option<Exemption>,
    /// Assessments.
    pub evidence: Evidence,
    /// The questions answered in words.
    pub accountability: Accountability,
    /// What its users have read and learnt.
    pub informed: InformedUsers,
    /// The evaluations that it demands of its models, in the order of the record.
    pub evaluations: Vec<Demand>,
    /// SHA-256 of the record's text.
    pub sha256: [u8; 32],
}
