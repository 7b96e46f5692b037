//! Fidelity of the tiny model against references made from its own logits, changed by known amounts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod files;

use std::path::Path;

use eval::{BaseFile, Fidelity, LoadOptions};
use files::base_file;

const N_CTX: usize = 24;
const CHUNKS: u32 = 6;

fn tiny(seed: u64) -> (tempfile::TempDir, engine::Loaded) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tiny.gguf");
    std::fs::write(&path, testkit::tiny_gguf(seed)).unwrap();
    let file = eval::hash_file(&path, &mut |_, _| ()).unwrap();
    let loaded =
        eval::load(&[file], &LoadOptions { threads: 1, ..LoadOptions::default() }, &mut |_, _| ()).unwrap();
    (dir, loaded)
}

/// A reference whose logits are the model's own after `change(row, id, logit)`.
fn reference(loaded: &mut engine::Loaded, change: impl Fn(usize, usize, f32) -> f32) -> Vec<u8> {
    let vocab_len = loaded.model.vocab_len();
    let mut chunks = Vec::new();
    for chunk in 0..CHUNKS {
        let tokens: Vec<u32> =
            (0..N_CTX as u32).map(|at| (at * 31 + chunk * 77 + 5) % vocab_len as u32).collect();
        let logits = loaded.model.logits(&tokens[..N_CTX - 1], N_CTX / 2, 7).unwrap();
        let rows = logits.chunks_exact(vocab_len).enumerate().map(|(row, logits)| {
            logits.iter().enumerate().map(|(id, logit)| change(row, id, *logit)).collect()
        });
        chunks.push((tokens, rows.collect()));
    }
    base_file(N_CTX, vocab_len, &chunks)
}

fn compare(loaded: &mut engine::Loaded, bytes: &[u8]) -> Result<Fidelity, eval::Error> {
    let mut base = BaseFile::new(bytes, bytes.len() as u64).unwrap();
    let mut seen = 0;
    let found = eval::fidelity(loaded, &mut base, Path::new("base.bin"), &mut |done, total, _| {
        assert_eq!(total, CHUNKS as usize);
        seen = done;
    });
    if found.is_ok() {
        assert_eq!(seen, CHUNKS as usize);
    }
    found
}

#[test]
fn a_model_is_faithful_to_itself() {
    let (_dir, mut loaded) = tiny(1);
    let bytes = reference(&mut loaded, |_, _, logit| logit);
    let found = compare(&mut loaded, &bytes).unwrap();
    assert_eq!(found.positions, CHUNKS as usize * (N_CTX - 1 - N_CTX / 2));
    assert!(found.kl_mean.value.abs() < 1e-6 && found.kl_max < 1e-5, "{found:?}");
    assert!((found.ppl.value / found.ppl_base.value - 1.0).abs() < 1e-3, "{found:?}");
    assert!(found.same_top.value > 0.97, "only ties of the reference's 16 bits may differ: {found:?}");
}

#[test]
fn a_known_change_has_its_known_divergence() {
    let (_dir, mut loaded) = tiny(2);
    let vocab_len = loaded.model.vocab_len();
    // The reference is flat on every second row: its divergence there is the entropy that ours lacks.
    let bytes = reference(&mut loaded, |row, _, logit| if row % 2 == 0 { 0.0 } else { logit });
    let found = compare(&mut loaded, &bytes).unwrap();
    let mut expected = Vec::new();
    for chunk in 0..CHUNKS {
        let tokens: Vec<u32> =
            (0..N_CTX as u32).map(|at| (at * 31 + chunk * 77 + 5) % vocab_len as u32).collect();
        let logits = loaded.model.logits(&tokens[..N_CTX - 1], N_CTX / 2, 64).unwrap();
        for (row, logits) in logits.chunks_exact(vocab_len).enumerate() {
            let sum: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
            let flat = 1.0 / vocab_len as f64;
            let kl = |logit: &f32| flat * (flat.ln() - (f64::from(*logit) - sum.ln()));
            expected.push(if row % 2 == 0 { logits.iter().map(kl).sum() } else { 0.0_f64 });
        }
    }
    let mean = expected.iter().sum::<f64>() / expected.len() as f64;
    let variance = expected.iter().map(|kl| (kl - mean).powi(2)).sum::<f64>() / expected.len() as f64;
    let error = (variance / (expected.len() - 1) as f64).sqrt();
    let max = expected.iter().copied().fold(0.0, f64::max);
    assert!((found.kl_mean.value - mean).abs() < 1e-4 * mean, "{found:?} {mean}");
    assert!((found.kl_mean.error - error).abs() < 1e-3 * error, "{found:?} {error}");
    assert!((found.kl_max - max).abs() < 1e-4 * max, "{found:?} {max}");
    assert!(found.ppl_difference.value != 0.0 && found.ppl_difference.error > 0.0);
    assert!(found.same_top.value < 0.7, "a flat row's first token is id 0: {found:?}");
}

#[test]
fn another_vocabulary_is_refused() {
    let (_dir, mut loaded) = tiny(3);
    let rows = vec![vec![0.0, 1.0]; 1];
    let bytes = base_file(4, 2, &[(vec![0, 1, 0, 1], rows)]);
    let refused = compare(&mut loaded, &bytes).unwrap_err().to_string();
    assert!(refused.contains("the reference has 2 tokens"), "{refused}");
}

#[test]
fn figures_carry_every_quantity() {
    let (_dir, mut loaded) = tiny(4);
    let bytes = reference(&mut loaded, |_, _, logit| logit * 0.9);
    let figures = compare(&mut loaded, &bytes).unwrap().figures();
    for metric in ["PPL", "PPL ±", "mean KL", "99 % KL", "maximum KL", "same top token"] {
        assert!(figures.iter().any(|figure| figure.metric == metric && figure.runs.len() == 1), "{metric}");
    }
}
