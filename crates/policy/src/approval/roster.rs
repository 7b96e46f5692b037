//! Who may sign: the roster, and the root keys that vouch for it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use toml::Spanned;
use toml::value::Datetime;

use super::ROSTER_PATH;
use super::key::PublicKey;
use super::statement::{Payload, Role, Signed};
use crate::Error;
use crate::error::{Place, line_at, toml_error};
use crate::files::PolicyFiles;

/// The root keys, pinned by whoever runs the program, outside the policy folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustRoot {
    keys: Vec<PublicKey>,
    threshold: usize,
    roster_version_min: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RootFile {
    keys: Vec<PublicKey>,
    threshold: usize,
    #[serde(default)]
    roster_version_min: u32,
}

impl TrustRoot {
    /// Parses the file of the root: `keys` (public keys), `threshold` (how many of them must sign a roster), and
    /// perhaps `roster_version_min` (no older roster counts). `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Toml`] for what does not parse, [`Error::TrustRoot`] for a threshold that means nothing.
    pub fn parse(path: &str, text: &str) -> Result<Self, Error> {
        let file: RootFile = toml::from_str(text).map_err(|error| toml_error(path, text, &error))?;
        let wrong = |detail| Error::TrustRoot { path: path.into(), detail };
        let doubled =
            file.keys.iter().enumerate().any(|(at, key)| file.keys.iter().take(at).any(|k| k == key));
        if doubled {
            return Err(wrong("names a key twice, so that one holder would count as two"));
        }
        if file.threshold == 0 || file.threshold > file.keys.len() {
            return Err(wrong("has a threshold below 1 or above the number of its keys"));
        }
        Ok(Self { keys: file.keys, threshold: file.threshold, roster_version_min: file.roster_version_min })
    }

    /// The same root, which takes no roster older than `version`: what a machine has seen, it need not unsee.
    #[must_use]
    pub fn at_least(mut self, version: u32) -> Self {
        self.roster_version_min = self.roster_version_min.max(version);
        self
    }

    pub(super) fn roster_version_min(&self) -> u32 {
        self.roster_version_min
    }

    /// Counts the root keys that sealed `roster`; an error says in words why they do not suffice.
    pub(super) fn vouches(
        &self,
        roster: &Roster,
        seals: &[(String, Signed<RosterSeal>)],
    ) -> Result<(), String> {
        let mut by: Vec<&PublicKey> = Vec::new();
        let mut refused = Vec::new();
        for (path, seal) in seals {
            if !self.keys.contains(&seal.key) {
                refused.push(format!("{path} is by a key that is not in the trust root"));
            } else if seal.statement != roster.seal() {
                refused.push(format!("{path} is over another text or version of the roster"));
            } else if !seal.is_genuine() {
                refused.push(format!("the signature in {path} does not verify"));
            } else if !by.contains(&&seal.key) {
                by.push(&seal.key);
            }
        }
        if by.len() >= self.threshold {
            return Ok(());
        }
        let mut told = format!("{} of {} root signatures hold", by.len(), self.threshold);
        for reason in refused {
            told.push_str("; ");
            told.push_str(&reason);
        }
        Err(told)
    }
}

/// What a root key signs: a roster by version and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterSeal {
    /// Version of the roster.
    pub version: u32,
    /// SHA-256 of the roster's text, lowercase hexadecimal.
    pub roster: String,
}

