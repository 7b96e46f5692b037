//! What a signer signs, in one canonical form.
//!
//! The statement as JSON in the form of RFC 8785 (JCS), wrapped in the pre-authentication encoding of DSSE v1.0 with a
//! payload type for each sort of statement (so that a signature over one sort is none over another), signed with
//! Ed25519 (RFC 8032). Numbers are integers below 2^32, moments RFC 3339 in UTC, digests lowercase hexadecimal.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

use super::covers::Covers;
use super::key::{PublicKey, SigningKey};
use crate::Error;
use crate::record::check_id;
use crate::use_case::{Outcome, Status};

/// Longest file of a signature, in bytes.
const SIGNATURE_BYTES_MAX: usize = 64 << 10;

/// A moment, in milliseconds since 1970 UTC; RFC 3339 in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = Timestamp::from_millisecond(self.0).map_err(serde::ser::Error::custom)?;
        serializer.collect_str(&time)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: Timestamp = text.parse().map_err(|_| {
            de::Error::custom("a moment is date, time and offset, as 2026-01-31T09:00:00+01:00")
        })?;
        Ok(Self(time.as_millisecond()))
    }
}

/// As whom somebody signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The chief information officer, who advises.
    Cio,
    /// The data-protection officer (functionaris gegevensbescherming), who advises.
    Fg,
    /// The owner of the use case, who decides.
    Owner,
    /// An evaluator, who signs reports of suites (see [`crate::SignedReport`]) and no statement on a use case.
    Evaluator,
}

impl Role {
    /// Its name in statements, rosters and rules.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cio => "cio",
            Self::Fg => "fg",
            Self::Owner => "owner",
            Self::Evaluator => "evaluator",
        }
    }
}

/// What a condition can ask of the software. The rules `condition-*` judge each at every request, on what is so
/// then. The list is closed: what is not on it is free text, and free text blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Requests come from the machine itself.
    LoopbackOnly,
    /// The key that is used has a last day.
    KeysExpire,
    /// No personal data was found in the request, not even to be replaced.
    NoPersonalData,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::LoopbackOnly, Self::KeysExpire, Self::NoPersonalData];

    /// Its name in statements and rules.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LoopbackOnly => "loopback-only",
            Self::KeysExpire => "keys-expire",
            Self::NoPersonalData => "no-personal-data",
        }
    }
}

/// A condition of an advice: a check, or text that blocks until its author signs it off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Its name within the advice.
    pub id: String,
    /// The check that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// What it asks, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// An advice of the CIO or the FG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advice {
    /// What it says.
    pub verdict: Outcome,
    /// On which conditions; some where it is conditional, else none.
    pub conditions: Vec<Condition>,
}

/// A decision of the owner: the use case goes from one state to another, or stays with what it now is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Counts the decisions on this use case from 1.
    pub number: u32,
    /// State before.
    pub from: Status,
    /// State after.
    pub to: Status,
    /// SHA-256 of the statement of each advice the owner had before him, by role.
    pub advice: BTreeMap<String, String>,
    /// Why the owner deviates from a negative advice, by role.
    pub deviations: BTreeMap<String, String>,
}

/// The author of a condition in free text says that it is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fulfilment {
    /// SHA-256 of the statement of the advice.
    pub advice: String,
    /// Id of the condition.
    pub condition: String,
}

/// What is done by signing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Advising.
    Advice(Advice),
    /// Deciding.
    Decision(Decision),
    /// Signing a condition off.
    Fulfilment(Fulfilment),
}

/// A statement on a use case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The use case.
    pub use_case: String,
    /// As whom it is signed.
    pub role: Role,
    /// What the signer saw.
    pub covers: Covers,
    /// Version of the roster the signer saw.
    pub roster_version: u32,
    /// When it was signed.
    pub date: Moment,
    /// From when it no longer counts.
    pub expires: Moment,
    /// What is done by it.
    pub act: Act,
}

impl Statement {
    /// The name of its file in `use-cases/ID.signatures/`.
    #[must_use]
    pub fn file_name(&self) -> String {
        let role = self.role.name();
        match &self.act {
            Act::Advice(_) => format!("{role}.json"),
            Act::Decision(decision) => format!("{role}-{}.json", decision.number),
            Act::Fulfilment(met) => format!("{role}-met-{}.json", met.condition),
        }
    }

