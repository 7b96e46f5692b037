//! The fuzz target over its seeds, and over each seed with any byte changed or cut short, as an ordinary test.

use std::path::Path;

#[path = "../../fuzz/entries.rs"]
mod entries;

#[test]
fn whatever_a_client_claims_to_have_kept_is_read_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/kept");
    let mut seeds = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(entry.unwrap().path()).unwrap();
        entries::kept(&seed);
        for at in 0..seed.len() {
            entries::kept(&seed[..at]);
            for byte in [b'"', b'}', b'9', seed[at] ^ 1, 0xff] {
                let mut changed = seed.clone();
                changed[at] = byte;
                entries::kept(&changed);
            }
        }
        seeds += 1;
    }
    assert!(seeds >= 7);
}
