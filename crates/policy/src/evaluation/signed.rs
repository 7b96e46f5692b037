//! A report under an evaluator's signature: an in-toto Statement v1 about the model's files, in an envelope of DSSE v1.0.
//!
//! ```text
//! {"payload": base64(statement), "payloadType": "application/vnd.in-toto+json", "signatures": [{"keyid", "sig"}]}
//! statement: {"_type", "subject": [{"name", "digest": {"sha256"}}], "predicateType", "predicate": {"report", "signed", "expires"}}
//! ```
//!
//! The statement is in the form of RFC 8785; another form of the same is refused, so that one report has one digest. Tools
//! for in-toto read it; what they cannot know is the roster.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::report::Report;
use crate::Error;
use crate::approval::{Moment, PublicKey, SigningKey, Term, canonical, pre_authentication};

/// Longest file, in bytes.
const BYTES_MAX: usize = 128 << 10;
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://proeftuin.invalid/evaluation/v1";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeSignature {
    keyid: PublicKey,
    sig: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: Digests,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Digests {
    sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate {
    report: Report,
    signed: Moment,
    expires: Moment,
}

impl Statement {
    fn of(report: Report, term: Term) -> Self {
        let files = &report.model.files;
        let subject = |name: &String, sha256: &String| Subject {
            name: name.clone(),
            digest: Digests { sha256: sha256.clone() },
        };
        Self {
            kind: STATEMENT_TYPE.into(),
            subject: files.iter().map(|file| subject(&file.name, &file.sha256)).collect(),
            predicate_type: PREDICATE_TYPE.into(),
            predicate: Predicate { report, signed: term.date, expires: term.expires },
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.kind != STATEMENT_TYPE || self.predicate_type != PREDICATE_TYPE {
            return Err(format!("_type and predicateType must be {STATEMENT_TYPE} and {PREDICATE_TYPE}"));
        }
        let Predicate { report, signed, expires } = &self.predicate;
        report.check().map_err(|detail| format!("report: {detail}"))?;
        if self.subject != Self::of(report.clone(), Term { date: *signed, expires: *expires }).subject {
            return Err("subject must name the files of the report's model".into());
        }
        if *signed < report.finished {
            return Err("it is signed before the run had finished".into());
        }
        if expires <= signed {
            return Err("expires must be later than signed".into());
        }
        Ok(())
    }
}

/// A report with an evaluator's signature: the content of a file in `evaluations/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedReport {
    statement: Statement,
    payload: Vec<u8>,
    key: PublicKey,
    signature: [u8; 64],
}

impl SignedReport {
    /// Signs a report for a term.
    ///
    /// # Errors
    /// [`Error::Evaluation`] for a report that contradicts itself, or one that is signed before it had finished.
    pub fn new(report: Report, term: Term, key: &SigningKey) -> Result<Self, Error> {
        let wrong = |detail| Error::Evaluation { path: "the report".into(), detail };
        let statement = Statement::of(report, term);
        statement.check().map_err(wrong)?;
        let payload = canonical(&statement).map_err(wrong)?;
        let signature = key.sign(&pre_authentication(PAYLOAD_TYPE, &payload));
        Ok(Self { statement, payload, key: key.public(), signature })
    }

    /// Parses a file; whether the signature holds is [`SignedReport::is_genuine`]'s to say. `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Evaluation`], saying where and what.
    pub fn parse(path: &str, text: &str) -> Result<Self, Error> {
        Self::read(text).map_err(|detail| Error::Evaluation { path: path.into(), detail })
    }

    fn read(text: &str) -> Result<Self, String> {
        if text.len() > BYTES_MAX {
            return Err(format!("it is longer than {BYTES_MAX} bytes"));
        }
        let envelope: Envelope = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(format!("payloadType must be {PAYLOAD_TYPE}"));
        }
        let [EnvelopeSignature { keyid, sig }] = envelope.signatures.as_slice() else {
            return Err("it needs one signature, of one evaluator".into());
        };
        let base64 = |name: &str, text: &str| {
            STANDARD.decode(text).map_err(|_| format!("{name} is not base64 (RFC 4648, with padding)"))
        };
        let payload = base64("payload", &envelope.payload)?;
        let signature = base64("sig", sig)?;
        let signature = signature.try_into().map_err(|_| "sig has 64 bytes for Ed25519".to_owned())?;
        let statement: Statement = serde_json::from_slice(&payload).map_err(|error| error.to_string())?;
        statement.check()?;
        if canonical(&statement)? != payload {
            return Err("the statement is not in the form of RFC 8785".into());
        }
        Ok(Self { statement, payload, key: keyid.clone(), signature })
    }

    /// Whether the key that is named made the signature over this report.
    #[must_use]
    pub fn is_genuine(&self) -> bool {
        self.key.verifies(&pre_authentication(PAYLOAD_TYPE, &self.payload), &self.signature)
    }

    /// The content of its file.
    ///
    /// # Errors
    /// None in practice: what is written was read or checked.
    pub fn to_text(&self) -> Result<String, Error> {
        let envelope = Envelope {
            payload: STANDARD.encode(&self.payload),
            payload_type: PAYLOAD_TYPE.into(),
            signatures: vec![EnvelopeSignature {
                keyid: self.key.clone(),
                sig: STANDARD.encode(self.signature),
            }],
        };
        let text = serde_json::to_string_pretty(&envelope);
        let wrong = |error: serde_json::Error| Error::Evaluation {
            path: "the report".into(),
            detail: error.to_string(),
        };
        Ok(format!("{}\n", text.map_err(wrong)?))
    }

    /// A name for its file inside the policy folder.
    #[must_use]
    pub fn path(&self) -> String {
        let report = self.report();
        format!("evaluations/{}.{}.json", report.suite.name, report.model.id)
    }

    /// What was measured.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.statement.predicate.report
    }

    /// The key that is named.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// From when until when the evaluator lets it count.
    #[must_use]
    pub fn term(&self) -> Term {
        Term { date: self.statement.predicate.signed, expires: self.statement.predicate.expires }
    }

    /// SHA-256 of the statement, lowercase hexadecimal.
    #[must_use]
    pub fn statement_sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.payload))
    }
}