    /// What no single field can tell.
    fn consistent(&self) -> Result<(), String> {
        if self.expires <= self.date {
            return Err("expires must be later than date".into());
        }
        match (&self.act, self.role) {
            (_, Role::Evaluator) => Err("an evaluator signs reports, with: proeftuin eval sign".into()),
            (Act::Decision(_), Role::Owner) => Ok(()),
            (Act::Decision(_), _) => Err("the owner decides, and nobody else".into()),
            (_, Role::Owner) => Err("cio and fg advise; the owner decides".into()),
            (Act::Advice(advice), _) => advice.consistent(),
            (Act::Fulfilment(met), _) => {
                check_id(&met.condition).map_err(|detail| format!("condition: {detail}"))
            }
        }
    }
}

impl Advice {
    fn consistent(&self) -> Result<(), String> {
        if (self.verdict == Outcome::Conditional) == self.conditions.is_empty() {
            return Err("a conditional advice has conditions, and no other has".into());
        }
        let mut ids = BTreeSet::new();
        for condition in &self.conditions {
            check_id(&condition.id).map_err(|detail| format!("condition id: {detail}"))?;
            if !ids.insert(&condition.id) {
                return Err(format!("two conditions are called {}", condition.id));
            }
            let text = condition.text.as_deref().map(str::trim);
            if condition.check.is_some() == text.is_some() || text == Some("") {
                return Err(format!("condition {} needs either a check or a text", condition.id));
            }
        }
        Ok(())
    }
}

/// Something that can be signed; the type keeps signatures over one sort from being taken for another.
pub trait Payload: Serialize + DeserializeOwned {
    /// DSSE payload type.
    const TYPE: &'static str;

    /// What is wrong beyond its form.
    ///
    /// # Errors
    /// What, in words.
    fn check(&self) -> Result<(), String>;
}

impl Payload for Statement {
    const TYPE: &'static str = "application/vnd.proeftuin.approval.v1+json";

    fn check(&self) -> Result<(), String> {
        self.consistent()
    }
}

/// A statement with a signature: the content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed<T> {
    /// What is said.
    pub statement: T,
    /// The key that says it.
    pub key: PublicKey,
    #[serde(with = "signature_hex")]
    signature: [u8; 64],
}

impl<T: Payload> Signed<T> {
    /// Signs.
    ///
    /// # Errors
    /// [`Error::Signature`] when the statement contradicts itself.
    pub fn new(statement: T, key: &SigningKey) -> Result<Self, Error> {
        let wrong = |detail| Error::Signature { path: "the statement".into(), detail };
        statement.check().map_err(wrong)?;
        let message = message(&statement).map_err(wrong)?;
        Ok(Self { statement, key: key.public(), signature: key.sign(&message) })
    }

    /// Parses a file; whether the signature holds is [`Signed::is_genuine`]'s to say. `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Signature`], saying where and what.
    pub fn parse(path: &str, text: &str) -> Result<Self, Error> {
        let wrong = |detail| Error::Signature { path: path.into(), detail };
        if text.len() > SIGNATURE_BYTES_MAX {
            return Err(wrong(format!("is longer than {SIGNATURE_BYTES_MAX} bytes")));
        }
        let signed: Self = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        signed.statement.check().map_err(wrong)?;
        Ok(signed)
    }

    /// Whether the key that is named made the signature over this statement.
    #[must_use]
    pub fn is_genuine(&self) -> bool {
        message(&self.statement).is_ok_and(|message| self.key.verifies(&message, &self.signature))
    }

    /// The content of its file.
    ///
    /// # Errors
    /// [`Error::Signature`] for a moment outside the calendar.
    pub fn to_text(&self) -> Result<String, Error> {
        let text = serde_json::to_string_pretty(self);
        let text = text
            .map_err(|error| Error::Signature { path: "the statement".into(), detail: error.to_string() })?;
        Ok(format!("{text}\n"))
    }

    /// SHA-256 of the canonical statement, lowercase hexadecimal.
    #[must_use]
    pub fn statement_sha256(&self) -> String {
        canonical(&self.statement).map(|bytes| hex::encode(Sha256::digest(bytes))).unwrap_or_default()
    }
}

/// RFC 8785.
pub(crate) fn canonical(value: &impl Serialize) -> Result<Vec<u8>, String> {
    serde_json_canonicalizer::to_vec(value).map_err(|error| error.to_string())
}

fn message<T: Payload>(statement: &T) -> Result<Vec<u8>, String> {
    Ok(pre_authentication(T::TYPE, &canonical(statement)?))
}

/// DSSE v1.0, pre-authentication encoding: `"DSSEv1" SP LEN(type) SP type SP LEN(body) SP body`.
pub(crate) fn pre_authentication(kind: &str, body: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), body.len()).into_bytes();
    message.extend_from_slice(body);
    message
}

mod signature_hex {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 64], D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 64];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| de::Error::custom("a signature has 128 hexadecimal digits"))?;
        Ok(bytes)
    }
}
