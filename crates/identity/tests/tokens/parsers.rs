//! The fuzz targets over their seeds and over mutated seeds, as ordinary tests.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

#[path = "../../fuzz/entries.rs"]
mod entries;

/// The seeds, then seeds with bytes changed and a piece cut out.
fn run(target: &str, cases: u32, entry: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|seed| entry(seed));
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let cut = (any::<prop::sample::Index>(), 0_usize..64);
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

#[test]
fn token() {
    run("token", 512, entries::token);
}

#[test]
fn jwks() {
    run("jwks", 512, entries::jwks);
}

#[test]
fn config() {
    run("config", 512, entries::config);
}
