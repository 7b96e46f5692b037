//! The person a request is about. Who it is stays in memory: the log has a pseudonym under a key of that person alone.
//!
//! The key is drawn at random for this person and epoch, and lies in `subject-keys.d/EPOCH/NAME`, where NAME is a keyed hash of
//! type and identifier under the epoch's look-up key; so finding somebody opens one file an epoch. Keep `subject-keys.*` out of
//! backups that outlive an erasure.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    Error, KeyRing, Pseudonym, Result,
    keys::{Secret, SubjectKey},
};

/// What kind of identifier names a person or another data subject (LDV `dpl.core.data_subject_id_type`). A closed list,
/// because it stands in leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataSubjectType {
    /// Burgerservicenummer.
    Bsn,
    /// Number in the trade register, KVK-nummer: of somebody's own business.
    Kvk,
    /// A customer number of the organisation.
    Klantnummer,
    /// A number of the organisation's own staff.
    Personeelsnummer,
    /// The name of a system: the request is about no person, and says so.
    System,
    /// Any other identifier.
    Other,
}

impl DataSubjectType {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Bsn, Self::Kvk, Self::Klantnummer, Self::Personeelsnummer, Self::System, Self::Other];

    /// As leaves and headers spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bsn => "bsn",
            Self::Kvk => "kvk",
            Self::Klantnummer => "klantnummer",
            Self::Personeelsnummer => "personeelsnummer",
            Self::System => "system",
            Self::Other => "other",
        }
    }

    /// Reads that spelling, in either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text))
    }
}

/// A person, by an identifier. It is never written or shown: no `Debug`, no `Serialize`, wiped when dropped.
#[derive(Clone)]
pub struct DataSubject {
    kind: DataSubjectType,
    id: Zeroizing<String>,
}

impl DataSubject {
    /// Longest identifier in bytes.
    pub const ID_BYTES_MAX: usize = 128;

    /// Takes an identifier; space around it does not count. A BSN or KVK-nummer may have dots, spaces and hyphens between its
    /// digits, so that one person is found however the number was typed.
    ///
    /// # Errors
    /// [`Error::DataSubject`], without the identifier.
    pub fn new(kind: DataSubjectType, id: &str) -> Result<Self> {
        let id = match kind {
            DataSubjectType::Bsn => digits(id, 8..=9, "must be a BSN: 8 or 9 digits")?,
            DataSubjectType::Kvk => digits(id, 8..=8, "must be a KVK-nummer: 8 digits")?,
            _ => word(id)?,
        };
        Ok(Self { kind, id })
    }

    /// The kind of identifier.
    #[must_use]
    pub fn kind(&self) -> DataSubjectType {
        self.kind
    }

    /// The identifier, for a check of its digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is looked up: two kinds of identifier with the same digits are two persons.
    pub(crate) fn identity(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}\0{}", self.kind.as_str(), self.id.as_str()))
    }
}

/// A number without what people type between its digits; one of 8 digits where there may be 9 began with a zero.
fn digits(id: &str, count: RangeInclusive<usize>, why: &'static str) -> Result<Zeroizing<String>> {
    let digits = Zeroizing::new(id.trim().replace(['.', ' ', '-'], ""));
    if !count.contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::DataSubject { why });
    }
    Ok(Zeroizing::new(format!("{:0>width$}", digits.as_str(), width = *count.end())))
}

fn word(id: &str) -> Result<Zeroizing<String>> {
    let id = id.trim();
    let visible = |b: u8| b.is_ascii_graphic() && b != b',';
    if id.is_empty() || id.len() > DataSubject::ID_BYTES_MAX || !id.bytes().all(visible) {
        let why = "must be 1 to 128 visible ASCII characters, without space or comma";
        return Err(Error::DataSubject { why });
    }
    Ok(Zeroizing::new(id.to_owned()))
}

/// A person as a leaf names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSubjectRef {
    /// Keyed pseudonym.
    pub pseudonym: Pseudonym,
    /// LDV `dpl.core.data_subject_id_type`.
    pub r#type: DataSubjectType,
}

/// Keys of persons: each in a file of its own, `EPOCH/NAME`, where the name is a keyed hash of the person. One person's
/// key can thus be overwritten without touching anybody else's.
impl KeyRing {
    /// The key of a person in an epoch, made on first use.
    ///
    /// # Errors
    /// When a file cannot be read or written, or holds no key; then no key is given.
    pub fn data_subject(&self, epoch: u32, who: &DataSubject) -> Result<SubjectKey> {
        let path = format!("{epoch}/{}", self.name_of(epoch, who)?);
        let mut files = self.subject_files();
        if let Some(key) = files.get(&path)? {
            return Ok(SubjectKey { key: Secret::from_file(&path, &key)?, epoch });
        }
        let key = Secret::random()?;
        // A crash before this is durable leaves no leaf that used the key.
        files.put(&path, key.hex().as_bytes())?;
        Ok(SubjectKey { key, epoch })
    }

    /// The keys that a person has, oldest epoch first; makes none.
    ///
    /// # Errors
    /// When a file cannot be read or holds no key.
    pub fn find_data_subject(&self, who: &DataSubject) -> Result<Vec<SubjectKey>> {
        let mut found = Vec::new();
        for (epoch, path) in self.paths_of(who) {
            if let Some(key) = self.subject_files().get(&path)? {
                found.push(SubjectKey { key: Secret::from_file(&path, &key)?, epoch });
            }
        }
        Ok(found)
    }

    /// Whether a person has a key, of which it asks less than [`KeyRing::find_data_subject`]: it may be a damaged one.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn knows(&self, who: &DataSubject) -> Result<bool> {
        Ok(!self.files_of(who)?.is_empty())
    }

    /// Which of the files that a person may have are there.
    pub(crate) fn files_of(&self, who: &DataSubject) -> Result<Vec<String>> {
        let mut there = Vec::new();
        for (_, path) in self.paths_of(who) {
            // A damaged key is destroyed like any other, so it is not read as one here.
            if self.subject_files().get(&path)?.is_some() {
                there.push(path);
            }
        }
        Ok(there)
    }
}
