//! Why a request is closed.

use crate::Kind;

/// Every error closes the request: no text is passed on. Messages never quote the text.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The profile is not valid TOML, or has an unknown key or an impossible value.
    #[error("redaction profile, line {line}: {reason}")]
    Profile {
        /// Line in the profile, from 1; 0 when the parser gave no place.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The profile names a model (`names_model`) that was not given.
    #[error(
        "the redaction profile names the model {model} (names_model), and it is not loaded; it must stand in models.toml, \
         approved, with role = \"token-classifier\", and be loaded when the server starts"
    )]
    FinderMissing {
        /// The model that is named.
        model: String,
    },
    /// A model was given that the profile does not name.
    #[error("the redaction profile does not name the model {model} under names_model")]
    OtherFinder {
        /// The model that was given.
        model: String,
    },
    /// The profile does not fit the model's labels.
    #[error("the model {model} of the redaction profile: {reason}")]
    Labels {
        /// The model.
        model: String,
        /// Which label, and what to do.
        reason: String,
    },
    /// The model that finds names failed.
    #[error("the model that finds names failed: {reason}; nothing was passed on")]
    Finder {
        /// Why, without content.
        reason: String,
    },
    /// The inputs of one request are together larger than the profile allows.
    #[error(
        "text of {bytes} bytes is over the limit of {limit_bytes} for redaction; send less, or raise limits.text_bytes_max in the profile"
    )]
    TooLarge {
        /// Size of all inputs of the request.
        bytes: usize,
        /// The profile's limit.
        limit_bytes: usize,
    },
    /// The request holds more candidates or placeholders than the profile allows.
    #[error(
        "more than {limit} candidates for personal data in one request; send less, or raise limits.findings_max in the profile"
    )]
    TooManyFindings {
        /// The profile's limit.
        limit: usize,
    },
    /// An input declared as JSON is not JSON.
    #[error("input {input_index} is not valid JSON (line {line}, column {column})")]
    Json {
        /// Which input.
        input_index: usize,
        /// Line within the JSON, from 1.
        line: usize,
        /// Column within the line, from 1.
        column: usize,
    },
    /// An input declared as CSV has quotes that are read in two ways.
    #[error(
        "input {input_index} is no CSV that can be rewritten safely (row {row}); mend its quotes, or read it as text"
    )]
    Csv {
        /// Which input.
        input_index: usize,
        /// The row, from 1.
        row: usize,
    },
    /// JSON nested deeper than [`crate::JSON_DEPTH_MAX`].
    #[error("input {input_index} is JSON nested deeper than {limit} levels")]
    JsonTooDeep {
        /// Which input.
        input_index: usize,
        /// The limit.
        limit: usize,
    },
    /// Personal data stands where nothing may be rewritten: a JSON key, an enum value, a tool name.
    #[error(
        "input {input_index} holds personal data ({kind}) at {pointer}, where a key, enum value or name cannot be rewritten; remove it"
    )]
    Fixed {
        /// Which input.
        input_index: usize,
        /// JSON pointer (RFC 6901) of the place. A key that holds the data is itself not quoted: the
        /// pointer names the object and the position of the member, as `/a/b/{member 3}`.
        pointer: String,
        /// What was found.
        kind: Kind,
    },
    /// A stream under screening would hold back more than [`crate::SCREEN_HOLD_BYTES_MAX`].
    #[error("output cannot be screened within {limit_bytes} bytes of hold-back; the stream is closed")]
    ScreenHold {
        /// The limit.
        limit_bytes: usize,
    },
    /// A stream stage was used after it failed or finished.
    #[error("the stream stage was used after it had failed or finished")]
    StreamClosed,
    /// Offsets did not fall on character boundaries, or a table could not be built: a fault in this crate.
    #[error("internal fault in redaction ({0}); nothing was passed on")]
    Internal(&'static str),
}
