//! Tests of the whole path over the public API, on the tiny model: one file for each promise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code fails by panicking"
)]

mod answers;
mod classifier;
mod closed;
mod constrained;
mod controls;
mod conversations;
mod denials;
mod embeddings;
mod fixed_fields;
mod informed;
mod logprobs;
mod minilm;
mod places;
mod privacy;
mod quota;
mod receipts;
mod reload;
mod screening;
mod sealing;
mod seeds;
mod shared_quota;
mod stores;
mod subjects;
mod thoughts;
mod token_ids;
mod tokens;
mod tool_calls;

use gateway::{Denied, Refusal};

/// The denial that a refusal has to be.
fn denied<T>(outcome: Result<T, Refusal>) -> Denied {
    match outcome {
        Err(Refusal::Denied(denied)) => *denied,
        Err(other) => panic!("refused otherwise: {other}"),
        Ok(_) => panic!("let through"),
    }
}
