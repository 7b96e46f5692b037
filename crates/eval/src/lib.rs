#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod base_file;
mod client;
mod definition;
mod engine_speed;
mod error;
mod fidelity;
mod machine;
mod pair;
mod peer;
mod random;
mod record;
mod report;
mod server_load;
mod server_workload;
mod statistics;
mod suites;

pub use base_file::{BaseChunk, BaseFault, BaseFile, BaseRow};
pub use client::Target;
pub use definition::{Definition, EngineWorkload, Measure, Workload};
pub use engine::{LoadOptions, PinnedFile, isa, load, measure as hash_file};
pub use engine_speed::{EngineBench, run_engine};
pub use error::Error;
pub use fidelity::{Estimate, Fidelity, fidelity};
pub use machine::{Build, Machine, peak_resident_bytes};
pub use pair::{Side, SideCommand, run_pair};
pub use peer::{PeerFigures, parse_peer};
pub use record::{Better, Figure, ModelFacts, OURS, Ratio, Record, System, ratios};
pub use report::{html, svg};
pub use server_load::{LoadLimits, run_server};
pub use server_workload::{Beside, ServerWorkload, Task};
pub use statistics::{Summary, quantile, upper_bound_95};
pub use suites::{
    About, EMBEDDED_TEXT, ExtraKeys, Gate, GateAddress, Measured, PerplexityEstimate, Suite, Windows,
    leakage, needs_server, perplexity, refusals, report as evaluation_report, score_text,
};
