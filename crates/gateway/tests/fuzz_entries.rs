//! The fuzz target's entry over its seeds, and over seeds that were broken a little.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

#[path = "../fuzz/entry.rs"]
mod entry;

use std::{fs, path::Path};

use proptest::prelude::*;

fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/tool_calls");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// A seed with a few bytes changed, cut out or doubled.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0..4u8, any::<u8>(), 1..30usize);
    let seeds = seeds();
    (0..seeds.len(), proptest::collection::vec(edit, 0..4)).prop_map(move |(seed, edits)| {
        let mut bytes = seeds[seed].clone();
        for (at, what, byte, len) in edits.into_iter() {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            let end = (at + len).min(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => drop(bytes.drain(at..end)),
                2 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
                _ => bytes[at] = b"{}[]\",:\\<>/ \n1f"[usize::from(byte) % 15],
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tool_calls(bytes in broken()) {
        entry::tool_calls(&bytes);
    }
}

#[test]
fn every_seed_holds() {
    seeds().iter().for_each(|seed| entry::tool_calls(seed));
}
