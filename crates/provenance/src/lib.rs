#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod about;
mod account;
pub mod checkpoint;
mod clock;
mod copy;
mod cosign;
mod denials;
mod erasure;
mod error;
mod export;
mod facts;
pub mod journal;
mod keys;
mod leaf;
mod log;
mod names;
pub mod note;
mod open_request;
mod people;
mod publish;
mod queue;
mod receipt;
mod recover;
mod retention;
mod show;
mod source;
pub mod store;
mod subject;
mod subject_files;
pub mod tile;
pub mod tree;
mod verify;
mod witnessed;
mod writer;

pub use about::{About, about, erasure_sealed};
pub use clock::Clock;
pub use copy::publish_copy;
pub use cosign::{CosignRequest, Witness, WitnessKey};
pub use denials::DenialCounter;
pub use erasure::Erasure;
pub use error::{Error, Result};
pub use export::{Exporter, Format, Selection, Summary};
pub use facts::{
    Assurance, CHOICES_MAX, ChoiceFacts, DecisionFacts, EndReason, EnergySource, EngineRef, Finish,
    InputFacts, LIST_MAX, ModelRef, OutcomeFacts, RedactionFacts, RequestFacts, SamplingFacts, ScreenFacts,
    Stage, Status, UseCaseRef, Verdict,
};
pub use keys::{KeyRing, RequestKey, SubjectKey, epoch_of, epoch_start_ms};
pub use leaf::{
    AdminRead, AdminRef, ClockAccepted, Configuration, Denied, ENTRY_BYTES_MAX, Entry, FileRef, Intent,
    KeyIssued, KeyRevoked, Leaf, ModelLoaded, Outcome, PolicyLoaded, PolicyRefused, QuotaRebuilt, Recovered,
    ServerStarted, ServerStopped, UnauthenticatedDenials, UnauthenticatedReason, VERSION,
};
pub use log::{Log, LogOptions, Recovery};
pub use names::{Commitment, Digest, Name, Pseudonym, ReceiptId, SpanId, TraceId};
pub use note::VerifierKey;
pub use open_request::OpenRequest;
pub use people::{
    GuidanceAcknowledged, GuidanceWithdrawn, SubjectErased, TrainingAttested, TrainingWithdrawn,
};
pub use queue::{Appended, Ticket};
pub use receipt::{Proven, Receipt, ReceiptLeaf};
pub use retention::{LogExported, LogPruned, PruneOrder, RETENTION_MONTHS_MIN, months_before};
pub use show::{Shown, show};
pub use subject::{DataSubject, DataSubjectRef, DataSubjectType};
pub use subject_files::{SubjectFiles, SubjectFolder};
pub use verify::{Report, Sealed, verify, verify_each, verify_witnessed};
pub use witnessed::{Witnessed, cosign_request, cosigned_size, receipt_witnessed};
