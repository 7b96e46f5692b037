//! Where `unsafe` may be. That each block argues its safety is clippy's to hold (`undocumented_unsafe_blocks`).

use crate::metadata::Metadata;
use crate::scan::{has_word, mask};
use crate::tree::Tree;
use crate::violation::Violation;

const MAY: &[&str] = &["kernels", "weights", "hardening"];
const FORBID: &str = "#![forbid(unsafe_code)]";

/// The keyword itself, in code: not in comments, strings or longer names.
pub(super) fn keyword(tree: &Tree, _: &Metadata) -> Vec<Violation> {
    let outside = |folder: Option<&str>| !folder.is_some_and(|folder| MAY.contains(&folder));
    let files = tree.files.iter().filter(|file| file.is_rust() && outside(file.crate_folder()));
    files
        .flat_map(|file| {
            let masked = mask(file.text.as_deref().unwrap_or_default());
            let lines: Vec<usize> = masked
                .lines()
                .enumerate()
                .filter(|(_, line)| has_word(line, "unsafe"))
                .map(|(index, _)| index + 1)
                .collect();
            lines.into_iter().map(|line| {
                let remedy =
                    format!("write it safely, or put the call behind a safe function of {}", MAY.join(", "));
                Violation::new(&file.path, line, "`unsafe` outside its rooms", remedy)
            })
        })
        .collect()
}

/// The compiler's own guard, in the root of every library and program that may do without.
pub(super) fn forbidden(tree: &Tree, metadata: &Metadata) -> Vec<Violation> {
    let packages = metadata.members().filter(|package| !MAY.contains(&package.name.as_str()));
    let targets = packages.flat_map(|package| &package.targets);
    let shipped =
        targets.filter(|target| target.kind.iter().any(|kind| kind.contains("lib") || kind == "bin"));
    shipped
        .map(|target| metadata.relative(&target.src_path))
        .filter(|path| !tree.text(path).is_some_and(|text| mask(text).contains(FORBID)))
        .map(|path| {
            Violation::new(&path, 1, format!("`{FORBID}` is missing"), "add it under the documentation")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyword_outside_its_rooms_is_found() {
        let tree = Tree::of(&[
            (
                "crates/policy/src/lib.rs",
                "// unsafe\n#![forbid(unsafe_code)]\nlet s = \"unsafe\";\nunsafe { f() }\n",
            ),
            ("crates/policy/tests/x.rs", "#[unsafe(no_mangle)]\n"),
            ("crates/kernels/src/lib.rs", "unsafe { f() }\n"),
            ("tests/end.rs", "unsafe fn f() {}\n"),
        ]);
        let found: Vec<String> = keyword(&tree, &Metadata::of(&[])).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[0].starts_with("crates/policy/src/lib.rs:4: `unsafe` outside its rooms; write it safely")
        );
        assert!(found[1].starts_with("crates/policy/tests/x.rs:1:"));
        assert!(found[2].starts_with("tests/end.rs:1:"));
    }

    #[test]
    fn a_missing_guard_is_found() {
        let tree = Tree::of(&[
            ("crates/policy/src/lib.rs", "// #![forbid(unsafe_code)]\n"),
            ("crates/redact/src/lib.rs", "#![forbid(unsafe_code)]\n"),
            ("crates/kernels/src/lib.rs", ""),
        ]);
        let metadata =
            Metadata::of(&[("policy", &[]), ("redact", &[]), ("kernels", &[]), ("proeftuin", &[])]);
        let found: Vec<String> =
            forbidden(&tree, &metadata).into_iter().map(|violation| violation.path).collect();
        assert_eq!(found, ["crates/policy/src/lib.rs", "src/main.rs"]);
    }
}
