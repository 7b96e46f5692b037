//! What a caller asks, in plain values: the server makes it from the wire, the gateway's stages consume it.

use provenance::DataSubject;
use serde_json::Value;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::endpoint::EndpointId;
use crate::tools::{ToolCall, Tools};

/// Who wrote a chat message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Instructions of the application (`system`, and `developer` in newer clients).
    System,
    /// The person.
    User,
    /// An earlier answer.
    Assistant,
    /// The result of a call that an earlier answer made.
    Tool,
}

impl Role {
    /// The role's name in chat templates.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One chat message. It holds what a person typed: no `Debug`, no `Serialize`, wiped when dropped.
pub struct Message {
    /// Who wrote it.
    pub role: Role,
    /// Its text; several text parts are joined by a line feed.
    pub content: Zeroizing<String>,
    /// Bytes of `content` at which its parts begin, but the first: a number may have been split over them.
    pub parts: Vec<usize>,
    /// The calls that an earlier answer made.
    pub calls: Vec<ToolCall>,
    /// What it is the result of; `None` for every role but `Tool`.
    pub answers: Option<Answered>,
}

impl Message {
    /// One that is text alone.
    #[must_use]
    pub fn new(role: Role, text: &str) -> Self {
        let content = Zeroizing::new(text.to_owned());
        Self { role, content, parts: Vec::new(), calls: Vec::new(), answers: None }
    }
}

/// The call that a result belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The call's id.
    pub id: String,
    /// The tool that was called.
    pub name: String,
}

/// What the model is to continue.
pub enum Input {
    /// A conversation, rendered with the model's pinned chat template.
    Chat(Vec<Message>),
    /// Plain prompts, each answered on its own.
    Text(Vec<Zeroizing<String>>),
    /// Prompts that are tokens already. They cannot be rewritten: personal data in them refuses the request.
    Tokens(Vec<Zeroizing<Vec<u32>>>),
}

/// A string of the body that does not reach the model. It is scanned for personal data and never rewritten: a
/// finding refuses the request.
pub struct Scanned {
    /// Where it stands in the body, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// The string.
    pub text: Zeroizing<String>,
}

/// Sampling and length, as the caller wants them. `None` means the server's default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params {
    /// Upper limit of generated tokens a choice.
    pub max_tokens: Option<u32>,
    /// Choices a prompt.
    pub n: u32,
    /// Choices made for each prompt, of which the `n` likeliest are told when all have ended. At least `n`.
    pub best_of: Option<u32>,
    /// Softmax temperature; 0 is greedy.
    pub temperature: Option<f32>,
    /// Keep the `k` likeliest tokens; 0 keeps all.
    pub top_k: Option<u32>,
    /// Nucleus mass.
    pub top_p: Option<f32>,
    /// Least probability relative to the likeliest token.
    pub min_p: Option<f32>,
    /// Multiplicative repetition penalty; 1 is none.
    pub repetition_penalty: Option<f32>,
    /// Additive penalty on tokens that occurred.
    pub presence_penalty: Option<f32>,
    /// Additive penalty by how often a token occurred.
    pub frequency_penalty: Option<f32>,
    /// Seed of the sampler; drawn at random when absent, and recorded either way.
    pub seed: Option<u64>,
    /// Additive bias by token id.
    pub logit_bias: Vec<(u32, f32)>,
    /// Generate on after an end-of-turn token, until the length limit.
    pub ignore_eos: bool,
    /// Score each token of the answer, with so many of the likeliest in its place.
    pub logprobs: Option<u32>,
    /// Tokens that a model may think for before it answers, at most; chats with models that think only.
    pub thinking_tokens: Option<u32>,
    /// Show the prompt, as the model reads it, before the answer; completions only. Where answers are scored, so is the prompt.
    pub echo: bool,
}

impl Params {
    /// Choices made for each prompt.
    pub(crate) fn made(&self) -> u32 {
        self.best_of.unwrap_or(self.n).max(self.n)
    }
}

