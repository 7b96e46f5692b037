//! Encoders: models that read and write nothing. They have a thread of their own, beside the engine that generates.

mod classifier;
mod embedding;
mod spans;
mod worker;

pub use classifier::{Classifier, Tag};
pub(crate) use embedding::Vectors;
pub use embedding::{Embed, Embedding};
