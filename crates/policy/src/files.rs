//! The policy folder as text: what an administrator edits, given here by whoever reads the disk.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::Error;
use crate::approval::ROSTER_PATH;
use crate::assessment::AssessmentKind;

/// Path of the schema inside the policy folder.
pub const SCHEMA_PATH: &str = "schema.cedarschema";

/// Path of the file inside the policy folder that says whose tokens are taken.
pub const IDENTITY_PATH: &str = "identity.toml";

/// The folder inside the policy folder where contracts with suppliers may lie, as documents of any kind.
pub const CONTRACTS: &str = "contracts/";

/// The policy folder this program was built with, as `(path, text)`.
pub const EMBEDDED: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../policy/README.md")),
    ("forms/requirements.toml", include_str!("../../../policy/forms/requirements.toml")),
    ("guidance/ambtenaren.en.md", include_str!("../../../policy/guidance/ambtenaren.en.md")),
    ("guidance/ambtenaren.nl.md", include_str!("../../../policy/guidance/ambtenaren.nl.md")),
    ("guidance/ambtenaren.toml", include_str!("../../../policy/guidance/ambtenaren.toml")),
    ("redaction/default.toml", include_str!("../../../policy/redaction/default.toml")),
    ("redaction/tests/default.toml", include_str!("../../../policy/redaction/tests/default.toml")),
    ("rules/10-use-case.cedar", include_str!("../../../policy/rules/10-use-case.cedar")),
    ("rules/15-trust.cedar", include_str!("../../../policy/rules/15-trust.cedar")),
    ("rules/20-evidence.cedar", include_str!("../../../policy/rules/20-evidence.cedar")),
    ("rules/22-accountability.cedar", include_str!("../../../policy/rules/22-accountability.cedar")),
    ("rules/23-suppliers.cedar", include_str!("../../../policy/rules/23-suppliers.cedar")),
    ("rules/25-assessments.cedar", include_str!("../../../policy/rules/25-assessments.cedar")),
    ("rules/30-model.cedar", include_str!("../../../policy/rules/30-model.cedar")),
    ("rules/31-dossier.cedar", include_str!("../../../policy/rules/31-dossier.cedar")),
    ("rules/32-evaluation.cedar", include_str!("../../../policy/rules/32-evaluation.cedar")),
    ("rules/35-informed.cedar", include_str!("../../../policy/rules/35-informed.cedar")),
    ("rules/40-quota.cedar", include_str!("../../../policy/rules/40-quota.cedar")),
    ("rules/50-findings.cedar", include_str!("../../../policy/rules/50-findings.cedar")),
    ("rules/90-permit.cedar", include_str!("../../../policy/rules/90-permit.cedar")),
    ("schema.cedarschema", include_str!("../../../policy/schema.cedarschema")),
    ("tests/accountability.toml", include_str!("../../../policy/tests/accountability.toml")),
    ("tests/assessments.toml", include_str!("../../../policy/tests/assessments.toml")),
    ("tests/clear.toml", include_str!("../../../policy/tests/clear.toml")),
    ("tests/dossier.toml", include_str!("../../../policy/tests/dossier.toml")),
    ("tests/enter.toml", include_str!("../../../policy/tests/enter.toml")),
    ("tests/evaluation.toml", include_str!("../../../policy/tests/evaluation.toml")),
    ("tests/evidence.toml", include_str!("../../../policy/tests/evidence.toml")),
    ("tests/informed.toml", include_str!("../../../policy/tests/informed.toml")),
    ("tests/suppliers.toml", include_str!("../../../policy/tests/suppliers.toml")),
    ("tests/trust.toml", include_str!("../../../policy/tests/trust.toml")),
    ("use-cases/demo.toml", include_str!("../../../policy/use-cases/demo.toml")),
];

/// What a file in the policy folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    Schema,
    Rules,
    UseCase,
    /// A form's definition, or what is asked of one beyond that.
    Form,
    /// A form of a use case, filled in.
    Assessment,
    /// What stands behind the measures of a use case.
    Mitigations,
    /// A signature on a use case.
    Signature,
    /// A report of a suite that an evaluator signed.
    Evaluation,
    /// What users read and acknowledge: version and titles, and the texts.
    Guidance,
    /// A contract with a supplier, or a processing agreement: any bytes, of which the hash alone is kept.
    Document,
    Roster,
    /// Whose tokens are taken, and with which keys.
    Identity,
    /// A root key's signature on the roster.
    RosterSeal,
    Test,
    /// Read by others (settings) or by people; part of the digest all the same.
    Other,
}

