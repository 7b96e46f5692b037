//! A filled-in form as the government's own form program writes it (`assessment-output.v2.schema.json`).
//!
//! Strict about what is judged: version, ids, the shape of answers, dates. Tolerant where the schema is: keys it does not
//! know, who filled it in. One thing is wider than the schema: ids may hold letters, because the forms' own ids do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::form::is_id;
use super::json::{self, Json};
use crate::Error;

/// The schema that an output names.
const SCHEMA: &str =
    "https://github.com/MinBZK/par-dpia-form/blob/main/schemas/assessment-output.v2.schema.json";
/// Most answers a form may have.
const ANSWERS_MAX: usize = 20_000;
/// Highest number of a repetition.
const INDEX_MAX: u64 = 9_999;

/// Which assessment a form is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AssessmentKind {
    /// The pre-scan, which tells whether a DPIA has to be made.
    Prescan,
    /// Data-protection impact assessment.
    Dpia,
    /// Impact assessment for human rights and algorithms.
    Iama,
}

impl AssessmentKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Prescan, Self::Dpia, Self::Iama];

    /// Its name in records, rules and file names, and in the form's URN.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prescan => "prescan",
            Self::Dpia => "dpia",
            Self::Iama => "iama",
        }
    }

    /// Its name in text for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Prescan => "pre-scan",
            Self::Dpia => "DPIA",
            Self::Iama => "IAMA",
        }
    }
}

/// Which repetition of a task; `None` for a task that is not repeated.
pub(super) type Index = Option<u32>;

/// What was answered. It is content: it has no `Debug` and goes into no message.
pub(super) enum Answer {
    /// Cleared.
    Nothing,
    Text(String),
    Many(Vec<String>),
    Image,
}

/// A filled-in form. Its answers can be judged and not read.
pub struct Output {
    kind: AssessmentKind,
    urn: String,
    created_ms: i64,
    last_edited_ms: Option<i64>,
    sha256: [u8; 32],
    /// Root tasks whose section the author marked as done.
    pub(super) done: BTreeSet<String>,
    pub(super) answers: BTreeMap<(String, Index), Answer>,
    /// Repetitions that are there and hold no answer.
    pub(super) empty: BTreeSet<(String, u32)>,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output({}, {} answers withheld)", self.urn, self.answers.len())
    }
}

impl Output {
    /// Parses an output; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Assessment`] naming the key and never the answer under it.
    pub fn parse(path: &str, text: &str) -> Result<Self, Error> {
        let root = json::read(path, text)?;
        let reader = Reader { path };
        let root = reader.object("assessment", Some(&root))?;
        if root.get("$schema").and_then(Json::text) != Some(SCHEMA) {
            let detail = format!("must be {SCHEMA}; export it from the current form as JSON");
            return Err(reader.wrong("$schema", detail));
        }
        let metadata = reader.object("metadata", root.get("metadata"))?;
        let (kind, urn) = reader.urn(metadata.get("urn"))?;
        let mut output = Self {
            kind,
            urn,
            created_ms: reader.moment("metadata.createdAt", metadata.get("createdAt"))?,
            last_edited_ms: None,
            sha256: Sha256::digest(text.as_bytes()).into(),
            done: reader.done(metadata.get("completedTasks"))?,
            answers: BTreeMap::new(),
            empty: BTreeSet::new(),
        };
        for (key, value) in reader.object("answers", root.get("answers"))? {
            match value.list() {
                Some(elements) => reader.group(&mut output, key, elements)?,
                None => reader.answer(&mut output, &format!("answers.{key}"), key, None, value)?,
            }
        }
        Ok(output)
    }

    /// Which assessment it is.
    #[must_use]
    pub fn kind(&self) -> AssessmentKind {
        self.kind
    }

    /// The form it answers, with its version: `urn:nl:dpia:3.0`.
    #[must_use]
    pub fn urn(&self) -> &str {
        &self.urn
    }

    /// When the file was written, milliseconds since 1970 UTC, as it says itself.
    #[must_use]
    pub fn created_ms(&self) -> i64 {
        self.created_ms
    }

    /// The youngest answer, milliseconds since 1970 UTC; `None` where there is no answer.
    #[must_use]
    pub fn last_edited_ms(&self) -> Option<i64> {
        self.last_edited_ms
    }

    /// SHA-256 of the file.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }
}

/// `2.1.3` or `2.1.3[4]`.
pub(super) fn split_index(key: &str) -> Option<(&str, Index)> {
    let Some((id, rest)) = key.split_once('[') else { return is_id(key).then_some((key, None)) };
    let digits = rest.strip_suffix(']').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let index = digits.parse::<u64>().ok().filter(|&index| index <= INDEX_MAX)?;
    is_id(id).then_some((id, u32::try_from(index).ok()))
}

struct Reader<'p> {
    path: &'p str,
}

