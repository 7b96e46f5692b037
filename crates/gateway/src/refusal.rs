//! How a request ends without an answer. None of these carries a word of the request.

use thiserror::Error;

/// A decision against the request. It has been sealed in the log by the time the caller sees it (refusals
/// without a key are counted, and the count is sealed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Whether a key was missing or wrong, the policy said no, or the allowance is used up.
    pub kind: DeniedKind,
    /// Id of the rule that decided.
    pub rule: String,
    /// What the caller can do about it, in English.
    pub remedy: String,
    /// The same in Dutch.
    pub remedy_nl: String,
    /// Where the denial stands in the log; none for callers without a key.
    pub receipt_id: Option<String>,
}

/// Which of HTTP's refusals a denial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeniedKind {
    /// No valid key was shown: 401.
    Unauthenticated,
    /// The key is known and may not do this: 403.
    Forbidden,
    /// The allowance of the use case is used up: 429.
    Quota,
}

/// What bounds the tokens of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The model.
    Context,
    /// The record of the use case.
    UseCase,
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Context => "the context",
            Self::UseCase => "the use case's limit",
        })
    }
}

/// Why a request got no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The policy, or the door, said no.
    #[error("denied by rule {}: {}", .0.rule, .0.remedy)]
    Denied(Denied),
    /// No such model for this key.
    #[error("this model is not served here; GET /v1/models lists what is")]
    UnknownModel {
        /// The id asked for.
        model: String,
    },
    /// A field cannot be used as it is.
    #[error("{field}: {reason}")]
    Invalid {
        /// The request's field.
        field: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Prompt and answer do not fit the context window. Nothing is ever cut silently.
    #[error(
        "the prompt has {prompt_tokens} tokens and max_tokens is {max_tokens}, together more than {bound} of \
         {context_tokens}; shorten the prompt or lower max_tokens"
    )]
    ContextOverflow {
        /// Tokens of the prompt after redaction and templating.
        prompt_tokens: usize,
        /// Tokens asked for.
        max_tokens: u32,
        /// Tokens there is room for.
        context_tokens: usize,
        /// Whose bound it is.
        bound: Bound,
    },
    /// The queue is full.
    #[error("the server is busy; try again in {retry_after_s} s")]
    Busy {
        /// Seconds until trying again makes sense.
        retry_after_s: u32,
    },
    /// The log, the ledger or the engine cannot take requests: the gate is closed.
    #[error("the service is closed: {why}")]
    Closed {
        /// Which part, and why; never content.
        why: String,
    },
}

impl Refusal {
    /// A closed gate.
    pub fn closed(why: impl std::fmt::Display) -> Self {
        Self::Closed { why: why.to_string() }
    }
}
