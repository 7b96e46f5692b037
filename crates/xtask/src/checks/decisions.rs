//! Decisions are numbered without gaps, named for what they decide, and listed.

use crate::metadata::Metadata;
use crate::tree::Tree;
use crate::violation::Violation;

const FOLDER: &str = "crates/decisions/";
const INDEX: &str = "README.md";

pub(super) fn check(tree: &Tree, _: &Metadata) -> Vec<Violation> {
    let index = tree.text(&format!("{FOLDER}{INDEX}"));
    let names =
        tree.files.iter().filter_map(|file| file.path.strip_prefix(FOLDER)).filter(|name| *name != INDEX);
    let mut found = Vec::new();
    let mut expected = 1;
    for name in names {
        let path = format!("{FOLDER}{name}");
        let Some(number) = number(name) else {
            let what = format!("`{name}` is not named NNNN-title.md");
            found.push(Violation::new(
                &path,
                1,
                what,
                "four digits, a hyphen, a title of lower-case words and hyphens",
            ));
            continue;
        };
        if number != expected {
            let what = format!("decision {number:04} follows on {:04}", expected - 1);
            found.push(Violation::new(
                &path,
                1,
                what,
                format!("number it {expected:04}; none is left out or used twice"),
            ));
        }
        expected = number + 1;
        if !index.is_some_and(|text| text.contains(&format!("({name})"))) {
            found.push(Violation::new(
                &path,
                1,
                "the index does not list it",
                format!("link it in {FOLDER}{INDEX}"),
            ));
        }
    }
    found
}

fn number(name: &str) -> Option<u32> {
    let (digits, title) = name.strip_suffix(".md")?.split_once('-')?;
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = digits.len() == 4 && !title.is_empty() && title.chars().all(lower);
    fits.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_index_are_held() {
        let tree = Tree::of(&[
            ("crates/decisions/0001-one.md", ""),
            ("crates/decisions/0003-three.md", ""),
            ("crates/decisions/4-four.md", ""),
            ("crates/decisions/README.md", "[one](0001-one.md)"),
        ]);
        let found: Vec<String> = check(&tree, &Metadata::of(&[])).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("decision 0003 follows on 0001; number it 0002"));
        assert!(found[1].contains("0003-three.md:1: the index does not list it"));
        assert!(found[2].contains("`4-four.md` is not named NNNN-title.md"));
    }
}
