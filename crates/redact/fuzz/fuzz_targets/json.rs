//! Any bytes as JSON; the checks are those of the ordinary test over the same corpus.
#![no_main]

#[path = "../../tests/entry/mod.rs"]
#[allow(dead_code, reason = "one entry of several")]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::json(data));
