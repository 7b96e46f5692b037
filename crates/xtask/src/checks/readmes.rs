//! Each crate has one screen of explanation, which is also its page in rustdoc; the root tells the test command.

use crate::markdown::is_fence;
use crate::metadata::Metadata;
use crate::tree::Tree;
use crate::violation::Violation;

const LINES_MAX: usize = 60;
const INCLUDE: &str = "#![doc = include_str!(\"../README.md\")]";
const ROOT_PACKAGE: &str = "proeftuin";
const MARKER: &str = "<!-- test-command -->";

pub(super) fn crates(tree: &Tree, metadata: &Metadata) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in metadata.members().filter(|package| package.name != ROOT_PACKAGE) {
        let manifest = metadata.relative(&package.manifest_path);
        let folder = manifest.trim_end_matches("Cargo.toml");
        let (readme, library) = (format!("{folder}README.md"), format!("{folder}src/lib.rs"));
        match tree.file(&readme).map(|file| file.lines().count()) {
            None => found.push(Violation::new(
                &readme,
                1,
                "the crate has no README.md",
                "say in one screen what it is, its invariants and what is elsewhere",
            )),
            Some(lines) if lines > LINES_MAX => {
                let what = format!("{lines} lines, more than {LINES_MAX}");
                found.push(Violation::new(
                    &readme,
                    LINES_MAX + 1,
                    what,
                    "keep it to one screen; details belong to the items",
                ));
            }
            Some(_) => {}
        }
        if !tree.text(&library).is_some_and(|text| text.lines().any(|line| line == INCLUDE)) {
            found.push(Violation::new(
                &library,
                1,
                "the README is not the page of the crate",
                format!("begin with `{INCLUDE}`"),
            ));
        }
    }
    found
}

/// `.ci/run` takes the test command from here: the marker on a line of its own, then a fence that holds the command.
pub(super) fn root(tree: &Tree, metadata: &Metadata) -> Vec<Violation> {
    let remedy = format!("write `{MARKER}` on a line of its own, and the command fenced right under it");
    if !metadata.is_member(ROOT_PACKAGE) {
        return Vec::new();
    }
    let Some(text) = tree.text("README.md") else {
        return vec![Violation::new("README.md", 1, "the project has no README.md", remedy)];
    };
    let lines: Vec<&str> = text.lines().collect();
    let marked: Vec<usize> =
        (0..lines.len()).filter(|at| lines.get(*at).is_some_and(|line| line.trim() == MARKER)).collect();
    let [marker] = marked.as_slice() else {
        let what = format!("{} test command markers, one is needed", marked.len());
        return vec![Violation::new("README.md", marked.get(1).map_or(1, |at| at + 1), what, remedy)];
    };
    let fenced = match lines.get(marker + 1..) {
        Some([fence, command, end, ..]) => {
            is_fence(fence) && !command.trim().is_empty() && !is_fence(command) && is_fence(end)
        }
        _ => false,
    };
    if fenced {
        Vec::new()
    } else {
        vec![Violation::new("README.md", marker + 1, "no fence with one command follows the marker", remedy)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_long_pages_are_found() {
        let long = "x\n".repeat(61);
        let tree = Tree::of(&[
            ("crates/policy/README.md", "# policy"),
            ("crates/policy/src/lib.rs", "#![doc = include_str!(\"../README.md\")]\n"),
            ("crates/redact/README.md", &long),
            ("crates/redact/src/lib.rs", "//! redact\n"),
        ]);
        let metadata = Metadata::of(&[("policy", &[]), ("redact", &[]), ("ledger", &[])]);
        let found: Vec<String> = crates(&tree, &metadata).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].starts_with("crates/redact/README.md:61: 61 lines, more than 60"));
        assert!(found[1].starts_with("crates/redact/src/lib.rs:1: the README is not the page of the crate"));
        assert!(found[2].starts_with("crates/ledger/README.md:1: the crate has no README.md"));
        assert!(found[3].starts_with("crates/ledger/src/lib.rs:1:"));
    }

    #[test]
    fn the_test_command_is_demanded() {
        let metadata = Metadata::of(&[("proeftuin", &[])]);
        let found = |text: &str| root(&Tree::of(&[("README.md", text)]), &metadata);
        assert_eq!(found("<!-- test-command -->\n```sh\ncargo test\n```\n"), Vec::new());
        assert_eq!(found("a\n<!-- test-command -->\n\n```sh\ncargo test\n```\n")[0].line, 2);
        assert!(found("# x")[0].what.contains("0 test command markers"));
        assert!(found("<!-- test-command -->\n```\n```\n")[0].what.contains("no fence"));
        assert!(root(&Tree::of(&[]), &metadata)[0].what.contains("no README.md"));
    }
}
