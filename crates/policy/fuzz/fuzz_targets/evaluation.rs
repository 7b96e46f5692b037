#![no_main]
#[path = "../evaluation_entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::evaluation(data));
