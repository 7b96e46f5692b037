//! Tests of the log over its public API, one file for each thing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
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
mod prune;
mod samples;
mod subject_keys;
mod subjects;
mod tree;
mod witness;
