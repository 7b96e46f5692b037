//! Families of models: each is wiring over the layers, and nothing else.

mod config;
mod llama;

pub(crate) use config::Config;
pub(crate) use llama::Llama;

/// Values of `general.architecture` there is wiring for.
pub(crate) const SUPPORTED: &str = "llama";
