//! What goes into a chat template and what comes out.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// The roles a message may have. The list is closed because templates build control tokens out of roles.
pub const ROLES: &[&str] = &["system", "developer", "user", "assistant", "tool", "function"];

/// One message of a conversation.
pub struct ChatMessage {
    /// One of [`ROLES`].
    pub role: String,
    /// The text.
    pub content: String,
    /// Further fields a template may read: `name`, `tool_calls`, `tool_call_id`, `reasoning_content`. In `tool_calls`, arguments
    /// given as a string of JSON are parsed, because templates print them as JSON.
    pub extra: Map<String, Value>,
}

/// What a template is given, besides `bos_token` and `eos_token`, which come from the tokenizer it is bound to.
pub struct RenderInput<'a> {
    /// The conversation, oldest first.
    pub messages: &'a [ChatMessage],
    /// The tools offered, as OpenAI's `tools` array.
    pub tools: Option<&'a Value>,
    /// Whether to end with the opening of an assistant turn.
    pub add_generation_prompt: bool,
    /// Further template variables, such as `enable_thinking`.
    pub variables: &'a Map<String, Value>,
    /// What `strftime_now` reads: the caller's clock, so that a prompt can be rendered again.
    pub now: jiff::civil::DateTime,
}

/// A rendered prompt: text, and the control tokens that the template itself wrote.
pub struct Rendered {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) tokenizer: [u8; 32],
}

/// Part of a rendered prompt.
pub(crate) enum Piece {
    Text(Zeroizing<String>),
    Control(u32),
}

impl Rendered {
    /// Length of the text in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.pieces.iter().map(|piece| if let Piece::Text(text) = piece { text.len() } else { 0 }).sum()
    }

    /// Whether the first piece is this control token.
    pub(crate) fn starts_with(&self, id: u32) -> bool {
        matches!(self.pieces.first(), Some(Piece::Control(first)) if *first == id)
    }
}
