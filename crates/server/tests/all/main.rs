//! The server over real loopback sockets, with a gateway on the tiny model: one file for each promise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code fails by panicking"
)]

mod admin;
mod canary;
mod endpoints;
mod errors;
mod guidance;
mod http;
mod kept;
mod logprobs;
mod messages;
mod metrics;
mod openapi;
mod positions;
mod reach;
mod responses;
mod scanned;
mod streams;
mod subjects;
mod tokens;
mod tools;
