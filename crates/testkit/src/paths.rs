//! Where test data lies that is not in the repository.

use std::path::{Path, PathBuf};

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

fn test_model(file: &str, variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from).unwrap_or_else(|| {
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        target.unwrap_or_else(|| workspace().join("target")).join("test-models").join(file)
    });
    present(path, "model", variable)
}

/// The real model (SmolLM2-135M-Instruct, Q4_1), or `None` after saying that it is absent.
pub fn model_path() -> Option<PathBuf> {
    test_model("SmolLM2-135M-Instruct.Q4_1.gguf", "PROEFTUIN_TEST_MODEL")
}

/// A real model of another family (Gemma 3 270M, Q4_K_M), or `None` after saying that it is absent.
pub fn gemma_path() -> Option<PathBuf> {
    test_model("gemma-3-270m.Q4_K_M.gguf", "PROEFTUIN_TEST_GEMMA")
}

/// The folder of shared test data, or `None` after saying that it is absent.
pub fn shared_dir() -> Option<PathBuf> {
    const VARIABLE: &str = "PROEFTUIN_SHARED";
    let path = std::env::var_os(VARIABLE).map(PathBuf::from).unwrap_or_else(|| workspace().join("../shared"));
    present(path, "shared test data", VARIABLE)
}
