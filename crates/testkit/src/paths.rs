//! Where test data lies that is not in the repository.

use std::path::{Path, PathBuf};

const MODEL: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn present(path: PathBuf, what: &str, variable: &str) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no {what} at {}; set {variable}", path.display());
    None
}

/// The real model (SmolLM2-135M-Instruct, Q4_1), or `None` after saying that it is absent.
pub fn model_path() -> Option<PathBuf> {
    const VARIABLE: &str = "PROEFTUIN_TEST_MODEL";
    let path = std::env::var_os(VARIABLE).map(PathBuf::from).unwrap_or_else(|| {
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        target.unwrap_or_else(|| workspace().join("target")).join("test-models").join(MODEL)
    });
    present(path, "model", VARIABLE)
}

/// The folder of shared test data, or `None` after saying that it is absent.
pub fn shared_dir() -> Option<PathBuf> {
    const VARIABLE: &str = "PROEFTUIN_SHARED";
    let path = std::env::var_os(VARIABLE).map(PathBuf::from).unwrap_or_else(|| workspace().join("../shared"));
    present(path, "shared test data", VARIABLE)
}
