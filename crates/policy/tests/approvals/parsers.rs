//! The fuzz targets over their seeds and over mutated seeds, as ordinary tests.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/entries.rs"]
mod entries;
#[test]
fn signature() {
    testkit::seeds::run(env!("CARGO_MANIFEST_DIR"), "signature", 512, entries::signature);
}

#[test]
fn roster() {
    testkit::seeds::run(env!("CARGO_MANIFEST_DIR"), "roster", 48, entries::roster);
}

#[test]
fn fuzz_guidance() {
    testkit::seeds::run(env!("CARGO_MANIFEST_DIR"), "guidance", 24, entries::guidance);
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
