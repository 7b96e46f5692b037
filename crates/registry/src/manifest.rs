//! The shape of `models.toml`, key by key; unknown keys are errors.

use serde::Deserialize;
use toml::Spanned;

use crate::Error;
use crate::dossier_keys::DossierKeys;
use crate::model::{Approval, Limits, Role, Status};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    #[serde(default)]
    pub model: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub id: Spanned<String>,
    pub status: Status,
    #[serde(default)]
    pub role: Option<Spanned<Role>>,
    #[serde(default)]
    pub default: Option<Spanned<bool>>,
    pub description: Option<String>,
    pub source: Spanned<SourceKeys>,
    pub files: Spanned<Vec<Spanned<FileKeys>>>,
    pub chat_template: Option<Spanned<TemplateKeys>>,
    pub license: Spanned<String>,
    pub signature: Option<Spanned<SignatureKeys>>,
    pub limits: Spanned<Limits>,
    pub dossier: Option<DossierKeys>,
    #[serde(default)]
    // They stood here before they were signed; named so that the complaint can say where they went.
    pub evaluation: Vec<Spanned<toml::Value>>,
    #[serde(default)]
    pub approval: Vec<Spanned<Approval>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceKeys {
    pub pypi: Option<String>,
    pub version: Option<String>,
    pub member: Option<String>,
    pub hf: Option<String>,
    pub revision: Option<String>,
    pub folder: Option<String>,
    pub https: Option<String>,
    pub file: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileKeys {
    pub path: Spanned<String>,
    pub from: Option<Spanned<String>>,
    pub sha256: Option<Spanned<String>>,
    pub size_bytes: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateKeys {
    pub embedded: Option<bool>,
    pub path: Option<String>,
    pub sha256: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureKeys {
    pub bundle: String,
    pub key: String,
}

/// A text with its name, for messages with lines.
pub(crate) struct Text<'a> {
    pub origin: &'a str,
    pub text: &'a str,
}

impl Text<'_> {
    pub fn parse(&self) -> Result<Manifest, Error> {
        toml::from_str(self.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            match self.key_before(offset) {
                Some(key) => self.error(offset, format!("{key}: {}", error.message())),
                None => self.error(offset, error.message()),
            }
        })
    }

    /// The key whose value starts at a byte offset. Errors about a key itself name it on their own.
    fn key_before(&self, offset: usize) -> Option<&str> {
        let line = self.text.get(..offset)?.lines().last()?;
        let before = line.trim_end().strip_suffix('=')?.trim_end();
        let key =
            before.rsplit(|character: char| !character.is_ascii_alphanumeric() && character != '_').next()?;
        (!key.is_empty()).then_some(key)
    }

    /// Line of a byte offset, from 1.
    pub fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1)
    }

    pub fn error(&self, offset: usize, message: impl Into<String>) -> Error {
        Error::Manifest { origin: self.origin.to_owned(), line: self.line(offset), message: message.into() }
    }
}
