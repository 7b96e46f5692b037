#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod block_manager;
mod draft;
mod encoder;
mod engine;
#[cfg(test)]
mod engine_tests;
mod error;
mod fairness;
mod layers;
mod load;
mod logprobs;
mod mask;
#[cfg(test)]
mod mask_tests;
mod model;
mod model_runner;
mod models;
mod request;
mod sampler;
mod scheduler;
#[cfg(test)]
mod scheduler_tests;
mod sequence;
mod step;
mod stream;
mod tensors;

pub use encoder::{Embedder, Encoder, TokenClassifier};
pub use engine::{Engine, EngineOptions, EngineState, EngineStats, start};
pub use error::{Error, SubmitError};
pub use kernels::KvType;
pub use load::{Device, LoadOptions, LoadReport, Loaded, isa, load};
pub use logprobs::Scored;
pub use mask::{MaskFault, TokenMask};
pub use model::Model;
pub use request::{BusyTime, FinishReason, LOGPROBS_MAX, SamplingParams, SequenceRequest, TokenEvent};
pub use stream::TokenStream;
pub use weights::{PinnedFile, measure};
