//! Runs a fuzz target over its seeds and over mutated seeds, as an ordinary test.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// The seeds, then seeds with bytes changed and a piece cut out. `crate_dir` is the `CARGO_MANIFEST_DIR` of whoever tests.
pub fn run(crate_dir: &str, target: &str, cases: u32, entry: fn(&[u8])) {
    let folder = Path::new(crate_dir).join("fuzz/seeds").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|seed| entry(seed));
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let cut = (any::<prop::sample::Index>(), 0usize..64);
    TestRunner::new(ProptestConfig::with_cases(cases))
        .run(&(0..seeds.len(), changes, cut), |(seed, changes, (at, len))| {
            let mut bytes = seeds[seed].clone();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let at = at.index(bytes.len());
            bytes.drain(at..(at + len).min(bytes.len()));
            entry(&bytes);
            Ok(())
        })
        .unwrap();
}
