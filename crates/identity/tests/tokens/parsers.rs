//! The fuzz targets over their seeds and over mutated seeds, as ordinary tests.

#[path = "../../fuzz/entries.rs"]
mod entries;

#[test]
fn token() {
    testkit::seeds::run(env!("CARGO_MANIFEST_DIR"), "token", 512, entries::token);
}

#[test]
fn jwks() {
    testkit::seeds::run(env!("CARGO_MANIFEST_DIR"), "jwks", 512, entries::jwks);
}

#[test]
fn config() {
    testkit::seeds::run(env!("CARGO_MANIFEST_DIR"), "config", 512, entries::config);
}
