#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod bpe;
mod chat;
mod detokenizer;
mod encoder;
mod error;
mod grammar;
mod json;
mod marks;
mod pre_tokenizer;
mod python;
mod schema;
mod special;
mod spm;
mod template;
mod tokenizer;
mod vocabulary;

pub use chat::{ChatMessage, ROLES, RenderInput, Rendered};
pub use detokenizer::Detokenizer;
pub use encoder::{ENCODER_TEXT_BYTES_MAX, Encoded, EncoderTokenizer, Window, windows};
pub use error::Error;
pub use grammar::{CHOICES_MAX, GRAMMAR_BYTES_MAX, Grammar, GrammarState};
pub use jiff::civil::DateTime;
pub use schema::{SCHEMA_BYTES_MAX, schema_in_lark};
pub use template::{ChatTemplate, OUTPUT_BYTES_MAX, STEPS_MAX, TEMPLATE_BYTES_MAX};
pub use tokenizer::Tokenizer;
pub use vocabulary::Vocabulary;
