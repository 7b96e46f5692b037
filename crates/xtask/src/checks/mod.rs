//! One file a rule. Each check is a pure function of the files and the metadata, and reports everything it finds.

mod arrows;
mod decisions;
mod licences;
mod links;
mod map;
mod owners;
mod purity;
mod readmes;
mod sizes;
mod unsafety;
mod words;

use crate::metadata::Metadata;
use crate::tree::Tree;
use crate::violation::Violation;

type Check = fn(&Tree, &Metadata) -> Vec<Violation>;

/// The rules of the house.
pub(crate) const ALL: &[Check] = &[
    arrows::check,
    owners::owned,
    owners::banned,
    licences::check,
    purity::check,
    unsafety::keyword,
    unsafety::forbidden,
    sizes::check,
    readmes::crates,
    readmes::root,
    map::check,
    decisions::check,
    links::check,
    words::check,
];

/// The line of a manifest on which a dependency is named; 1 when it cannot be told.
fn manifest_line(tree: &Tree, manifest: &str, name: &str) -> usize {
    let names_it = |line: &str| {
        let line = line.trim_start_matches(['[', ' ']).trim_start_matches("dependencies.");
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=', ']']))
    };
    let lines = tree.file(manifest).into_iter().flat_map(|file| file.lines());
    lines.filter(|(number, line)| *number > 1 && names_it(line)).map(|(number, _)| number).next().unwrap_or(1)
}
