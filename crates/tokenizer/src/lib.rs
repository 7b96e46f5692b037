#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod chat;
mod detokenizer;
mod error;
mod tokenizer;
mod vocabulary;

pub use chat::{ChatMessage, ChatTemplate, ROLES, RenderInput, Rendered};
pub use detokenizer::Detokenizer;
pub use error::Error;
pub use jiff::civil::DateTime;
pub use tokenizer::Tokenizer;
pub use vocabulary::Vocabulary;
