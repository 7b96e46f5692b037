//! `cargo +nightly fuzz run base_file`: the property is the one of `tests/base_file.rs`.
#![no_main]

#[path = "../property.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::holds(bytes));
