//! Any bytes through every entry; the checks are those of the ordinary test over the same corpus.
#![no_main]

#[path = "../../tests/entry/mod.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::run(data));
