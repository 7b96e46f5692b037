#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support: it tells what it skips, and may stop a test"
)]

#[cfg(feature = "gateway")]
mod bodies;
#[cfg(feature = "policy")]
pub mod evaluations;
mod gguf;
#[cfg(feature = "gateway")]
mod house;
#[cfg(feature = "policy")]
pub mod letters;
mod paths;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "seeds")]
pub mod seeds;
#[cfg(feature = "policy")]
pub mod signers;
mod tiny;
#[cfg(feature = "encoder")]
pub mod tiny_encoder;
#[cfg(feature = "policy")]
pub mod tokens;

#[cfg(feature = "gateway")]
pub use bodies::put_text;
pub use gguf::Gguf;
#[cfg(feature = "gateway")]
pub use house::{
    Act, Collected, FailingStore, Gate, House, HouseBuilder, NOW_MS, RecordingGenerate, ScriptedGenerate,
    StoreFault, TestClock, chat, collect, complete, house_signers, tiny_in_store, until, within,
};
pub use paths::{gemma_path, model_path, shared_dir};
#[cfg(feature = "postgres")]
pub use postgres::{CuttingProxy, PostgresServer};
pub use tiny::{TinyFamily, TinyModel, tiny_gguf};
