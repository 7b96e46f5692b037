//! Words that are not left behind: stand-ins for code, and paths of somebody's machine.

use crate::metadata::Metadata;
use crate::tree::Tree;
use crate::violation::Violation;

/// Written in two parts, so that this file does not hold them.
const STAND_INS: &[&str] = &[concat!("to", "do!"), concat!("unimpl", "emented!")];
const MACHINE_FOLDERS: &[&str] = &[concat!("/", "work"), concat!("/", "root"), concat!("/", "home")];

pub(super) fn check(tree: &Tree, _: &Metadata) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in &tree.files {
        for (number, line) in file.lines() {
            for word in STAND_INS.iter().filter(|word| line.contains(**word)) {
                found.push(Violation::new(
                    &file.path,
                    number,
                    format!("`{word}` stands for work not done"),
                    "do it, or take the path to it away",
                ));
            }
            for folder in MACHINE_FOLDERS.iter().filter(|folder| names_folder(line, folder)) {
                let what = format!("`{folder}` is a path of one machine");
                found.push(Violation::new(
                    &file.path,
                    number,
                    what,
                    "make it relative, or take it from the environment",
                ));
            }
        }
    }
    found
}

/// The folder as an absolute path: nothing of a longer path before it, and a whole name.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(start, _)| {
        let before = line.get(..start).and_then(|text| text.chars().next_back());
        let after = line.get(start + folder.len()..).and_then(|text| text.chars().next());
        let continues = |c: char| c.is_alphanumeric() || "_-.".contains(c);
        let inside = |c: char| continues(c) || "/}~*)>".contains(c);
        !before.is_some_and(inside) && !after.is_some_and(continues)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_left_behind_are_found() {
        let text = format!(
            "fn f() {{ {}() }}\nlet p = \"{}/x\";\nhttps://example.nl{}/x net{}ers a{} {}-page\n{}\n",
            STAND_INS[0],
            MACHINE_FOLDERS[0],
            MACHINE_FOLDERS[2],
            MACHINE_FOLDERS[0],
            MACHINE_FOLDERS[2],
            MACHINE_FOLDERS[2],
            STAND_INS[1],
        );
        let tree = Tree::of(&[("a.rs", &text)]);
        let found = check(&tree, &Metadata::of(&[]));
        let lines: Vec<usize> = found.iter().map(|violation| violation.line).collect();
        assert_eq!(lines, [1, 2, 4], "{found:?}");
        assert!(found[1].to_string().contains("is a path of one machine; make it relative"));
    }
}