/// Every file of a policy folder, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyFiles {
    files: BTreeMap<String, String>,
    /// SHA-256 of each document.
    documents: BTreeMap<String, [u8; 32]>,
}

impl PolicyFiles {
    /// The folder this program was built with.
    ///
    /// # Errors
    /// None in a program that was tested; the signature is that of [`PolicyFiles::from_entries`].
    pub fn embedded() -> Result<Self, Error> {
        Self::from_entries(EMBEDDED.iter().copied())
    }

    /// Collects `(path, text)` pairs; paths are relative to the policy folder, with `/` as separator.
    ///
    /// # Errors
    /// [`Error::DuplicateFile`], and [`Error::UnknownFile`] for a name that nothing reads: a rule in
    /// `rules/extra.ceder` must not be silently absent.
    pub fn from_entries<P, T>(entries: impl IntoIterator<Item = (P, T)>) -> Result<Self, Error>
    where
        P: Into<String>,
        T: Into<String>,
    {
        let mut all = Self::default();
        for (path, text) in entries {
            let (path, text) = (path.into(), text.into());
            if all.files.contains_key(&path) || all.documents.contains_key(&path) {
                return Err(Error::DuplicateFile { path });
            }
            all = all.with(&path, &text)?;
        }
        Ok(all)
    }

    /// Whether a path is that of a document: a file of any kind, given to [`PolicyFiles::with_document`] and not as text.
    #[must_use]
    pub fn is_document(path: &str) -> bool {
        classify(path) == Some(FileKind::Document)
    }

    /// The same files with one more document, of which the SHA-256 alone is kept.
    ///
    /// # Errors
    /// [`Error::UnknownFile`] for a path that is no document's.
    pub fn with_document(mut self, path: &str, bytes: &[u8]) -> Result<Self, Error> {
        if !Self::is_document(path) {
            return Err(Error::UnknownFile { path: path.into() });
        }
        self.documents.insert(path.into(), Sha256::digest(bytes).into());
        Ok(self)
    }

    /// All documents in order of path, each with its SHA-256.
    pub fn documents(&self) -> impl Iterator<Item = (&str, [u8; 32])> {
        self.documents.iter().map(|(path, sha256)| (path.as_str(), *sha256))
    }

    /// SHA-256 of a document.
    #[must_use]
    pub fn document(&self, path: &str) -> Option<[u8; 32]> {
        self.documents.get(path).copied()
    }

    /// The same files with one more, or another text of one.
    ///
    /// # Errors
    /// [`Error::UnknownFile`] for a name that nothing reads.
    pub fn with(mut self, path: &str, text: &str) -> Result<Self, Error> {
        match classify(path) {
            None => return Err(Error::UnknownFile { path: path.into() }),
            Some(FileKind::Document) => return self.with_document(path, text.as_bytes()),
            Some(_) => self.files.insert(path.into(), text.into()),
        };
        Ok(self)
    }

    /// All texts in order of path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of one file.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Files of one kind in order of path.
    pub(crate) fn of_kind(&self, kind: FileKind) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.iter().filter(move |(path, _)| classify(path) == Some(kind))
    }

    /// SHA-256 over what decides: schema, rules and forms (a form that asks less lets more pass), listed as in [`PolicyFiles::digest`].
    #[must_use]
    pub fn rules_digest(&self) -> [u8; 32] {
        listing(hashed(self.iter().filter(|(path, _)| {
            matches!(classify(path), Some(FileKind::Schema | FileKind::Rules | FileKind::Form))
        })))
    }

    /// SHA-256 over what makes a token good: `identity.toml` and the keys that it names, listed as in [`PolicyFiles::digest`];
    /// `None` where there are none. Who is blocked is left out: that only takes away, and must not wait for a signature.
    #[must_use]
    pub fn identity_digest(&self) -> Option<[u8; 32]> {
        self.of_kind(FileKind::Identity).next()?;
        Some(listing(hashed(self.of_kind(FileKind::Identity))))
    }

    /// SHA-256 over the canonical listing: for each file in order of path, the length of the path as eight
    /// bytes little-endian, the path, and the SHA-256 of its bytes. No two folders share a listing.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let all: BTreeMap<_, _> = hashed(self.iter()).chain(self.documents()).collect();
        listing(all)
    }
}

