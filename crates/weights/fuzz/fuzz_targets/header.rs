//! `cargo +nightly fuzz run header`: the property is the one of `tests/mutated.rs`.
#![no_main]

#[path = "../property.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::holds(bytes));
