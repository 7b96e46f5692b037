#![no_main]
#[path = "../assessment_entries.rs"]
#[allow(dead_code)]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::mitigations(data));
