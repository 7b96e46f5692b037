//! One byte changed anywhere is refused or reported, by name.

use std::path::{Path, PathBuf};

use crate::harness::{MODEL, Place, checkout};

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// The pinned file's hash, from the repository's own `models.toml`.
fn pinned() -> String {
    let manifest = std::fs::read_to_string(checkout().join("models.toml")).unwrap();
    let (_, rest) = manifest.split_once("sha256 = \"").unwrap();
    rest[..64].to_owned()
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn model_file(store: &Path) -> PathBuf {
    let files = files_below(store);
    files.into_iter().find(|path| path.extension().is_some_and(|end| end == "gguf")).expect("the model")
}

/// 64 hexadecimal digits, as hashes are printed.
fn hashes(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_hexdigit());
    words.filter(|word| word.len() == 64).collect()
}

/// `serve` and `models verify` both refuse, and each prints the pinned hash and the one found.
#[track_caller]
fn both_hashes_are_said(place: &Place, pinned: &str) {
    let verify = place.run(&["models", "verify"]);
    assert_eq!(verify.code, 1, "{verify:?}");
    assert!(verify.out.contains("REFUSED"), "{}", verify.out);
    let serve = place.run(&["serve", "--listen", "127.0.0.1:0"]).refused();
    for said in [&verify.out, &serve] {
        let hashes = hashes(said);
        assert!(hashes.contains(&pinned), "the pinned hash is not in {said}");
        assert!(hashes.iter().any(|hash| *hash != pinned), "the hash that was found is not in {said}");
        assert!(said.contains(MODEL), "{said}");
    }
}

#[test]
fn a_flipped_byte_in_the_model_is_refused_with_both_hashes() {
    let Some(whole) = Place::new() else { return };
    let from = model_file(whole.store());
    let place = Place::without_model();
    let copy = place.store().join(from.strip_prefix(whole.store()).unwrap());
    std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
    std::fs::copy(&from, &copy).unwrap();
    // In the middle of the weights: no parser would notice.
    flip(&copy, 50_000_000);
    both_hashes_are_said(&place, &pinned());
    let leaves = place.leaves();
    assert!(leaves.of("model_loaded").is_empty(), "the log says it was loaded");
}

#[test]
fn a_changed_hash_in_models_toml_refuses_the_model_with_both_hashes() {
    let Some(mut place) = Place::new() else { return };
    let pinned = pinned();
    let digit = if pinned.starts_with('0') { "1" } else { "0" };
    let changed = format!("{digit}{}", &pinned[1..]);
    let manifest =
        std::fs::read_to_string(checkout().join("models.toml")).unwrap().replace(&pinned, &changed);
    let path = place.root().join("models.toml");
    std::fs::write(&path, manifest).unwrap();
    place.models = Some(path);
    both_hashes_are_said(&place, &changed);
}

#[test]
fn a_flipped_byte_in_the_log_is_reported_by_name() {
    let place = Place::without_model();
    for _ in 0..3 {
        place.key("pilot-test");
    }
    place.run(&["log", "verify"]).ok();
    let public = place.log().join("public");
    let mut flipped = 0;
    for path in files_below(&public).into_iter().chain([place.log().join("journal")]) {
        let bytes = std::fs::read(&path).unwrap();
        // Its last whole word is signed, hashed or both, whatever the file.
        flip(&path, bytes.len() / 2);
        let said = place.run(&["log", "verify"]).refused();
        let name = path.strip_prefix(&public).ok().map_or("journal", |name| name.to_str().unwrap());
        assert!(said.contains(name), "{name} is not named: {said}");
        std::fs::write(&path, bytes).unwrap();
        flipped += 1;
    }
    assert!(flipped >= 4, "journal, checkpoint, a hash tile and an entry bundle");
    place.run(&["log", "verify"]).ok();
}

#[test]
fn a_damaged_journal_is_not_written_on() {
    let place = Place::without_model();
    for _ in 0..3 {
        place.key("pilot-test");
    }
    let journal = place.log().join("journal");
    let bytes = std::fs::read(&journal).unwrap();
    flip(&journal, bytes.len() / 2);
    let said = place.run(&["keys", "list"]).refused();
    assert!(said.contains("journal"), "{said}");
    std::fs::write(&journal, &bytes).unwrap();
    place.run(&["keys", "list"]).ok();
}
