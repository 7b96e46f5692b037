//! What can be wrong with a policy folder. A request is never an error: it is permitted or denied.

use std::fmt;

/// Where in the policy folder something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Path inside the policy folder, with `/` as separator.
    pub path: String,
    /// Line, counted from 1.
    pub line: usize,
}

impl Place {
    pub(crate) fn new(path: &str, line: usize) -> Self {
        Self { path: path.to_owned(), line }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.line)
    }
}

/// Why a policy set was not loaded. The set that was active before stays active: the caller keeps it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The same path was given twice.
    #[error("{path}: this file was given twice; give every file of the policy folder once")]
    DuplicateFile {
        /// Path inside the policy folder.
        path: String,
    },
    /// A file that nothing would read, so that a rule in it would silently not hold.
    #[error(
        "{path}: nothing reads a file of this name; rules are rules/*.cedar, use cases use-cases/*.toml, \
         tests tests/*.toml, forms forms/*.yaml, the schema schema.cedarschema"
    )]
    UnknownFile {
        /// Path inside the policy folder.
        path: String,
    },
    /// A file the set cannot do without.
    #[error("{path} is missing from the policy folder; restore it from version control")]
    MissingFile {
        /// Path inside the policy folder.
        path: String,
    },
    /// The schema is not Cedar schema syntax, or contradicts itself.
    #[error("{place}: the schema is wrong: {detail}")]
    Schema {
        /// Where.
        place: Place,
        /// What, in the words of Cedar.
        detail: String,
    },
    /// The schema is sound but does not describe what this program asks.
    #[error(
        "schema.cedarschema does not fit this program: {detail}; \
         keep the entities, attributes and actions of the schema that came with it"
    )]
    SchemaMisfit {
        /// What, in the words of Cedar.
        detail: String,
    },
    /// A rule is not Cedar, or does not hold against the schema in strict mode.
    #[error("{place}: {rule} is wrong: {detail}")]
    Rule {
        /// Where.
        place: Place,
        /// The rule by id, or the words "a rule without id".
        rule: String,
        /// What, in the words of Cedar.
        detail: String,
    },
    /// An annotation is absent, empty, unknown or has a value that means nothing.
    #[error("{place}: {rule}: annotation @{annotation}: {detail}")]
    Annotation {
        /// Where.
        place: Place,
        /// The rule by id, or the words "a rule without id".
        rule: String,
        /// Name of the annotation, without the at sign.
        annotation: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// Two rules with one id: a denial could not say which of them denied.
    #[error("{second}: rule id \"{id}\" is already used at {first}; give one of the two another id")]
    DuplicateRule {
        /// The id.
        id: String,
        /// Where it was first.
        first: Place,
        /// Where it was again.
        second: Place,
    },
    /// A TOML file does not parse: syntax, unknown key, missing key, wrong type.
    #[error("{place}: {detail}")]
    Toml {
        /// Where.
        place: Place,
        /// What, naming the key.
        detail: String,
    },
    /// A value in a use-case record is of the right type but means nothing.
    #[error("{place}: {key}: {detail}")]
    Record {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// A form definition, a filled-in form or a list of measures is not what it should be. Never quotes an answer.
    #[error("{place}: {key}: {detail}")]
    Assessment {
        /// The file, with its line where one can be told.
        place: String,
        /// The key or the task.
        key: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// A signature file does not parse, or says something that cannot be.
    #[error("{path}: this signature cannot be read: {detail}; have it signed again: proeftuin use-case sign")]
    Signature {
        /// Path inside the policy folder.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// A signed report does not parse, or says something that cannot be.
    #[error("{path}: this evaluation cannot be read: {detail}; have it signed again: proeftuin eval sign")]
    Evaluation {
        /// Path inside the policy folder.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// A record is not ready for this signature.
    #[error("{id} cannot be signed: {detail}")]
    Unsignable {
        /// The use case.
        id: String,
        /// What is missing and what to do.
        detail: String,
    },
    /// A key is not written as keys are.
    #[error("{detail}")]
    Key {
        /// What is wrong and what to do; nothing of the key.
        detail: &'static str,
    },
    /// The trust root means nothing.
    #[error("{path}: the trust root {detail}; it needs keys = [\"ed25519:…\"] and threshold = N")]
    TrustRoot {
        /// Its file.
        path: String,
        /// What is wrong.
        detail: &'static str,
    },
    /// A decision table expects something else than the set decides.
    #[error("{path}: {failed} of {total} cases decided otherwise:\n{detail}")]
    Table {
        /// Path inside the policy folder.
        path: String,
        /// How many cases were decided otherwise than expected.
        failed: usize,
        /// How many cases there are.
        total: usize,
        /// One line a failed case.
        detail: String,
    },
}

/// Line, counted from 1, of a byte offset in `text`.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count().saturating_add(1)
}

/// A TOML error with its line and key. The parser names an unknown or missing key itself; for a value of the
/// wrong type the key is taken from the line.
pub(crate) fn toml_error(path: &str, text: &str, error: &toml::de::Error) -> Error {
    let line = error.span().map_or(1, |span| line_at(text, span.start));
    let source = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let key = source.split_once('=').map(|(key, _)| key.trim()).filter(|key| !error.message().contains(key));
    let detail = match key {
        Some(key) => format!("{key}: {}", error.message()),
        None => error.message().to_owned(),
    };
    Error::Toml { place: Place::new(path, line), detail }
}
