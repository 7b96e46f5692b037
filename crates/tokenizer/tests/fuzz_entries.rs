//! The fuzz targets' entries over their seeds, and over seeds that were broken a little.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

#[path = "../fuzz/entry.rs"]
mod entry;

use std::{fs, path::Path};

use proptest::prelude::*;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// A seed with a few bytes changed, cut out or doubled.
fn broken(target: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0..4u8, any::<u8>(), 1..30usize);
    let seeds = seeds(target);
    (0..seeds.len(), proptest::collection::vec(edit, 0..4)).prop_map(move |(seed, edits)| {
        let mut bytes = seeds[seed].clone();
        for (at, what, byte, len) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            let end = (at + len).min(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => drop(bytes.drain(at..end)),
                2 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
                _ => bytes[at] = b"0129-\"{}[],: '%|<>"[usize::from(byte) % 18],
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tokenizer_json(bytes in broken("tokenizer_json")) {
        entry::tokenizer_json(&bytes);
    }

    #[test]
    fn template(bytes in broken("template")) {
        entry::template(&bytes);
    }

    #[test]
    fn grammar(bytes in broken("grammar")) {
        entry::grammar(&bytes);
    }

    #[test]
    fn vocabulary(bytes in broken("vocabulary")) {
        entry::vocabulary(&bytes);
    }
}

#[test]
fn every_seed_is_taken() {
    for bytes in seeds("tokenizer_json") {
        tokenizer::Tokenizer::from_json(&bytes).unwrap();
        entry::tokenizer_json(&bytes);
    }
    for bytes in seeds("template") {
        entry::template(&bytes);
    }
    for bytes in seeds("vocabulary") {
        entry::vocabulary(&bytes);
    }
}
