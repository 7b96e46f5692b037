//! The answers of a DPIA, IAMA or pre-scan as the government's own form exports them (assessment output, version 2).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::Error;

/// Largest file, in bytes: an export may hold pictures.
const BYTES_MAX: usize = 16 << 20;

#[derive(Deserialize)]
struct Output {
    metadata: Metadata,
    answers: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Metadata {
    urn: String,
}

/// One answer, without its author: who wrote what is nobody's business who reads a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Task id, with the repetition where there are several: `2.1.3`, `2.1.3 [0]`.
    pub task: String,
    /// What was answered, as text.
    pub text: String,
    /// When it was last edited, as the file says.
    pub edited: Option<String>,
}

/// The answers of one assessment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    pub(crate) urn: String,
    pub(crate) answers: Vec<Answer>,
    pub(crate) sha256: String,
}

impl Answers {
    /// Parses an export. What it holds beside answers is not looked at.
    ///
    /// # Errors
    /// [`Error::Answers`] for a file that is not in the format.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |detail: String| Error::Answers { detail };
        if text.len() > BYTES_MAX {
            return Err(wrong(format!("more than {BYTES_MAX} bytes")));
        }
        let output: Output = serde_json::from_str(text).map_err(|error| {
            wrong(format!("not an assessment output (line {}, column {})", error.line(), error.column()))
        })?;
        let mut answers = Vec::new();
        for (task, value) in &output.answers {
            match value {
                Value::Array(repeated) => {
                    for group in repeated {
                        let index = group.get("_index").and_then(Value::as_u64).unwrap_or_default();
                        let members = group.as_object().into_iter().flatten();
                        answers.extend(
                            members.filter_map(|(task, value)| answer(format!("{task} [{index}]"), value)),
                        );
                    }
                }
                value => answers.extend(answer(task.clone(), value)),
            }
        }
        answers.sort_by_cached_key(|answer| order(&answer.task));
        let sha256 = hex::encode(Sha256::digest(text.as_bytes()));
        Ok(Self { urn: output.metadata.urn, answers, sha256 })
    }
}

/// `None` for what is no answer, and for one that was cleared.
fn answer(task: String, value: &Value) -> Option<Answer> {
    let text = match value.get("value")? {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "),
        // A picture: its words, not its bytes.
        Value::Object(image) => {
            let words =
                ["title", "description"].map(|key| image.get(key).and_then(Value::as_str).unwrap_or(""));
            words.join(" ").trim().to_owned()
        }
        _ => return None,
    };
    let edited = value.get("lastEditedAt").and_then(Value::as_str).map(str::to_owned);
    Some(Answer { task, text, edited })
}

/// Task ids in the order of a table of contents: 2.1 before 10.
fn order(task: &str) -> Vec<u64> {
    task.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}
