//! What may be linked into a program that is given away under the EUPL-1.2; crates/decisions/0001 has the reasons.

use super::manifest_line;
use crate::metadata::{Metadata, Package};
use crate::spdx;
use crate::tree::Tree;
use crate::violation::Violation;

/// Permissive licences, and MPL-2.0, whose copyleft ends at the file. Names as in the SPDX list.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Zlib",
];

/// Licences allowed to one crate alone, with the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("clipboard-win", "BSL-1.0", "rustyline asks for it on Windows alone, where this program is not built"),
    ("error-code", "BSL-1.0", "clipboard-win asks for it, on Windows alone"),
];

pub(super) fn check(tree: &Tree, metadata: &Metadata) -> Vec<Violation> {
    metadata.foreign().filter_map(|package| judge(tree, package)).collect()
}

fn judge(tree: &Tree, package: &Package) -> Option<Violation> {
    let excepted = |licence: &str| {
        EXCEPTIONS.iter().any(|(name, granted, _)| *name == package.name && *granted == licence)
    };
    let allowed = |licence: &str| ALLOWED.contains(&licence) || excepted(licence);
    let who = format!("{} {}", package.name, package.version);
    let what = match package.license.as_deref() {
        None => format!("{who} states no licence"),
        Some(expression) => match spdx::satisfied(expression, &allowed) {
            Ok(true) => return None,
            Ok(false) => format!("{who} is under `{expression}`, which is not on the list"),
            Err(error) => format!("the licence of {who}, `{expression}`, cannot be read: {error}"),
        },
    };
    let line =
        lock_line(tree, &package.name).unwrap_or_else(|| manifest_line(tree, "Cargo.toml", &package.name));
    let remedy = format!(
        "drop it (`cargo tree --invert {}` says who asks), or argue for the licence in crates/decisions/0001-licence-eupl.md and add it to crates/xtask/src/checks/licences.rs",
        package.name
    );
    Some(Violation::new("Cargo.lock", line, what, remedy))
}

fn lock_line(tree: &Tree, name: &str) -> Option<usize> {
    let wanted = format!("name = \"{name}\"");
    tree.file("Cargo.lock")?.lines().find(|(_, line)| *line == wanted).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(licence: Option<&str>, name: &str) -> Vec<String> {
        let metadata = Metadata::of(&[("policy", &[])]).with_foreign(name, licence);
        let tree = Tree::of(&[("Cargo.lock", "[[package]]\nname = \"left\"\n")]);
        check(&tree, &metadata).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn allowed_licences_pass() {
        for licence in [
            "MIT OR Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "GPL-3.0-only OR ISC",
            "Unlicense/MIT",
        ] {
            assert_eq!(found(Some(licence), "left"), Vec::<String>::new(), "{licence}");
        }
    }

    #[test]
    fn others_are_found_by_crate_and_line() {
        let lines = found(Some("GPL-3.0-only"), "left");
        assert!(lines[0].starts_with("Cargo.lock:2: left 1.0.0 is under `GPL-3.0-only`"), "{lines:?}");
        assert_eq!(found(Some("MIT AND SSPL-1.0"), "left").len(), 1);
        assert!(found(None, "left")[0].contains("states no licence"));
        assert!(found(Some("MIT OR"), "left")[0].contains("cannot be read"));
    }

    #[test]
    fn an_exception_is_for_one_crate() {
        assert_eq!(found(Some("BSL-1.0"), "clipboard-win").len(), 0);
        assert_eq!(found(Some("BSL-1.0"), "left").len(), 1);
    }
}
