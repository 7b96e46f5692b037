//! The policy folder as it stands in the repository: complete, sound, and every decision table holds.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use policy::{EMBEDDED, PolicyFiles, PolicySet};

fn folder() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policy");
    let mut found = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

#[test]
fn what_is_embedded_is_the_folder() {
    let folder = PolicyFiles::from_entries(folder()).unwrap();
    let embedded = PolicyFiles::embedded().unwrap();
    let names = |files: &PolicyFiles| files.iter().map(|(path, _)| path.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(names(&folder), names(&embedded), "EMBEDDED in files.rs must list every file of policy/");
    assert_eq!(folder.digest(), embedded.digest());
    assert_eq!(EMBEDDED.len(), embedded.iter().count());
}

#[test]
fn every_decision_table_holds() {
    let set = PolicySet::load(&PolicyFiles::embedded().unwrap()).unwrap();
    match set.check_tables() {
        Ok(cases) => assert!(cases >= 90, "only {cases} cases"),
        Err(error) => panic!("{error}"),
    }
}

/// A rule that no table ever names could be deleted unnoticed.
#[test]
fn every_rule_decides_a_case() {
    let files = PolicyFiles::embedded().unwrap();
    let set = PolicySet::load(&files).unwrap();
    let tables: String =
        files.iter().filter(|(path, _)| path.starts_with("tests/")).map(|(_, text)| text).collect();
    for (rule, _) in set.rules() {
        assert!(tables.contains(&format!("\"{rule}\"")), "no case in policy/tests expects {rule}");
    }
}

/// Deleting any one rule changes a decision that a table pins: a forbid that is gone lets something through or
/// unnamed, a permit that is gone denies.
#[test]
fn no_rule_can_be_deleted_unnoticed() {
    let files = PolicyFiles::embedded().unwrap();
    let set = PolicySet::load(&files).unwrap();
    for (rule, _) in set.rules() {
        let without: Vec<(String, String)> =
            files.iter().map(|(path, text)| (path.to_owned(), without_rule(text, rule))).collect();
        let without = PolicySet::load(&PolicyFiles::from_entries(without).unwrap()).unwrap();
        assert_eq!(without.rules().count() + 1, set.rules().count(), "{rule}");
        assert!(without.check_tables().is_err(), "without {rule} every table still holds");
    }
}

fn without_rule(text: &str, rule: &str) -> String {
    let Some(begin) = text.find(&format!("@id(\"{rule}\")")) else { return text.to_owned() };
    // A remedy may hold a semicolon; the rule ends at the first one that ends a line.
    let end = begin + text[begin..].find(";\n").unwrap() + 1;
    format!("{}{}", &text[..begin], &text[end..])
}

/// What others learned lies in the folder and counts in its digest, and is never a use case.
#[test]
fn what_is_shared_is_no_use_case() {
    let with = |path: &str| {
        PolicyFiles::from_entries(folder().into_iter().chain([(path.to_owned(), "{}".to_owned())]))
    };
    let files = with("shared/0123.json").unwrap();
    let (set, plain) =
        (PolicySet::load(&files).unwrap(), PolicySet::load(&PolicyFiles::embedded().unwrap()).unwrap());
    let ids = |set: &PolicySet| set.use_cases().map(|case| case.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&set), ids(&plain));
    assert_ne!(set.digest(), plain.digest());
    assert_eq!(files.rules_digest(), PolicyFiles::embedded().unwrap().rules_digest());
    for path in ["shared/a.toml", "shared/a/b.json", "shared/.json"] {
        assert!(with(path).is_err(), "{path}");
    }
}

#[test]
fn the_rules_tell_in_words_whom_they_stop() {
    let set = PolicySet::load(&PolicyFiles::embedded().unwrap()).unwrap();
    let told: Vec<&str> = set.reasons().map(|reason| reason.rule.as_str()).collect();
    let forbidding: Vec<&str> = set.rules().filter(|(_, forbids)| *forbids).map(|(id, _)| id).collect();
    assert_eq!(told, forbidding);
    assert!(set.reasons().all(|reason| !reason.remedy.is_empty() && !reason.remedy_nl.is_empty()));
}
