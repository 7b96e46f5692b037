//! What can go wrong. Messages name keys and places, never content.

/// Why a document was not made, or not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The policy has no such use case.
    #[error("there is no use-cases/{id}.toml in the policy")]
    UseCaseUnknown {
        /// The id that was asked for.
        id: String,
    },
    /// A model that the use case does not name, or that `models.toml` does not have.
    #[error("model {id} {detail}")]
    Model {
        /// The id that was asked for.
        id: String,
        /// What is the matter, and what to do.
        detail: &'static str,
    },
    /// A document needs what the record does not say.
    #[error("use-cases/{id}.toml: fill in {key}; {document} needs it")]
    Missing {
        /// The use case.
        id: String,
        /// The key of the record.
        key: &'static str,
        /// What was to be made.
        document: &'static str,
    },
    /// A text of the record is longer than a document may have it.
    #[error(
        "use-cases/{id}.toml: {key} makes {chars} characters, and {document} takes {chars_max}; shorten it"
    )]
    TooLong {
        /// The use case.
        id: String,
        /// The key of the record.
        key: &'static str,
        /// Its length in the document.
        chars: usize,
        /// The longest that is taken.
        chars_max: usize,
        /// What was to be made.
        document: &'static str,
    },
    /// The record has no such assessment.
    #[error("use-cases/{id}.toml has no [evidence.{name}]; do the assessment first")]
    NotAssessed {
        /// The use case.
        id: String,
        /// `dpia` or `iama`.
        name: &'static str,
    },
    /// A file of answers is not the one the record names, or not in the government's output format.
    #[error("the answers: {detail}")]
    Answers {
        /// What is the matter.
        detail: String,
    },
    /// A bundle that is not one.
    #[error("the bundle: {detail}")]
    Bundle {
        /// What is the matter.
        detail: String,
    },
    /// Redaction failed, so nothing is shared.
    #[error("{key} could not be redacted, so nothing is shared: {detail}")]
    Redaction {
        /// Which text.
        key: &'static str,
        /// Why, without content.
        detail: String,
    },
    /// The policy does not parse.
    #[error(transparent)]
    Policy(#[from] policy::Error),
}
