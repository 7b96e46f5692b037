//! The file in which a lesson travels: JSON, with the SHA-256 of the lesson in canonical form (RFC 8785). The digest
//! names the lesson and shows damage; it is no signature, and says nothing about who made it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{Error, Lesson};

/// Largest file of a bundle, in bytes.
pub const BUNDLE_BYTES_MAX: usize = 1 << 20;
/// Longest text in a bundle, in characters.
const TEXT_CHARS_MAX: usize = 16_384;
/// Longest list or table in a bundle.
const LIST_MAX: usize = 256;
/// What the file says it is.
const FORMAT: &str = "proeftuin-lesson-1";

/// A lesson that was found sound, with its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    lesson: Lesson,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    format: String,
    sha256: String,
    lesson: Lesson,
}

impl Bundle {
    /// Seals a lesson.
    ///
    /// # Errors
    /// [`Error::Bundle`] for a lesson that no bundle would take back: a text or list that is too long, control characters.
    pub fn seal(lesson: Lesson) -> Result<Self, Error> {
        let sha256 = digest(&lesson)?;
        Ok(Self { lesson, sha256 })
    }

    /// Parses a file.
    ///
    /// # Errors
    /// [`Error::Bundle`], saying what is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > BUNDLE_BYTES_MAX {
            return Err(wrong(format!("has more than {BUNDLE_BYTES_MAX} bytes")));
        }
        let envelope: Envelope = serde_json::from_str(text).map_err(|error| {
            wrong(format!(
                "is not in the format of a bundle: line {}, column {}",
                error.line(),
                error.column()
            ))
        })?;
        if envelope.format != FORMAT {
            return Err(wrong(format!("is not of the format {FORMAT}")));
        }
        let sha256 = digest(&envelope.lesson)?;
        if sha256 != envelope.sha256 {
            return Err(wrong("was changed or damaged: its SHA-256 is not the one it names".to_owned()));
        }
        Ok(Self { lesson: envelope.lesson, sha256 })
    }

    /// The content of its file.
    #[must_use]
    pub fn to_text(&self) -> String {
        crate::cards::pretty(&Envelope {
            format: FORMAT.to_owned(),
            sha256: self.sha256.clone(),
            lesson: self.lesson.clone(),
        })
    }

    /// The lesson.
    #[must_use]
    pub fn lesson(&self) -> &Lesson {
        &self.lesson
    }

    /// Its digest, 64 lowercase hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Where it lies in a policy folder. The folder `shared/` holds no use cases: nothing there can run.
    #[must_use]
    pub fn path(&self) -> String {
        format!("shared/{}.json", self.sha256.get(..16).unwrap_or_default())
    }
}

fn wrong(detail: String) -> Error {
    Error::Bundle { detail }
}

/// Digest of a lesson whose texts and lists are within bounds.
fn digest(lesson: &Lesson) -> Result<String, Error> {
    let value = serde_json::to_value(lesson).map_err(|error| wrong(error.to_string()))?;
    bounded("lesson", &value)?;
    let canonical = serde_json_canonicalizer::to_vec(lesson).map_err(|error| wrong(error.to_string()))?;
    Ok(hex::encode(Sha256::digest(canonical)))
}

/// The shape of a lesson is a few levels deep, so this ends soon.
fn bounded(key: &str, value: &Value) -> Result<(), Error> {
    match value {
        Value::String(text) if text.chars().count() > TEXT_CHARS_MAX => {
            Err(wrong(format!("{key} has more than {TEXT_CHARS_MAX} characters")))
        }
        // A terminal would obey them.
        Value::String(text) if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') => {
            Err(wrong(format!("{key} holds control characters")))
        }
        Value::Array(items) if items.len() > LIST_MAX => {
            Err(wrong(format!("{key} has more than {LIST_MAX} entries")))
        }
        Value::Object(members) if members.len() > LIST_MAX => {
            Err(wrong(format!("{key} has more than {LIST_MAX} entries")))
        }
        Value::Array(items) => items.iter().try_for_each(|item| bounded(key, item)),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            bounded(key, &Value::String(name.clone()))?;
            bounded(if key == "lesson" { name } else { key }, value)
        }),
        _ => Ok(()),
    }
}
