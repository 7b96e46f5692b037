//! A suite's file: every key known, every size bounded before anything runs.

use std::collections::BTreeMap;
use std::path::Path;

use policy::{SuiteKind, Threshold};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::refusal::Case;
use crate::Error;
use crate::definition::within;

/// Largest file of a suite, in bytes.
const BYTES_MAX: u64 = 1 << 20;

/// The suites that are built in.
const EMBEDDED: [&str; 3] = [
    include_str!("../../suites/perplexity.toml"),
    include_str!("../../suites/leakage.toml"),
    include_str!("../../suites/gate-refusal.toml"),
];

/// The text of the built-in perplexity suite: the licence of this program.
pub const EMBEDDED_TEXT: &str = include_str!("../../../../LICENSE");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    seed: u64,
    perplexity: Option<Windows>,
    leakage: Option<Leakage>,
    #[serde(rename = "gate-refusal")]
    gate_refusal: Option<GateRefusal>,
    #[serde(default)]
    min: BTreeMap<String, toml::Value>,
    #[serde(default)]
    max: BTreeMap<String, toml::Value>,
}

/// How a text is cut for a model with a bounded context.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// SHA-256 of the text, lowercase hexadecimal.
    pub text_sha256: String,
    /// Tokens of a chunk.
    pub chunk_tokens: u32,
    /// Tokens from the beginning of one chunk to the beginning of the next.
    pub stride_tokens: u32,
    /// Tokens of a chunk that are context only: those after the one behind them are scored.
    pub context_tokens: u32,
}

/// How many requests with planted data.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Leakage {
    pub(crate) prompts: u32,
    pub(crate) max_tokens: u32,
}

/// What the gate is asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GateRefusal {
    pub(crate) cases: Vec<Case>,
    #[serde(default)]
    pub(crate) optional_cases: Vec<Case>,
}

/// What a suite does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    Perplexity(Windows),
    Leakage(Leakage),
    GateRefusal(GateRefusal),
}

/// A suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// Its name: lowercase letters, digits and hyphens.
    pub name: String,
    /// What its random choices are drawn from.
    pub seed: u64,
    /// SHA-256 of its file, lowercase hexadecimal: records name it by this.
    pub sha256: String,
    /// What it accepts, by metric.
    pub thresholds: BTreeMap<String, Threshold>,
    pub(crate) task: Task,
}

impl Suite {
    /// A built-in suite by its name, or else the one in a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Definition`] with what is wrong in it.
    pub fn load(name_or_path: &str) -> Result<Self, Error> {
        if let Some(suite) = Self::embedded()?.into_iter().find(|suite| suite.name == name_or_path) {
            return Ok(suite);
        }
        let path = Path::new(name_or_path);
        if !path.exists() {
            let names: Vec<String> = Self::embedded()?.into_iter().map(|suite| suite.name).collect();
            let reason = format!("is neither a suite that is built in ({}) nor a file", names.join(", "));
            return Err(Error::Definition { origin: name_or_path.to_owned(), reason });
        }
        let size = std::fs::metadata(path).map_err(Error::io("read", path))?.len();
        if size > BYTES_MAX {
            let reason = format!("more than {BYTES_MAX} bytes");
            return Err(Error::Definition { origin: path.display().to_string(), reason });
        }
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        Self::parse(name_or_path, &text)
    }

    /// The suites that are built in.
    ///
    /// # Errors
    /// None in a program that was tested; the signature is that of [`Suite::parse`].
    pub fn embedded() -> Result<Vec<Self>, Error> {
        EMBEDDED.iter().map(|text| Self::parse("the built-in suite", text)).collect()
    }

    /// Parses a file; `origin` is for messages.
    ///
    /// # Errors
    /// [`Error::Definition`] with what is wrong in it.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Error> {
        let refuse = |reason: String| Error::Definition { origin: origin.to_owned(), reason };
        let file: File = toml::from_str(text).map_err(|error| refuse(error.to_string()))?;
        let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if file.name.is_empty()
            || file.name.len() > 64
            || !file.name.bytes().all(fits)
            || file.name.starts_with('-')
        {
            return Err(refuse("name: takes 1 to 64 lowercase letters, digits and hyphens".to_owned()));
        }
        let task = match (file.perplexity, file.leakage, file.gate_refusal) {
            (Some(windows), None, None) => Task::Perplexity(windows),
            (None, Some(leakage), None) => Task::Leakage(leakage),
            (None, None, Some(refusal)) => Task::GateRefusal(refusal),
            _ => {
                let reason = "has one of the tables [perplexity], [leakage] and [gate-refusal]";
                return Err(refuse(reason.to_owned()));
            }
        };
        task.check().map_err(refuse)?;
        let thresholds = policy::thresholds(&file.min, &file.max);
        Ok(Self {
            name: file.name,
            seed: file.seed,
            sha256: super::gate::hex(&Sha256::digest(text.as_bytes())),
            thresholds: thresholds.map_err(|(table, detail)| refuse(format!("{table}: {detail}")))?,
            task,
        })
    }

    /// What it measures.
    #[must_use]
    pub fn kind(&self) -> SuiteKind {
        match self.task {
            Task::Perplexity(_) => SuiteKind::Perplexity,
            Task::Leakage(_) => SuiteKind::Leakage,
            Task::GateRefusal(_) => SuiteKind::GateRefusal,
        }
    }
}

