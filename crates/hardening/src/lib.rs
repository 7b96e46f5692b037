#![doc = include_str!("../README.md")]
// The allocator and the passing of descriptors opt out, with an argument for each block.
#![deny(unsafe_code)]

#[cfg(target_os = "linux")]
mod calls;
mod confine;
#[cfg(unix)]
mod descriptors;
#[cfg(target_os = "linux")]
mod files;
mod panic_hook;
mod process;
mod report;
mod swap;
mod wipe;

pub use confine::{Grants, confine_server};
#[cfg(unix)]
pub use descriptors::{notice_lost_peer, receive_descriptor, send_descriptor};
pub use panic_hook::hide_panic_payloads;
pub use process::{confine_process, observe_process};
pub use report::{Line, Measure, Report, Standing};
pub use swap::{lock_memory, try_lock_memory};
pub use wipe::{WipingAllocator, observe_wiping};
