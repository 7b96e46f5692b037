//! A file is read in one sitting. That a function fits a screen is clippy's to hold (`too_many_lines`, 70).

use crate::metadata::Metadata;
use crate::tree::Tree;
use crate::violation::Violation;

const LINES_MAX: usize = 500;

pub(super) fn check(tree: &Tree, _: &Metadata) -> Vec<Violation> {
    let rust = tree.files.iter().filter(|file| file.is_rust());
    rust.map(|file| (file, file.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(file, lines)| {
            let what = format!("{lines} lines, more than {LINES_MAX}");
            Violation::new(
                &file.path,
                LINES_MAX + 1,
                what,
                "it holds two things; give the second its own file",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found() {
        let (fits, long) = ("x\n".repeat(500), "x\n".repeat(501));
        let tree = Tree::of(&[("a.rs", &fits), ("b.rs", &long), ("c.md", &long)]);
        let found = check(&tree, &Metadata::of(&[]));
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().starts_with("b.rs:501: 501 lines, more than 500"));
    }
}
