//! `crates/README.md` is the map: it names every crate, and what it names exists.

use crate::markdown::{code_spans, prose};
use crate::metadata::Metadata;
use crate::tree::Tree;
use crate::violation::Violation;

const MAP: &str = "crates/README.md";
const LINES_MAX: usize = 300;

pub(super) fn check(tree: &Tree, metadata: &Metadata) -> Vec<Violation> {
    let Some(file) = tree.file(MAP) else {
        return vec![Violation::new(
            MAP,
            1,
            "there is no map",
            "write the path, the rooms and the arrows down",
        )];
    };
    let mut found = Vec::new();
    let lines = file.lines().count();
    if lines > LINES_MAX {
        let what = format!("{lines} lines, more than {LINES_MAX}");
        found.push(Violation::new(
            MAP,
            LINES_MAX + 1,
            what,
            "a map shows the way; move the rest to the crate's README",
        ));
    }
    let named: Vec<(usize, &str)> = prose(file.text.as_deref().unwrap_or_default())
        .flat_map(|(line, text)| code_spans(text).map(move |span| (line, span)))
        .collect();
    for package in metadata.members() {
        let manifest = metadata.relative(&package.manifest_path);
        let Some(folder) = manifest.strip_prefix("crates/").and_then(|path| path.strip_suffix("Cargo.toml"))
        else {
            continue;
        };
        if !named.iter().any(|(_, span)| *span == folder) {
            found.push(Violation::new(
                MAP,
                1,
                format!("crate folder `{folder}` is not on the map"),
                "give it a line that says what it holds",
            ));
        }
    }
    let paths = named.iter().filter(|(_, span)| is_path(span));
    let dead = paths.filter(|(_, span)| !exists(tree, &format!("crates/{span}")) && !exists(tree, span));
    found.extend(dead.map(|(line, span)| {
        Violation::new(
            MAP,
            *line,
            format!("`{span}` does not exist, in crates/ or at the root"),
            "correct the name",
        )
    }));
    found
}

/// A relative path of a folder (`kernels/`) or of a file in one (`gateway/src/lib.rs`); not a pattern, not a URL.
fn is_path(span: &str) -> bool {
    let plain = span.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let file = [".rs", ".md", ".toml"].iter().any(|end| span.ends_with(end));
    plain && !span.starts_with(['/', '.']) && (span.ends_with('/') || (span.contains('/') && file))
}

fn exists(tree: &Tree, path: &str) -> bool {
    if path.ends_with('/') { tree.has_folder(path) } else { tree.file(path).is_some() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(map: &str) -> Vec<String> {
        let tree = Tree::of(&[(MAP, map), ("crates/policy/src/lib.rs", ""), ("tests/end.rs", "")]);
        let metadata = Metadata::of(&[("policy", &[]), ("proeftuin", &[])]);
        check(&tree, &metadata).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_true_map_passes() {
        assert_eq!(
            found("`policy/`, `policy/src/lib.rs`, `tests/`, `/v1/`, `a/*.rs`, `policy`"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_is_missing_or_invented_is_found() {
        let lines = found("the `utils/` folder\nand `policy/src/main.rs`");
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].contains("crate folder `policy/` is not on the map"));
        assert!(lines[1].starts_with("crates/README.md:1: `utils/` does not exist"));
        assert!(lines[2].starts_with("crates/README.md:2: `policy/src/main.rs` does not exist"));
        assert!(found(&format!("`policy/`{}", "\n".repeat(301)))[0].contains("more than 300"));
        assert!(check(&Tree::of(&[]), &Metadata::of(&[]))[0].what.contains("no map"));
    }
}
