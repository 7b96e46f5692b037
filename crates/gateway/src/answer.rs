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

/// One thing that happens while an answer is made.
pub enum AnswerEvent {
    /// Text of one choice, screened and whole characters only.
    Delta {
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

/// Tokens of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of all prompts.
    pub prompt_tokens: u32,
    /// Tokens of all choices, end-of-turn tokens included.
    pub completion_tokens: u32,
}