impl Reader<'_> {
    fn wrong(&self, key: &str, detail: impl Into<String>) -> Error {
        Error::Assessment { place: self.path.into(), key: key.into(), detail: detail.into() }
    }

    fn object<'j>(&self, key: &str, value: Option<&'j Json>) -> Result<&'j BTreeMap<String, Json>, Error> {
        let object = value.and_then(Json::object);
        object.ok_or_else(|| self.wrong(key, "must be an object, as the form exports it"))
    }

    fn moment(&self, key: &str, value: Option<&Json>) -> Result<i64, Error> {
        let time = value.and_then(Json::text).and_then(|text| text.parse::<Timestamp>().ok());
        let wrong =
            || self.wrong(key, "must be date, time and offset as ISO 8601 writes them: 2026-01-31T09:00:00Z");
        Ok(time.ok_or_else(wrong)?.as_millisecond())
    }

    /// `urn:nl:dpia:3.0`: a form this program knows, in any version.
    fn urn(&self, value: Option<&Json>) -> Result<(AssessmentKind, String), Error> {
        let wrong = || {
            self.wrong(
                "metadata.urn",
                "must be urn:nl:prescan, urn:nl:dpia or urn:nl:iama, and a version: urn:nl:dpia:3.0",
            )
        };
        let urn = value.and_then(Json::text).ok_or_else(wrong)?;
        let (name, version) =
            urn.strip_prefix("urn:nl:").and_then(|rest| rest.split_once(':')).ok_or_else(wrong)?;
        let number =
            |part: &str| !part.is_empty() && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit());
        let numbered = version.split_once('.').is_some_and(|(major, minor)| number(major) && number(minor));
        let kind = AssessmentKind::ALL.into_iter().find(|kind| kind.name() == name);
        match kind.filter(|_| numbered) {
            Some(kind) => Ok((kind, urn.to_owned())),
            None => Err(wrong()),
        }
    }

    fn done(&self, value: Option<&Json>) -> Result<BTreeSet<String>, Error> {
        let Some(value) = value else { return Ok(BTreeSet::new()) };
        let id = |item: &Json| item.text().filter(|id| is_id(id)).map(str::to_owned);
        let ids: Option<BTreeSet<String>> = value.list().and_then(|items| items.iter().map(id).collect());
        ids.ok_or_else(|| self.wrong("metadata.completedTasks", "must be a list of ids of tasks"))
    }

    /// The repetitions of one task.
    fn group(&self, output: &mut Output, key: &str, elements: &[Json]) -> Result<(), Error> {
        let Some((group, None)) = split_index(key) else {
            return Err(self.wrong("answers", "has a list under a key that is no id of a task"));
        };
        let mut seen = BTreeSet::new();
        for element in elements {
            let place = format!("answers.{group}");
            let element = self.object(&place, Some(element))?;
            let index = match element.get("_index") {
                Some(Json::Count(index)) if *index <= INDEX_MAX => u32::try_from(*index).ok(),
                _ => None,
            };
            let wrong = || self.wrong(&place, "each repetition needs an _index of its own, from 0 to 9999");
            let index = index.filter(|index| seen.insert(*index)).ok_or_else(wrong)?;
            let mut answers = 0usize;
            for (child, value) in element.iter().filter(|(child, _)| child.as_str() != "_index") {
                // The schema allows whole numbers beside answers, and gives them no meaning.
                if matches!(value, Json::Count(_) | Json::Number) {
                    continue;
                }
                self.answer(output, &format!("answers.{group}[{index}].{child}"), child, Some(index), value)?;
                answers = answers.saturating_add(1);
            }
            if answers == 0 {
                output.empty.insert((group.to_owned(), index));
            }
        }
        Ok(())
    }

    fn answer(
        &self,
        output: &mut Output,
        place: &str,
        key: &str,
        index: Index,
        value: &Json,
    ) -> Result<(), Error> {
        let Some((id, own)) = split_index(key) else {
            return Err(self.wrong("answers", "has a key that is no id of a task, such as 2.1.3 or 2.1.3[0]"));
        };
        let entry = self.object(place, Some(value))?;
        let answer = match entry.get("value") {
            Some(Json::Null) => Answer::Nothing,
            Some(Json::Text(text)) => Answer::Text(text.clone()),
            Some(Json::List(items)) => {
                let items: Option<Vec<String>> =
                    items.iter().map(|item| item.text().map(str::to_owned)).collect();
                Answer::Many(items.ok_or_else(|| self.wrong(place, "value must be a list of texts"))?)
            }
            Some(Json::Object(image)) if image.get("data").and_then(Json::text).is_some() => Answer::Image,
            _ => return Err(self.wrong(place, "value must be a text, a list of texts, an image or null")),
        };
        let edited_ms = self.moment(&format!("{place}.lastEditedAt"), entry.get("lastEditedAt"))?;
        output.last_edited_ms = output.last_edited_ms.max(Some(edited_ms));
        if output.answers.insert((id.to_owned(), own.or(index)), answer).is_some() {
            return Err(self.wrong(place, "is answered twice; export it from the form again"));
        }
        if output.answers.len() > ANSWERS_MAX {
            return Err(self.wrong("answers", "are more than any form has questions"));
        }
        Ok(())
    }
}
