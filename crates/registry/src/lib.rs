#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod check;
mod dossier;
mod dossier_keys;
mod error;
mod fetch;
mod licence;
mod manifest;
mod model;
mod pin;
mod registry;
mod signature;
mod store;

pub use dossier::{Ancestor, Dossier, LegalReview, Openness, OptOuts};
pub use error::Error;
pub use fetch::{FetchOptions, FetchReport, Replaced};
pub use model::{Approval, ChatTemplatePin, Limits, Model, ModelFile, Role, Source, Status, TemplatePlace};
pub use pin::{PinRequest, PinSignature, append_entry, pin};
pub use registry::{EMBEDDED_MODELS_TOML, Registry, VerifyReport};
pub use signature::{
    BUNDLE_BYTES_MAX, Curve, PublicKey, SignaturePin, SignatureReport, signed_files, verify_signature,
};
pub use weights::{Inspection, Metadata};
