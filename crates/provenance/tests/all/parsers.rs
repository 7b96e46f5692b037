//! The fuzz targets over their seeds and over mutated seeds, as ordinary tests.

use std::{fs, path::Path};

use proptest::{prelude::*, test_runner::TestRunner};
use provenance::checkpoint::InclusionProof;

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

/// Runs the seeds, then seeds with bytes changed, a piece cut out, and two of them joined.
fn run(target: &str, entry: fn(&[u8])) {
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| entry(seed));
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let cut = (any::<prop::sample::Index>(), 0usize..64);
    let strategy = (0..seeds.len(), 0..seeds.len(), changes, cut, any::<bool>());
    let mut runner = TestRunner::new(ProptestConfig::with_cases(512));
    runner
        .run(&strategy, |(first, second, changes, (at, len), joined)| {
            let mut bytes = seeds[first].clone();
            if !bytes.is_empty() {
                for (at, byte) in changes {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
                let at = at.index(bytes.len());
                bytes.drain(at..(at + len).min(bytes.len()));
            }
            if joined {
                bytes.extend_from_slice(&seeds[second]);
            }
            entry(&bytes);
            Ok(())
        })
        .unwrap();
}

#[test]
fn journal() {
    run("journal", entries::journal);
}

#[test]
fn note() {
    run("note", entries::note);
}

#[test]
fn tile() {
    run("tile", entries::tile);
}

#[test]
fn leaf() {
    run("leaf", entries::leaf);
}

/// The seeds are good input, so that mutations reach past the first check.
#[test]
fn seeds_are_good_input() {
    use provenance::{journal::Next, journal::Reader, tile::Tile};
    let journals = seeds("journal");
    assert!(journals.iter().any(|s| matches!(Reader::new(s.as_slice()).next_record(), Ok(Next::Record(_)))));
    assert!(seeds("note").iter().any(|s| InclusionProof::parse(&String::from_utf8_lossy(s)).is_ok()));
    assert!(seeds("leaf").iter().all(|s| provenance::Entry::parse(s).is_ok()));
    let path = |s: &Vec<u8>| String::from_utf8_lossy(s).lines().next().and_then(Tile::parse_path).is_some();
    assert!(seeds("tile").iter().all(path));
}

/// Writes the seeds anew from a small log; run by hand when a format changes.
#[test]
#[ignore = "writes into the source tree"]
fn write_seeds() {
    use crate::samples::{block_on, fill, folder, id, intent, leaves, open};
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let dir = folder();
    let (log, _) = open(dir.path());
    drop(block_on(log.admit(intent(id(1)))).unwrap());
    for leaf in leaves() {
        log.append(leaf).unwrap().blocking_wait().unwrap();
    }
    fill(&log, 2);
    log.shutdown();
    let journal = fs::read(dir.path().join("journal")).unwrap();
    fs::write(out.join("journal/small"), &journal).unwrap();
    fs::write(out.join("journal/torn"), &journal[..journal.len() - 9]).unwrap();
    let checkpoint = log.checkpoint();
    let proof = InclusionProof { index: 3, path: vec![[5; 32]; 4], checkpoint: checkpoint.clone() };
    fs::write(out.join("note/proof"), proof.to_text()).unwrap();
    fs::write(out.join("note/text"), checkpoint.split_once("\n\n").unwrap().0.to_owned() + "\n").unwrap();
    fs::write(out.join("note/checkpoint"), checkpoint).unwrap();
    fs::write(out.join("note/key"), log.verifier_key().to_string()).unwrap();
    for (seed, path) in [("hashes", "tile/0/000.p/15"), ("entries", "tile/entries/000.p/15")] {
        let mut bytes = format!("{path}\n").into_bytes();
        bytes.extend(fs::read(dir.path().join("public").join(path)).unwrap());
        fs::write(out.join("tile").join(seed), bytes).unwrap();
    }
    fs::write(out.join("tile/path"), "tile/2/x001/x234/067.p/5\n").unwrap();
    provenance::show(dir.path(), |leaf| {
        let seed = format!("leaf/{:02}-{}", leaf.index, leaf.entry.leaf.event());
        fs::write(out.join(seed), leaf.json).unwrap();
        true
    })
    .unwrap();
}
