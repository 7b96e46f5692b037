//! What is known of a model beyond its bytes: openness, licence, origin, training, copyright. `unknown` is an answer,
//! silence is none: every key must be there.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::Model;

/// The word for what nobody knows.
pub(crate) const UNKNOWN: &str = "unknown";

/// How much of something is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Openness {
    /// All of it, for everybody to use.
    Open,
    /// Some of it, or for some uses.
    Part,
    /// Nothing.
    Closed,
    /// Nobody said.
    Unknown,
}

impl Openness {
    /// The word in `models.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Part => "part",
            Self::Closed => "closed",
            Self::Unknown => UNKNOWN,
        }
    }
}

/// Whether the wishes of makers who do not want their works mined were honoured (directive (EU) 2019/790, art. 4(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OptOuts {
    /// They were, and the evidence says how.
    Yes,
    /// They were not.
    No,
    /// Nobody said.
    Unknown,
}

impl OptOuts {
    /// The word in `models.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => UNKNOWN,
        }
    }
}

/// A lawyer's look at licence and copyright.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LegalReview {
    /// Who looked, by office rather than by name.
    pub by: String,
    /// When, `YYYY-MM-DD`.
    pub date: String,
    /// Last day on which it counts, `YYYY-MM-DD`.
    pub review_by: String,
}

/// What a model was made from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ancestor {
    /// Its name, such as `owner/name` on a hub.
    pub name: String,
    /// What was done to it to make the next one.
    pub step: String,
}

/// The table `[model.dossier]`. What is `None` was said to be unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Dossier {
    /// Openness of the weights.
    pub weights: Openness,
    /// Openness of the code that trained and runs it.
    pub code: Openness,
    /// Openness of the training data.
    pub training_data: Openness,
    /// Organisation that trained it.
    pub developer: Option<String>,
    /// Where that is established: two letters of ISO 3166-1.
    pub country: Option<String>,
    /// Who converted, quantised or packed these files.
    pub packed_by: Option<String>,
    /// What it was trained on.
    pub trained_on: Option<String>,
    /// The newest training data, as its developer says it.
    pub trained_until: Option<String>,
    /// Energy of training, in kilowatt-hours.
    pub training_kwh: Option<u64>,
    /// Whether opt-outs were honoured.
    pub opt_outs: OptOuts,
    /// Where that can be read.
    pub opt_outs_evidence: Option<String>,
    /// The legal review.
    pub legal_review: Option<LegalReview>,
    /// What it was made from, the nearest first; empty for a model that was trained from nothing.
    pub lineage: Option<Vec<Ancestor>>,
    /// What it is known not to do well.
    pub limitations: Option<String>,
}

/// What of an entry is signed under a use case, beside the hash of the weights.
#[derive(Serialize)]
struct Signed<'a> {
    model: &'a str,
    license: &'a str,
    context_tokens: String,
    languages: &'a [String],
    signature_key: Option<String>,
    dossier: &'a Dossier,
}

impl Model {
    /// SHA-256 of the dossier with licence, limits and key of the signature, in the form of RFC 8785; what signers of a
    /// use case sign. Layout, status and description of the entry are not in it. None without a dossier.
    pub fn dossier_sha256(&self) -> Option<[u8; 32]> {
        let signed = Signed {
            model: &self.id,
            license: &self.license,
            context_tokens: self.limits.context_tokens.to_string(),
            languages: &self.limits.languages,
            signature_key: self.signature.as_ref().map(|pin| pin.key.sha256_hex()),
            dossier: self.dossier.as_ref()?,
        };
        let canonical = serde_json_canonicalizer::to_vec(&signed).ok()?;
        Some(Sha256::digest(canonical).into())
    }

    /// What is closed or unknown, one word each: a use case that takes this model has to say why.
    pub fn open_points(&self) -> Vec<String> {
        let mut points = Vec::new();
        match crate::licence::is_free(&self.license) {
            None => points.push("licence-unknown".to_owned()),
            Some(false) => points.push("licence-not-free".to_owned()),
            Some(true) => {}
        }
        let Some(dossier) = &self.dossier else { return points };
        let parts =
            [("weights", dossier.weights), ("code", dossier.code), ("training-data", dossier.training_data)];
        for (name, openness) in parts {
            if matches!(openness, Openness::Closed | Openness::Unknown) {
                points.push(format!("{name}-{}", openness.name()));
            }
        }
        if dossier.opt_outs != OptOuts::Yes {
            points.push(format!("opt-outs-{}", dossier.opt_outs.name()));
        }
        let unknown =
            [("developer", dossier.developer.is_none()), ("legal-review", dossier.legal_review.is_none())];
        points.extend(unknown.iter().filter(|(_, open)| *open).map(|(name, _)| format!("{name}-{UNKNOWN}")));
        points
    }

    /// Whether everybody may have the weights.
    pub fn weights_open(&self) -> bool {
        self.dossier.as_ref().is_some_and(|dossier| dossier.weights == Openness::Open)
    }

    /// What is known of the training data, or `unknown`.
    pub fn training_data(&self) -> &str {
        self.dossier.as_ref().and_then(|dossier| dossier.trained_on.as_deref()).unwrap_or(UNKNOWN)
    }
}
