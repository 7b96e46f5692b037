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
    /// Where the caller can do something about it: a path of this server, or an address.
    pub link: Option<String>,
    /// Which allowance is used up, and when it is free again, where that is why.
    pub quota: Option<Box<Quota>>,
}

/// Whose allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaOf {
    /// Of the use case as a whole.
    UseCase,
    /// Of the key.
    Key,
    /// Of the key's user, within the use case.
    User,
}

/// An allowance that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Whose.
    pub of: QuotaOf,
    /// Of tokens, not of requests.
    pub tokens: bool,
    /// Of the day (UTC), not of the minute.
    pub daily: bool,
    /// How much there is.
    pub limit: u64,
    /// How much is used or reserved.
    pub used: u64,
    /// How much this request needs.
    pub wanted: u64,
    /// Seconds until the window ends; `None` where the request does not fit an empty one either.
    pub retry_after_s: Option<u64>,
}

impl Quota {
    /// Id of the rule: `quota-key-tokens-per-minute`, and without the subject for a use case.
    pub(crate) fn rule(&self) -> String {
        let of = match self.of {
            QuotaOf::UseCase => "",
            QuotaOf::Key => "key-",
            QuotaOf::User => "user-",
        };
        let what = if self.tokens { "tokens" } else { "requests" };
        format!("quota-{of}{what}-per-{}", if self.daily { "day" } else { "minute" })
    }

    /// What the caller can do, in English.
    pub(crate) fn remedy(&self) -> String {
        let of = match self.of {
            QuotaOf::UseCase => "the use case",
            QuotaOf::Key => "this key",
            QuotaOf::User => "this user",
        };
        let what = if self.tokens { "tokens" } else { "requests" };
        let window = if self.daily { "day (UTC)" } else { "minute" };
        let Self { limit, used, wanted, .. } = self;
        let state = format!(
            "{of} may take {limit} {what} a {window}, {used} are used or reserved, and the request needs {wanted}"
        );
        match self.retry_after_s {
            Some(seconds) if self.tokens => {
                format!("{state}; lower max_tokens, or try again in {seconds} s")
            }
            Some(seconds) => format!("{state}; try again in {seconds} s"),
            None => format!("{state}, which never fits; lower max_tokens or shorten the text"),
        }
    }

    /// The same in Dutch.
    pub(crate) fn remedy_nl(&self) -> String {
        let of = match self.of {
            QuotaOf::UseCase => "de toepassing",
            QuotaOf::Key => "deze sleutel",
            QuotaOf::User => "deze gebruiker",
        };
        let what = if self.tokens { "tokens" } else { "verzoeken" };
        let window = if self.daily { "dag (UTC)" } else { "minuut" };
        let Self { limit, used, wanted, .. } = self;
        let state = format!(
            "{of} mag {limit} {what} per {window} nemen, {used} zijn gebruikt of gereserveerd, en het verzoek vraagt er {wanted}"
        );
        match self.retry_after_s {
            Some(seconds) if self.tokens => {
                format!("{state}; verlaag max_tokens, of probeer het over {seconds} s opnieuw")
            }
            Some(seconds) => format!("{state}; probeer het over {seconds} s opnieuw"),
            None => format!("{state}, wat nooit past; verlaag max_tokens of kort de tekst in"),
        }
    }
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
    Denied(Box<Denied>),
    /// The use case asks its users to acknowledge nothing.
    #[error("the use case of this key names no guidance, so there is nothing to read or to acknowledge")]
    NoGuidance,
    /// What was to be acknowledged is not the guidance as it now reads.
    #[error(
        "sha256 is not that of the guidance as it now reads; read it anew (GET /v1/proeftuin/guidance) and acknowledge \
         the sha256 that comes with it"
    )]
    OtherGuidance,
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
    /// Texts to embed do not fit. Nothing is ever cut silently.
    #[error(
        "{} {tokens} tokens, more than {bound} of {tokens_max}; {}",
        index.map_or_else(|| "input has".to_owned(), |index| format!("input[{index}] has")),
        if index.is_some() { "shorten it, or cut it into parts" } else { "send fewer texts at once" }
    )]
    TextTooLong {
        /// Which text, from 0; `None` for all of them together.
        index: Option<usize>,
        /// Its tokens, after redaction, the two that frame it counted.
        tokens: usize,
        /// How many fit.
        tokens_max: usize,
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
