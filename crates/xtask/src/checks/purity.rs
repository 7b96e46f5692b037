//! Rooms that are given everything: no file, no network, no clock, no environment.
//!
//! It looks for the names by which std is usually reached. A determined author gets around it; nobody does so by accident.

use crate::metadata::Metadata;
use crate::scan::{has_word, mask};
use crate::tree::{File, Tree};
use crate::violation::Violation;

const PURE: &[&str] = &["evidence", "identity", "policy", "redact"];

const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
];

pub(super) fn check(tree: &Tree, _: &Metadata) -> Vec<Violation> {
    tree.files.iter().filter(|file| is_pure_source(file)).flat_map(scan).collect()
}

fn is_pure_source(file: &File) -> bool {
    let pure = file.crate_folder().filter(|folder| PURE.contains(folder));
    pure.is_some_and(|folder| file.path.starts_with(&format!("crates/{folder}/src/")))
        && file.is_rust()
        && !file.path.ends_with("tests.rs")
        && !file.path.contains("/tests/")
}

/// The test module at the end of a file may read its examples.
fn scan(file: &File) -> Vec<Violation> {
    let masked = mask(file.text.as_deref().unwrap_or_default());
    let code = masked.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).enumerate();
    code.flat_map(|(index, line)| {
        let impure = IMPURE.iter().filter(move |name| has_word(line, name));
        impure.map(move |name| {
            let what = format!("`{name}` in a crate that does no I/O and reads no clock");
            Violation::new(&file.path, index + 1, what, "take the value as an argument; the caller reads it")
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_in_policy_is_found() {
        let tree = Tree::of(&[
            (
                "crates/policy/src/window.rs",
                "// Instant\nlet now = std::time::Instant::now();\n#[cfg(test)]\nuse std::fs;",
            ),
            ("crates/redact/src/lib.rs", "use std::fs::File;"),
            ("crates/ledger/src/lib.rs", "use std::fs::File;"),
            ("crates/redact/src/tests.rs", "use std::fs::File;"),
        ]);
        let found: Vec<String> = check(&tree, &Metadata::of(&[])).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("crates/policy/src/window.rs:2: `Instant`"));
        assert!(found[1].starts_with("crates/redact/src/lib.rs:1: `std::fs`"));
    }
}
