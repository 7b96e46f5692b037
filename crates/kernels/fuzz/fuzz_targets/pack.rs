//! `cargo +nightly fuzz run pack`: the property is the one of `tests/arbitrary.rs`.
#![no_main]

#[path = "../property.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::holds(bytes));
