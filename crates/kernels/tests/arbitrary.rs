//! The fuzz target's property over its seed corpus, and over random bytes for every type.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

#[path = "../fuzz/property.rs"]
mod property;

use kernels::DType;
use proptest::prelude::*;

#[test]
fn the_property_holds_for_every_seed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/pack");
    let seeds: Vec<_> = std::fs::read_dir(folder).unwrap().map(|seed| seed.unwrap().path()).collect();
    assert_eq!(seeds.len(), DType::ALL.len(), "a seed for each type");
    for seed in seeds {
        property::holds(&std::fs::read(seed).unwrap());
    }
}

proptest! {
    #[test]
    fn the_property_holds_for_any_bytes(
        rows in any::<u8>(),
        blocks in 0..5_u16,
        off in prop_oneof![4 => Just(0_u16), 1 => 1..40_u16],
        raw in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        for (kind, dtype) in DType::ALL.iter().enumerate() {
            let cols = blocks * dtype.block_len() as u16 + off;
            let [low, high] = cols.to_le_bytes();
            property::holds(&[&[kind as u8, rows, low, high], &raw[..]].concat());
        }
    }
}