impl Task {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Perplexity(windows) => windows.check(),
            Self::Leakage(leakage) => {
                within("prompts", leakage.prompts, 1, 10_000)?;
                within("max_tokens", leakage.max_tokens, 1, 4096)
            }
            Self::GateRefusal(refusal) => {
                let all = || refusal.cases.iter().chain(&refusal.optional_cases);
                let twice = |case: &&Case| all().filter(|other| other == case).count() > 1;
                match all().find(twice) {
                    Some(case) => Err(format!("the case {} is there twice", case.name())),
                    None if refusal.cases.is_empty() => Err("cases is empty".to_owned()),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Windows {
    fn check(&self) -> Result<(), String> {
        let hexadecimal = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if self.text_sha256.len() != 64 || !self.text_sha256.bytes().all(hexadecimal) {
            return Err("text_sha256: is 64 lowercase hexadecimal digits".to_owned());
        }
        within("chunk_tokens", self.chunk_tokens, 4, 1 << 20)?;
        within("context_tokens", self.context_tokens, 1, self.chunk_tokens.saturating_sub(2))?;
        // A shorter stride would score a token twice.
        let scored = self.chunk_tokens.saturating_sub(self.context_tokens).saturating_sub(1);
        within("stride_tokens", self.stride_tokens, scored, self.chunk_tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "name = \"a\"\nseed = 1\n[leakage]\nprompts = 2\nmax_tokens = 8\n";

    fn refused(text: &str) -> String {
        Suite::parse("x.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn the_built_in_suites_hold() {
        let suites = Suite::embedded().unwrap();
        let names: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
        assert_eq!(names, ["perplexity", "leakage", "gate-refusal"]);
        assert!(suites.iter().all(|suite| suite.name == suite.kind().name() && !suite.thresholds.is_empty()));
        let Task::Perplexity(windows) = &suites[0].task else { panic!("no windows") };
        assert_eq!(windows.text_sha256, super::super::gate::hex(&Sha256::digest(EMBEDDED_TEXT)));
        assert_eq!(Suite::load("leakage").unwrap(), suites[1]);
    }

    #[test]
    fn what_is_not_known_or_has_no_bound_is_refused_by_name() {
        assert!(Suite::parse("x.toml", PLAIN).is_ok());
        assert!(refused(&PLAIN.replace("prompts", "promts")).contains("promts"));
        assert!(refused(&PLAIN.replace("= 2", "= 0")).contains("`prompts` is 0"));
        assert!(refused(&PLAIN.replace("\"a\"", "\"A b\"")).contains("name:"));
        assert!(refused("name = \"a\"\nseed = 1\n").contains("one of the tables"));
        assert!(refused(&format!("{PLAIN}[max]\nleaked = \"many\"\n")).contains("leaked"));
        assert!(refused(&format!("{PLAIN}[min]\nx = 2\n[max]\nx = 1\n")).contains("nothing can pass"));
        let gate = |cases: &str| format!("name = \"a\"\nseed = 1\n[gate-refusal]\ncases = [{cases}]\n");
        assert!(refused(&gate("")).contains("empty"));
        assert!(refused(&gate("\"missing-key\", \"missing-key\"")).contains("twice"));
        assert!(refused(&gate("\"believe-me\"")).contains("believe-me"));
        let windows = |stride: u32, context: u32| {
            let text = "1".repeat(64);
            format!(
                "name = \"a\"\nseed = 1\n[perplexity]\ntext_sha256 = \"{text}\"\nchunk_tokens = 8\n\
                 stride_tokens = {stride}\ncontext_tokens = {context}\n"
            )
        };
        assert!(Suite::parse("x.toml", &windows(3, 4)).is_ok());
        assert!(refused(&windows(2, 4)).contains("`stride_tokens`"), "a token would be scored twice");
        assert!(refused(&windows(8, 7)).contains("`context_tokens`"));
        assert!(refused(&windows(9, 4)).contains("`stride_tokens`"), "tokens would be left out");
        assert!(Suite::load("no-such-suite").unwrap_err().to_string().contains("gate-refusal"));
    }
}
