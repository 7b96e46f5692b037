//! The rules of the house, held over this very checkout.

use std::path::Path;

use xtask::{Reach, tidy};

#[test]
fn the_checkout_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let violations: Vec<String> = tidy(&root, Reach::Host).unwrap().iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}
