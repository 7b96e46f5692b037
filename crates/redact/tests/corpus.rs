//! The fuzz entry over its seed corpus, and over mutated seeds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed expectation is the finding"
)]

mod entry;

use proptest::prelude::*;

/// One of the entries.
type Entry = fn(&[u8]);

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|p| std::fs::read(p).unwrap()).collect()
}

#[test]
fn the_seeds_pass() {
    let targets: [(&str, Entry); 3] =
        [("redact", entry::run), ("json", entry::json), ("stream", entry::stream)];
    for (target, run) in targets {
        let seeds = seeds(target);
        assert!(seeds.len() >= 3, "{target}");
        seeds.iter().for_each(|seed| run(seed));
    }
}

#[test]
fn the_seeds_of_profiles_and_csv_pass() {
    for (target, run) in [("profile", entry::profile as Entry), ("csv", entry::csv)] {
        let seeds = seeds(target);
        assert!(seeds.len() >= 3, "{target}");
        for seed in &seeds {
            run(seed);
            // Cut off anywhere, it is refused or read, and never a fault.
            (0..seed.len()).step_by(7).for_each(|end| run(&seed[..end]));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn mutated_seeds_pass(
        which in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 0..12),
    ) {
        let seeds: Vec<Vec<u8>> = ["redact", "json", "stream"].into_iter().flat_map(seeds).collect();
        let mut data = which.get(seeds.as_slice()).clone();
        for (at, byte, what) in edits {
            let at = at.index(data.len() + 1);
            match what {
                0 => data.insert(at, byte),
                1 if at < data.len() => { data.remove(at); }
                2 if at < data.len() => data[at] = byte,
                _ => { data.truncate(at); data.extend_from_slice(other.get(seeds.as_slice()).as_slice()); }
            }
        }
        entry::run(&data);
    }
}
