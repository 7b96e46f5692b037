//! Tests of the log over its public API, one file for each thing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "test code fails by panicking"
)]

mod copy;
mod exports;
mod faults;
mod flips;
mod kill;
mod leaf;
mod log;
mod note;
mod parsers;
#[cfg(target_os = "linux")]
mod power_cut;
mod prune;
mod prune_faults;
mod samples;
mod subject_keys;
mod subjects;
mod tree;
mod witness;
