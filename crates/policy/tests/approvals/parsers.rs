//! The fuzz targets over their seeds and over mutated seeds, as ordinary tests.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

#[path = "../../fuzz/entries.rs"]
mod entries;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|p| fs::read(p).unwrap()).collect();
    assert!(!seeds.is_empty());
    seeds
}

/// Runs the seeds, then seeds with bytes changed and a piece cut out.
fn run(target: &str, cases: u32, entry: fn(&[u8])) {
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| entry(seed));
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let cut = (any::<prop::sample::Index>(), 0usize..64);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(cases));
    runner
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
fn signature() {
    run("signature", 512, entries::signature);
}

#[test]
fn roster() {
    run("roster", 48, entries::roster);
}

/// Another program, in another language, wrote and signed these after the README's description alone.
#[test]
fn what_another_program_signed_is_genuine() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/signature");
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    for name in ["positive", "conditional", "decision", "fulfilment"] {
        let signed = policy::Signed::<policy::Statement>::parse(name, &text(name)).unwrap();
        assert!(signed.is_genuine(), "{name}");
        // Over one sort of statement is over no other.
        assert!(policy::Signed::<policy::RosterSeal>::parse(name, &text(name)).is_err());
    }
    assert!(policy::Signed::<policy::RosterSeal>::parse("seal", &text("seal")).unwrap().is_genuine());
}
