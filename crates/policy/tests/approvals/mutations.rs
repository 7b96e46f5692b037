//! No change of the folder, at random, lets something run that was not signed.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

#[derive(Debug, Clone)]
enum Mutation {
    Replace(Index, Index, char),
    Delete(Index, Index, usize),
    Insert(Index, Index, char),
    Remove(Index),
    Swap(Index, Index),
    /// Takes over a line of another file.
    Graft(Index, Index, Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    let letter = prop::sample::select("0123456789abcdef\"{}[]=,:\n -".chars().collect::<Vec<_>>());
    prop_oneof![
        4 => (at(), at(), letter.clone()).prop_map(|(f, a, c)| Mutation::Replace(f, a, c)),
        2 => (at(), at(), 1usize..40).prop_map(|(f, a, n)| Mutation::Delete(f, a, n)),
        2 => (at(), at(), letter).prop_map(|(f, a, c)| Mutation::Insert(f, a, c)),
        1 => at().prop_map(Mutation::Remove),
        1 => (at(), at()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        1 => (at(), at(), at()).prop_map(|(a, b, l)| Mutation::Graft(a, b, l)),
    ]
}

/// Files that matter; tests, prose and the demo are left out so that most mutations hit something.
fn paths(folder: &Folder) -> Vec<String> {
    let idle =
        |path: &str| path.starts_with("tests/") || path.ends_with(".md") || path.ends_with("demo.toml");
    folder.keys().filter(|path| !idle(path)).cloned().collect()
}

fn apply(folder: &mut Folder, mutation: &Mutation) {
    let paths = paths(folder);
    if paths.is_empty() {
        return;
    }
    let path = |index: &Index| paths[index.index(paths.len())].clone();
    let edit = |folder: &mut Folder, file: &Index, change: &dyn Fn(&mut Vec<char>)| {
        let mut text: Vec<char> = folder[&path(file)].chars().collect();
        if !text.is_empty() {
            change(&mut text);
        }
        folder.insert(path(file), text.into_iter().collect());
    };
    match mutation {
        Mutation::Replace(file, at, c) => edit(folder, file, &|text| {
            let at = at.index(text.len());
            text[at] = *c;
        }),
        Mutation::Delete(file, at, count) => edit(folder, file, &|text| {
            let at = at.index(text.len());
            text.drain(at..(at + count).min(text.len()));
        }),
        Mutation::Insert(file, at, c) => edit(folder, file, &|text| text.insert(at.index(text.len()), *c)),
        Mutation::Remove(file) => drop(folder.remove(&path(file))),
        Mutation::Swap(one, other) => {
            let (first, second) = (folder[&path(one)].clone(), folder[&path(other)].clone());
            folder.insert(path(one), second);
            folder.insert(path(other), first);
        }
        Mutation::Graft(one, other, line) => {
            let lines: Vec<&str> = folder[&path(other)].lines().collect();
            let grafted = lines.get(line.index(lines.len().max(1))).copied().unwrap_or_default();
            let text = format!("{}\n{grafted}\n", folder[&path(one)]);
            folder.insert(path(one), text);
        }
    }
}

fn statements(folder: &Folder) -> Option<Vec<Statement>> {
    Some(Dossier::open(&files(folder), "letters").ok()?.statements().cloned().collect())
}

/// A folder with two decisions, a condition that was signed off, and one that is checked; a supplier runs it under contract.
fn rich() -> Folder {
    let s = signers();
    let mut folder = unsigned("accepted");
    folder.insert(RECORD.into(), letters::supplied(&record("letters", "accepted")));
    folder.insert(letters::CONTRACT.into(), letters::CONTRACT_TEXT.into());
    s.sign_all(&mut folder);
    let conditions = [("train", None), ("keys", Some(Check::KeysExpire))];
    s.advise(&mut folder, "letters", Role::Fg, advice(Outcome::Conditional, &conditions));
    s.advise(&mut folder, "letters", Role::Cio, advice(Outcome::Negative, &[]));
    s.decide(&mut folder, "letters", Status::Accepted, &[("cio", "It was met.")]);
    let dossier = Dossier::open(&files(&folder), "letters").unwrap();
    folder.extend([dossier.fulfil(Role::Fg, "train", s.term, &s.fg).unwrap()]);
    folder
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn nothing_runs_that_was_not_signed(mutations in proptest::collection::vec(mutation(), 1..4)) {
        let original = rich();
        let mut folder = original.clone();
        mutations.iter().for_each(|mutation| apply(&mut folder, mutation));
        let Ok(read) = PolicyFiles::from_entries(folder.clone()) else { return Ok(()) };
        let Ok(set) = PolicySet::load_trusting(&read, Some(&signers().trust_root())) else { return Ok(()) };
        let mut request = request();
        request.entry.principal.expires_ms = Some(NOW_MS + 1);
        if !set.clear(&request).is_permit() && !set.enter(&request.entry).is_permit() {
            return Ok(());
        }
        // What runs is what was signed: judged here by comparing with the original, not by the code under test.
        prop_assert_eq!(read.rules_digest(), files(&original).rules_digest());
        prop_assert_eq!(&folder["roster.toml"], &original["roster.toml"]);
        prop_assert_eq!(&folder["redaction/default.toml"], &original["redaction/default.toml"]);
        prop_assert_eq!(&folder[letters::CONTRACT], letters::CONTRACT_TEXT);
        prop_assert_eq!(statements(&folder), statements(&original));
        let value = |folder: &Folder| toml::from_str::<toml::Table>(&folder[RECORD]).unwrap();
        prop_assert_eq!(value(&folder), value(&original));
        prop_assert!(set.approvals("letters").unwrap().findings.is_empty());
    }
}

/// The base of the property runs, so that it says something; and a mutation that changes nothing signed does not stop it.
#[test]
fn the_unchanged_folder_runs() {
    let mut request = request();
    request.entry.principal.expires_ms = Some(NOW_MS + 1);
    let mut folder = rich();
    assert_eq!(headline(&decide(&load(&folder), &request)), "permit");
    folder.get_mut(RECORD).unwrap().push_str("# a remark\n");
    assert_eq!(headline(&decide(&load(&folder), &request)), "permit");
}
