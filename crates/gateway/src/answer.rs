//! What a caller gets: a stream of text, and at its end the sealed receipt.

use provenance::Receipt;

/// Why a choice ended, in the API's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// An end-of-turn token, or the end of what the answer had to be.
    Stop,
    /// A stop string of the request, by its place among them.
    StopString(usize),
    /// The token limit.
    Length,
    /// The model called a tool.
    ToolCalls,
}

/// What the model said of one token, and what the caller sees of it. All texts of a choice together are its text, but for a mark
/// that stands under it.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenScore {
    /// What is shown in the token's place. Alone it may be part of a character; nothing where the token before it has what
    /// is shown for both.
    pub text: Vec<u8>,
    /// Natural logarithm of its probability, in the model's own distribution: no temperature, bias, penalty or grammar. `None`
    /// for the first token of a prompt, of which nothing can be said.
    pub logprob: Option<f64>,
    /// Where `text` begins in the text of the choice, in characters.
    pub offset: usize,
    /// The likeliest tokens in this place, the likeliest first; none where the token's own text is not shown.
    pub top: Vec<Alternative>,
}

/// A token that might have stood in a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// Its text, a control token's name, or ⟦…⟧ for what may not be seen.
    pub text: Vec<u8>,
    /// Natural logarithm of its probability.
    pub logprob: f64,
}

/// One thing that happens while an answer is made.
pub enum AnswerEvent {
    /// Scores of tokens of one choice, where they were asked for: of those of which the next [`AnswerEvent::Delta`] shows the
    /// last part, or at the end of those of which nothing is shown.
    Scores {
        /// Which choice, from 0.
        choice: usize,
        /// In the order of the tokens; never empty.
        scores: Vec<TokenScore>,
    },
    /// Text of one choice, screened and whole characters only.
    Delta {
        /// Which choice, from 0.
        choice: usize,
        /// The text; never empty.
        text: String,
    },
    /// What the model thinks before it answers, screened as text is.
    Thought {
        /// Which choice, from 0.
        choice: usize,
        /// The text; never empty.
        text: String,
    },
    /// A choice calls a tool. What follows of the call are [`AnswerEvent::Arguments`].
    ToolCall {
        /// Which choice.
        choice: usize,
        /// Which call of the choice, from 0.
        index: usize,
        /// What a result will refer to; the same when the answer is replayed under its receipt.
        id: String,
        /// The tool: one of those offered.
        name: String,
    },
    /// Arguments of a call: all pieces together are a JSON object.
    Arguments {
        /// Which choice.
        choice: usize,
        /// Which call.
        index: usize,
        /// The piece; never empty.
        text: String,
    },
    /// A choice ended.
    Finished {
        /// Which choice.
        choice: usize,
        /// Why.
        reason: Finish,
    },
    /// The last event: the outcome is durable in the log.
    Sealed {
        /// Proof of what happened.
        receipt: Box<Receipt>,
        /// What to charge.
        usage: Usage,
    },
    /// The last event instead: generation or sealing failed; the outcome, if it could be written, says so.
    Failed {
        /// Which part failed, and why; never content.
        why: String,
    },
}

impl AnswerEvent {
    /// The same, of another choice.
    pub(crate) fn of_choice(mut self, number: usize) -> Self {
        match &mut self {
            Self::Scores { choice, .. }
            | Self::Delta { choice, .. }
            | Self::Thought { choice, .. }
            | Self::ToolCall { choice, .. }
            | Self::Arguments { choice, .. }
            | Self::Finished { choice, .. } => *choice = number,
            Self::Sealed { .. } | Self::Failed { .. } => {}
        }
        self
    }
}

/// Tokens of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of all prompts.
    pub prompt_tokens: u32,
    /// Tokens of all choices, end-of-turn tokens included, also of those that were made and not told.
    pub completion_tokens: u32,
}
