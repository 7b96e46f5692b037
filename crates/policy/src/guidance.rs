//! Guidance: what users read and acknowledge before they work with a use case. `guidance/<id>.toml` has its version and
//! titles, `<id>.nl.md` and `<id>.en.md` its texts.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use toml::Spanned;

use crate::Error;
use crate::decision::Language;
use crate::error::{Place, line_at, toml_error};
use crate::files::{FileKind, PolicyFiles};
use crate::record::check_id;

const DAY_MS: i64 = 24 * 3_600_000;
/// Longest version, in bytes.
const VERSION_BYTES_MAX: usize = 32;
/// Longest title, in characters.
const TITLE_CHARS_MAX: usize = 120;
/// Longest text in one language, in bytes.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Two texts that say the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Both {
    nl: String,
    en: String,
}

impl Both {
    fn get(&self, language: Language) -> &str {
        match language {
            Language::Dutch => &self.nl,
            Language::English => &self.en,
        }
    }
}

/// One guidance of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guidance {
    /// Its id, by which records name it; also the name of its files.
    pub id: String,
    /// Its version, as people call it.
    pub version: String,
    /// SHA-256 over id, version, titles and texts: what is acknowledged. With another one, everybody acknowledges anew.
    pub sha256: [u8; 32],
    /// How long an acknowledgement counts, in milliseconds; `None` for as long as the guidance stays the same.
    pub valid_ms: Option<i64>,
    title: Both,
    text: Both,
    training: BTreeMap<String, Both>,
}

impl Guidance {
    /// Its title.
    #[must_use]
    pub fn title(&self, language: Language) -> &str {
        self.title.get(language)
    }

    /// Its text, Markdown.
    #[must_use]
    pub fn text(&self, language: Language) -> &str {
        self.text.get(language)
    }

    /// Ids of the trainings that it says something of.
    pub fn trainings(&self) -> impl Iterator<Item = &str> {
        self.training.keys().map(String::as_str)
    }

    /// What it says of a training: what that is, and where to follow it.
    #[must_use]
    pub fn training(&self, id: &str, language: Language) -> Option<&str> {
        self.training.get(id).map(|both| both.get(language))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GuidanceRecord {
    version: Spanned<String>,
    title: Spanned<Both>,
    valid_days: Option<Spanned<u32>>,
    #[serde(default)]
    training: BTreeMap<String, Spanned<Both>>,
}

/// Every guidance of the folder, by id.
pub(crate) fn read(files: &PolicyFiles) -> Result<BTreeMap<String, Guidance>, Error> {
    let mut all = BTreeMap::new();
    let paths = files.of_kind(FileKind::Guidance);
    for (path, text) in paths.clone().filter(|(path, _)| path.ends_with(".toml")) {
        let guidance = parse(files, path, text)?;
        all.insert(guidance.id.clone(), guidance);
    }
    for (path, _) in paths {
        if !all.contains_key(stem(path)) {
            return Err(Error::UnknownFile { path: path.into() });
        }
    }
    Ok(all)
}

/// `guidance/ID.nl.md` → `ID`.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

fn parse(files: &PolicyFiles, path: &str, toml: &str) -> Result<Guidance, Error> {
    let record: GuidanceRecord = toml::from_str(toml).map_err(|error| toml_error(path, toml, &error))?;
    let wrong = |key: &str, at: usize, detail: String| Error::Record {
        place: Place::new(path, line_at(toml, at)),
        key: key.into(),
        detail,
    };
    let id = stem(path);
    check_id(id).map_err(|detail| wrong("the name of the file", 0, detail.to_owned()))?;
    let version = record.version.get_ref().trim();
    // It goes into headers and lists: plain, and short.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if version.is_empty() || version.len() > VERSION_BYTES_MAX || !version.bytes().all(plain) {
        let detail = format!("takes 1 to {VERSION_BYTES_MAX} letters, digits, dots, hyphens and underscores");
        return Err(wrong("version", record.version.span().start, detail));
    }
    let title = record.title.get_ref();
    let fits = |text: &String| {
        !text.trim().is_empty()
            && text.chars().count() <= TITLE_CHARS_MAX
            && !text.chars().any(char::is_control)
    };
    if ![&title.nl, &title.en].into_iter().all(fits) {
        let detail =
            format!("is one line of at most {TITLE_CHARS_MAX} characters, in Dutch (nl) and English (en)");
        return Err(wrong("title", record.title.span().start, detail));
    }
    if let Some(days) = record.valid_days.as_ref().filter(|days| !(1..=3660).contains(days.get_ref())) {
        let detail =
            "takes 1 to 3660 days; leave it out where an acknowledgement counts as long as the text stays";
        return Err(wrong("valid_days", days.span().start, detail.to_owned()));
    }
    for (training, told) in &record.training {
        let key = format!("training.{training}");
        check_id(training).map_err(|detail| wrong(&key, told.span().start, detail.to_owned()))?;
        if told.get_ref().nl.trim().is_empty() || told.get_ref().en.trim().is_empty() {
            let detail = "is blank; say in Dutch (nl) and English (en) what it is and where to follow it";
            return Err(wrong(&key, told.span().start, detail.to_owned()));
        }
    }
    let text = Both { nl: text(files, id, "nl")?, en: text(files, id, "en")? };
    Ok(Guidance {
        id: id.to_owned(),
        version: version.to_owned(),
        sha256: digest(id, version, title, &text),
        valid_ms: record.valid_days.map(|days| i64::from(days.into_inner()).saturating_mul(DAY_MS)),
        title: title.clone(),
        text,
        training: record.training.into_iter().map(|(id, told)| (id, told.into_inner())).collect(),
    })
}

/// The text in one language; both have to be there, since nobody acknowledges what they cannot read.
fn text(files: &PolicyFiles, id: &str, language: &str) -> Result<String, Error> {
    let path = format!("guidance/{id}.{language}.md");
    let Some(text) = files.text(&path) else { return Err(Error::MissingFile { path }) };
    let wrong =
        |detail: String| Error::Record { place: Place::new(&path, 1), key: "the text".into(), detail };
    if text.trim().is_empty() {
        return Err(wrong("is blank; write what users have to know".to_owned()));
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(wrong(format!("has more than {TEXT_BYTES_MAX} bytes; nobody reads that")));
    }
    Ok(text.to_owned())
}

/// SHA-256 over each part, led by its length as eight bytes little-endian.
fn digest(id: &str, version: &str, title: &Both, text: &Both) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [id, version, &title.nl, &title.en, &text.nl, &text.en] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}
