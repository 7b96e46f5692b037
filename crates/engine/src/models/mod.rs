//! Families of models: one wiring of a decoder over the layers, and a few lines that say what each family does otherwise.

mod config;
mod decoder;
mod family;
mod keys;
mod rope;

pub(crate) use config::Config;
pub(crate) use decoder::Decoder;
pub(crate) use family::{Family, SUPPORTED, family};
