//! End to end: the program as its users meet it, over its own command line and its own port, with the real model.
//!
//! `harness/` starts servers and speaks HTTP; every other file is named for what it proves. Tests share nothing but
//! the model store, so they run one after the other or all at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets the unexpected has failed"
)]

mod approvals;
mod assess;
mod bench;
mod busy;
mod canary;
mod clients;
mod command_line;
mod crash;
mod encoders;
mod eval;
mod evidence;
mod gate;
mod guidance;
mod hang_up;
#[cfg(target_os = "linux")]
mod hardening;
mod harness;
mod kill_loop;
mod log_exports;
mod models;
mod policy_reload;
mod privacy;
mod quota;
mod reach;
mod receipts;
mod replay;
mod retention;
mod sampling;
mod serve;
mod shapes;
mod shared_quota;
mod structured;
mod subjects;
mod tampering;
mod tokens;
mod use_case_new;
mod version;
