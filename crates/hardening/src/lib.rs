#![doc = include_str!("../README.md")]
// Every call made so far has a safe wrapper. Landlock and seccomp may need a block of their own; until then none can slip in.
#![forbid(unsafe_code)]

mod panic_hook;
mod process;
mod report;

pub use panic_hook::hide_panic_payloads;
pub use process::{confine_process, observe_process};
pub use report::{Line, Measure, Report, Standing};
