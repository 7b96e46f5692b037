#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod block_manager;
mod engine;
mod error;
mod model;
mod request;
mod sampler;
mod scheduler;
mod sequence;
mod step;
mod stream;

pub use engine::{Engine, EngineOptions, EngineState, EngineStats, start};
pub use error::{Error, SubmitError};
pub use model::Model;
pub use request::{FinishReason, SamplingParams, SequenceRequest, TokenEvent};
pub use stream::TokenStream;
