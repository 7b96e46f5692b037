#![doc = include_str!("../README.md")]

mod error;
mod gguf;
mod hashing;
mod inspect;
mod load;
mod metadata;
mod model;
mod safetensors;
mod source;
mod stream;
mod tensor;

pub use error::{Error, Fault, SinkError};
pub use inspect::{Format, Header, Inspection, inspect, parse};
pub use load::{PinnedFile, Verified, load, measure, verify};
pub use metadata::{Array, Metadata, Value};
pub use model::{VerifiedFile, identity_sha256, load_model, read_pinned};
pub use stream::{Piece, Sink};
pub use tensor::TensorInfo;

pub use kernels::DType;
