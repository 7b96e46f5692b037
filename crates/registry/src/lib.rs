#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod check;
mod error;
mod fetch;
mod manifest;
mod model;
mod pin;
mod registry;
mod store;

pub use error::Error;
pub use fetch::{FetchOptions, FetchReport, Replaced};
pub use model::{Approval, ChatTemplatePin, Limits, Model, ModelFile, Source, Status, TemplatePlace};
pub use pin::{PinRequest, append_entry, pin};
pub use registry::{EMBEDDED_MODELS_TOML, Registry, VerifyReport};
pub use weights::{Inspection, Metadata};
