//! Text out of tokens, one token at a time.

use std::sync::Arc;

use crate::Tokenizer;

/// Turns a stream of token ids into text, never giving half a character.
pub struct Detokenizer {
    tokenizer: Arc<Tokenizer>,
}

impl Detokenizer {
    /// A detokenizer at the start of a completion.
    pub fn new(tokenizer: Arc<Tokenizer>) -> Self {
        Self { tokenizer }
    }
    /// Takes one token; gives the text that is now certain.
    pub fn push(&mut self, id: u32) -> Option<String> {
        let _ = (&self.tokenizer, id);
        None
    }
    /// Ends the stream; gives what was held back.
    pub fn finish(&mut self) -> Option<String> {
        None
    }
}
