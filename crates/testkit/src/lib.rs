#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "test support: it tells what it skips, and may stop a test"
)]

mod gguf;
mod paths;
#[cfg(feature = "recording")]
mod recording;
mod tiny;

pub use gguf::Gguf;
pub use paths::{model_path, shared_dir};
#[cfg(feature = "recording")]
pub use recording::RecordingGenerate;
pub use tiny::{TinyModel, tiny_gguf};