/// What the text of an answer must be, from its first character to its last.
#[derive(Debug, Clone, PartialEq)]
pub enum Constraint {
    /// Any JSON object.
    JsonObject,
    /// JSON by this schema. A keyword that cannot be enforced refuses the request.
    JsonSchema(Value),
    /// A match of this regular expression.
    Regex(String),
    /// One of these texts.
    Choice(Vec<String>),
    /// A caller's grammar, in Lark.
    Lark(String),
    /// A grammar that this house made, in Lark.
    TrustedLark {
        /// The grammar; `tokenizer::schema_in_lark` writes a schema into it.
        text: String,
        /// Control tokens that it may use, by their names in the vocabulary; those that the model lacks are left out.
        control: Vec<String>,
    },
}

impl Constraint {
    /// Whether every answer is one JSON value.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self, Self::JsonObject | Self::JsonSchema(_))
    }
}

/// A constraint and who asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Constrained {
    /// The field of the body, for errors: `response_format.json_schema.schema`.
    pub field: &'static str,
    /// What it asks for.
    pub constraint: Constraint,
}

/// W3C Trace Context identifiers of a request, for correlation with the caller's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// 16 bytes; all zero stands for none, see [`Trace::NONE`].
    pub trace_id: [u8; 16],
    /// The caller's span, when a `traceparent` header was sent.
    pub parent_span_id: Option<[u8; 8]>,
}

impl Trace {
    /// No trace was sent: the log then takes the receipt's id for one.
    pub const NONE: Self = Self { trace_id: [0; 16], parent_span_id: None };
}

/// Where a request comes from, as the listener saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The peer's address is on the loopback interface.
    pub loopback: bool,
}

/// One generation request in plain values.
pub struct GenerationRequest {
    /// Which endpoint it came in by.
    pub endpoint: EndpointId,
    /// Requested model id.
    pub model: String,
    /// What to continue.
    pub input: Input,
    /// What the answer must be; none leaves it free. Its strings and keys are among `scanned`.
    pub constraint: Option<Constrained>,
    /// Tools that the model may call; chats only.
    pub tools: Option<Tools>,
    /// Stop strings: scanned, matched on what the caller is shown, never given to the model. Not looked for in calls.
    pub stop: Vec<Zeroizing<String>>,
    /// Every other string and key of the body.
    pub scanned: Vec<Scanned>,
    /// Sampling and length.
    pub params: Params,
    /// What the receipt commits to as the client's input: the body as canonical JSON (RFC 8785).
    pub client_input: Zeroizing<Vec<u8>>,
    /// Persons whom it is about, by the caller's word; at most [`crate::DATA_SUBJECTS_MAX`].
    pub data_subjects: Vec<DataSubject>,
    /// Trace identifiers.
    pub trace: Trace,
    /// Where it came from.
    pub origin: Origin,
}

/// Texts to be made vectors of, in plain values.
pub struct EmbeddingRequest {
    /// Requested model id.
    pub model: String,
    /// The texts. They are rewritten by redaction, and a placeholder has another vector than what it stands for.
    pub inputs: Vec<Zeroizing<String>>,
    /// Numbers in a vector, where the caller says how many it expects.
    pub dimensions: Option<usize>,
    /// Every other string and key of the body.
    pub scanned: Vec<Scanned>,
    /// What the receipt commits to as the client's input: the body as canonical JSON (RFC 8785).
    pub client_input: Zeroizing<Vec<u8>>,
    /// Persons whom it is about, by the caller's word; at most [`crate::DATA_SUBJECTS_MAX`].
    pub data_subjects: Vec<DataSubject>,
    /// Trace identifiers.
    pub trace: Trace,
    /// Where it came from.
    pub origin: Origin,
}

impl Zeroize for Message {
    fn zeroize(&mut self) {
        self.content.zeroize();
        self.calls.iter_mut().for_each(|call| call.arguments.zeroize());
    }
}

impl ZeroizeOnDrop for Message {}
