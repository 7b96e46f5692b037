#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod facts;
mod leaf;
mod names;

pub use error::{Error, Result};
pub use facts::{
    Assurance, CHOICES_MAX, ChoiceFacts, DecisionFacts, EndReason, EngineRef, Finish, InputFacts, LIST_MAX,
    ModelRef, OutcomeFacts, RedactionFacts, RequestFacts, SamplingFacts, ScreenFacts, Stage, Status,
    UseCaseRef, Verdict,
};
pub use leaf::{
    AdminRead, AdminRef, Configuration, Denied, ENTRY_BYTES_MAX, Entry, FileRef, Intent, KeyIssued,
    KeyRevoked, Leaf, ModelLoaded, Outcome, PolicyLoaded, Recovered, ServerStarted, ServerStopped,
    UnauthenticatedDenials, UnauthenticatedReason, VERSION,
};
pub use names::{Commitment, Digest, Name, Pseudonym, ReceiptId, SpanId, TraceId};
