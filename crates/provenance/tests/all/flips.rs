//! One changed byte anywhere is found and named.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proptest::{prelude::*, test_runner::TestRunner};
use provenance::{Error, Log, VerifierKey, verify};

use crate::samples::{block_on, fill, folder, id, intent, leaves, open, options};

/// 270 leaves: a full tile and bundle, partial ones, two levels, many small records and one large one.
fn build(dir: &Path) -> VerifierKey {
    let (log, _) = open(dir);
    for leaf in leaves() {
        log.append(leaf).unwrap().blocking_wait().unwrap();
    }
    fill(&log, 255);
    for n in 0..2 {
        drop(block_on(log.admit(intent(id(100 + n)))).unwrap());
    }
    block_on(log.publish()).unwrap();
    log.shutdown();
    log.verifier_key().clone()
}

pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// The error must name the file that was changed.
pub fn names(error: &Error, file: &str) -> bool {
    match error {
        Error::JournalRecord { file: named, .. } => file == named,
        Error::Note { what, .. } => *what == "checkpoint" && file.ends_with("checkpoint"),
        Error::Broken { path, .. } => file.ends_with(path.as_str()),
        _ => false,
    }
}

pub fn flip(file: &Path, at: usize, mask: u8) -> Vec<u8> {
    let before = fs::read(file).unwrap();
    let mut after = before.clone();
    after[at % before.len()] ^= mask;
    fs::write(file, after).unwrap();
    before
}

#[test]
fn one_flipped_byte_is_named() {
    let dir = folder();
    let key = build(dir.path());
    let report = verify(dir.path(), &key, None).unwrap();
    assert!(report.leaves >= 270 && report.tiles >= 3 && report.bundles >= 2);
    let mut candidates = files(&dir.path().join("public"));
    candidates.extend([dir.path().join("journal"), dir.path().join("public/checkpoint")]);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(160));
    let strategy = (0..candidates.len(), any::<usize>(), 1u8..=255);
    runner
        .run(&strategy, |(file, at, mask)| {
            let file = &candidates[file];
            let before = flip(file, at, mask);
            let result = verify(dir.path(), &key, None);
            fs::write(file, before).unwrap();
            let name = file.strip_prefix(dir.path()).unwrap().to_str().unwrap();
            let error = result.expect_err(name);
            prop_assert!(names(&error, name), "{} gave: {}", name, error);
            Ok(())
        })
        .unwrap();
    verify(dir.path(), &key, None).unwrap();
}

/// The checkpoint is small enough for every bit of it.
#[test]
fn one_flipped_bit_of_the_checkpoint_is_named() {
    let dir = folder();
    let (log, _) = open(dir.path());
    fill(&log, 3);
    block_on(log.publish()).unwrap();
    log.shutdown();
    let key = log.verifier_key().clone();
    drop(log);
    let file = dir.path().join("public/checkpoint");
    for at in 0..fs::read(&file).unwrap().len() {
        for bit in 0..8 {
            let before = flip(&file, at, 1 << bit);
            let error = verify(dir.path(), &key, None).map(drop).expect_err("a flipped bit");
            assert!(names(&error, "public/checkpoint"), "byte {at}, bit {bit} gave: {error}");
            fs::write(&file, before).unwrap();
        }
    }
    verify(dir.path(), &key, None).unwrap();
}

/// Without the journal, the signed root decides between a bundle and a tile.
#[test]
fn one_flipped_byte_in_a_static_export_is_named() {
    let dir = folder();
    let key = build(dir.path());
    let public = dir.path().join("public");
    let candidates = files(&public);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(96));
    let strategy = (0..candidates.len(), any::<usize>(), 1u8..=255);
    runner
        .run(&strategy, |(file, at, mask)| {
            let file = &candidates[file];
            let before = flip(file, at, mask);
            let result = verify(&public, &key, None);
            fs::write(file, before).unwrap();
            let name = file.strip_prefix(&public).unwrap().to_str().unwrap();
            let error = result.expect_err(name);
            let in_bundle = name.contains("entries") && error.to_string().contains(name);
            prop_assert!(names(&error, name) || in_bundle, "{} gave: {}", name, error);
            Ok(())
        })
        .unwrap();
}

/// The server refuses to start on any of it, too.
#[test]
fn a_flipped_byte_stops_the_start() {
    let dir = folder();
    build(dir.path());
    for file in ["journal", "public/checkpoint", "public/tile/0/000", "public/tile/entries/000"] {
        let before = flip(&dir.path().join(file), 77, 4);
        let error = Log::open(dir.path(), options()).map(drop).unwrap_err();
        assert!(names(&error, file), "{file} gave: {error}");
        fs::write(dir.path().join(file), before).unwrap();
    }
    drop(open(dir.path()));
}

#[test]
fn missing_and_foreign_files_are_named() {
    let dir = folder();
    let key = build(dir.path());
    let tile = dir.path().join("public/tile/0/000");
    let bytes = fs::read(&tile).unwrap();
    fs::remove_file(&tile).unwrap();
    let error = verify(dir.path(), &key, None).unwrap_err();
    assert!(matches!(&error, Error::Missing { path } if path == "tile/0/000"), "{error}");
    fs::write(&tile, bytes).unwrap();
    for foreign in ["tile/0/007", "tile/entries/001.p/200", "tile/9/000", "notes.txt"] {
        let path = dir.path().join("public").join(foreign);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, [0; 32]).unwrap();
        let error = verify(dir.path(), &key, None).unwrap_err();
        assert!(error.to_string().contains(foreign), "{foreign} gave: {error}");
        fs::remove_file(&path).unwrap();
    }
    verify(dir.path(), &key, None).unwrap();
}