fn hashed<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> impl Iterator<Item = (&'a str, [u8; 32])> {
    files.map(|(path, text)| (path, Sha256::digest(text.as_bytes()).into()))
}

fn listing<'a>(files: impl IntoIterator<Item = (&'a str, [u8; 32])>) -> [u8; 32] {
    let mut listing = Sha256::new();
    for (path, sha256) in files {
        listing.update((path.len() as u64).to_le_bytes());
        listing.update(path.as_bytes());
        listing.update(sha256);
    }
    listing.finalize().into()
}

/// A name that a document may have: in its folder, and not hidden.
pub(crate) fn is_document(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains('/')
}

/// `ID.signatures/NAME.json`, below `use-cases/`.
fn is_signature(name: &str) -> bool {
    let parts =
        name.split_once(".signatures/").and_then(|(id, file)| Some((id, file.strip_suffix(".json")?)));
    parts.is_some_and(|(id, stem)| {
        !id.is_empty() && !stem.is_empty() && !id.contains('/') && !stem.contains('/')
    })
}

/// `ID.assessments/KIND.json`, below `use-cases/`.
fn is_assessment(name: &str) -> bool {
    let file = name.split_once(".assessments/").filter(|(id, _)| !id.is_empty()).map(|(_, file)| file);
    let stem = file.and_then(|file| file.strip_suffix(".json"));
    stem.is_some_and(|stem| AssessmentKind::ALL.iter().any(|kind| kind.name() == stem))
}

/// What a path is for, or `None` for one that nothing reads.
pub(crate) fn classify(path: &str) -> Option<FileKind> {
    let Some((folder, name)) = path.split_once('/') else {
        return match path {
            SCHEMA_PATH => Some(FileKind::Schema),
            ROSTER_PATH => Some(FileKind::Roster),
            IDENTITY_PATH => Some(FileKind::Identity),
            "README.md" | "server.toml" => Some(FileKind::Other),
            _ => None,
        };
    };
    let stem_of = |suffix: &str| name.strip_suffix(suffix).filter(|s| !s.is_empty() && !s.contains('/'));
    match folder {
        "rules" => stem_of(".cedar").map(|_| FileKind::Rules),
        "use-cases" if is_assessment(name) => Some(FileKind::Assessment),
        "use-cases" if name.contains('/') => is_signature(name).then_some(FileKind::Signature),
        "use-cases" if name.ends_with(".mitigations.toml") => {
            stem_of(".mitigations.toml").map(|_| FileKind::Mitigations)
        }
        "use-cases" => stem_of(".toml").map(|_| FileKind::UseCase),
        "evaluations" => stem_of(".json").map(|_| FileKind::Evaluation),
        "roster.signatures" => stem_of(".json").map(|_| FileKind::RosterSeal),
        "tests" => stem_of(".toml").map(|_| FileKind::Test),
        "identity" if name == "blocked.toml" => Some(FileKind::Other),
        "identity" => stem_of(".jwks.json").map(|_| FileKind::Identity),
        // Lessons of other organisations: read by people and `use-case similar`, never a use case.
        "shared" => stem_of(".json").map(|_| FileKind::Other),
        "forms" if name == "requirements.toml" => Some(FileKind::Form),
        "forms" => stem_of(".yaml").or(stem_of(".yml")).map(|_| FileKind::Form),
        "guidance" => {
            let stem = stem_of(".toml").or(stem_of(".nl.md")).or(stem_of(".en.md"));
            stem.filter(|stem| !stem.contains('.')).map(|_| FileKind::Guidance)
        }
        "contracts" => is_document(name).then_some(FileKind::Document),
        "redaction" | "roles" => Some(FileKind::Other),
        _ => None,
    }
}