impl Payload for RosterSeal {
    const TYPE: &'static str = "application/vnd.proeftuin.roster.v1+json";

    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RosterFile {
    version: Spanned<u32>,
    issued: Spanned<Datetime>,
    expires: Spanned<Datetime>,
    rules_sha256: Option<String>,
    identity_sha256: Option<String>,
    #[serde(default)]
    signer: Vec<SignerRecord>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignerRecord {
    person: Spanned<String>,
    key: Spanned<PublicKey>,
    role: Role,
    organisation: String,
    use_cases: Option<Vec<String>>,
    from: Spanned<Datetime>,
    until: Spanned<Datetime>,
}

/// One line of the roster: a person may sign in a role, for an organisation, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signer {
    pub person: String,
    pub key: PublicKey,
    pub role: Role,
    pub organisation: String,
    /// `None`: all of the organisation's.
    pub use_cases: Option<Vec<String>>,
    pub from_ms: i64,
    pub until_ms: i64,
}

impl Signer {
    /// Whether the line speaks of this role for this use case.
    pub fn holds(&self, role: Role, organisation: &str, use_case: &str) -> bool {
        self.role == role
            && self.organisation == organisation
            && self.use_cases.as_ref().is_none_or(|ids| ids.iter().any(|id| id == use_case))
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = self.use_cases.as_ref().map_or_else(|| "all use cases".to_owned(), |ids| ids.join(", "));
        let date = |ms| jiff::Timestamp::from_millisecond(ms).map(|at| at.to_string()).unwrap_or_default();
        let (from, until) = (date(self.from_ms), date(self.until_ms));
        write!(
            f,
            "{:<10}{} for {} ({scope}), {from} to {until}",
            self.role.name(),
            self.person,
            self.organisation
        )
    }
}

/// Who may sign, as the file says it; whether the file is to be believed is the root's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roster {
    pub version: u32,
    pub issued_ms: i64,
    pub expires_ms: i64,
    /// Digest of the rules the root keys approved, where they are not the built-in ones.
    pub rules_sha256: Option<String>,
    /// Digest of the issuers and keys the root keys approved, where tokens are taken.
    pub identity_sha256: Option<String>,
    pub signers: Vec<Signer>,
    sha256: String,
}

impl Roster {
    /// Parses `roster.toml`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let file: RosterFile = toml::from_str(text).map_err(|error| toml_error(ROSTER_PATH, text, &error))?;
        let wrong = |key: &str, at: usize, detail: &str| Error::Record {
            place: Place::new(ROSTER_PATH, line_at(text, at)),
            key: key.into(),
            detail: detail.into(),
        };
        let time = |key: &str, value: &Spanned<Datetime>| {
            let moment: Result<jiff::Timestamp, _> = value.get_ref().to_string().parse();
            let detail = "is not a moment; write date, time and offset: 2026-01-31T09:00:00+01:00";
            moment.map(|m| m.as_millisecond()).map_err(|_| wrong(key, value.span().start, detail))
        };
        let (issued_ms, expires_ms) = (time("issued", &file.issued)?, time("expires", &file.expires)?);
        if *file.version.get_ref() == 0 {
            return Err(wrong(
                "version",
                file.version.span().start,
                "counts from 1, and goes up with every change",
            ));
        }
        if expires_ms <= issued_ms {
            return Err(wrong("expires", file.expires.span().start, "must be later than issued"));
        }
        let mut persons: BTreeMap<String, String> = BTreeMap::new();
        let mut signers = Vec::new();
        for record in file.signer {
            let person = record.person.get_ref().trim().to_owned();
            if person.is_empty() {
                return Err(wrong("person", record.person.span().start, "is blank; name the person"));
            }
            let key = record.key.get_ref().clone();
            let holder = persons.entry(key.to_string()).or_insert_with(|| person.clone());
            if *holder != person {
                let detail = "is another person's key already; a key belongs to one person";
                return Err(wrong("key", record.key.span().start, detail));
            }
            let (from_ms, until_ms) = (time("from", &record.from)?, time("until", &record.until)?);
            if until_ms <= from_ms {
                return Err(wrong("until", record.until.span().start, "must be later than from"));
            }
            let SignerRecord { role, organisation, use_cases, .. } = record;
            signers.push(Signer { person, key, role, organisation, use_cases, from_ms, until_ms });
        }
        Ok(Self {
            version: *file.version.get_ref(),
            issued_ms,
            expires_ms,
            rules_sha256: file.rules_sha256,
            identity_sha256: file.identity_sha256,
            signers,
            sha256: hex::encode(Sha256::digest(text.as_bytes())),
        })
    }

    /// The roster of a folder, if it has one.
    pub fn of(files: &PolicyFiles) -> Result<Option<Self>, Error> {
        files.text(ROSTER_PATH).map(Self::parse).transpose()
    }

    /// What the root keys sign of it.
    pub fn seal(&self) -> RosterSeal {
        RosterSeal { version: self.version, roster: self.sha256.clone() }
    }
}
