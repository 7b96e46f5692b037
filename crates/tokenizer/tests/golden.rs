//! Ids equal llama.cpp's, on a text with many scripts, emoji, code, control characters, long runs and look-alikes of
//! special tokens. `golden/*.ids` were made by `llama-tokenize --no-parse-special --no-bos --ids` of llama.cpp build 11434.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod support;

use support::{TEXT, gemma3, smollm2, tiny_bpe, tiny_spm};
use tokenizer::Tokenizer;

fn ids(golden: &str) -> Vec<u32> {
    golden.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

/// Compares, and shows the first difference in tokens rather than two walls of numbers.
fn check(name: &str, tokenizer: &Tokenizer, golden: &str) {
    let (expected, got) = (ids(golden), tokenizer.encode(TEXT).unwrap());
    assert!(expected.len() > 1000);
    if expected == *got {
        return;
    }
    let at = expected.iter().zip(got.iter()).take_while(|(a, b)| a == b).count();
    let show = |ids: &[u32]| -> Vec<String> {
        ids[at.min(ids.len())..].iter().take(8).map(|id| tokenizer.decode(&[*id])).collect()
    };
    panic!(
        "{name}: token {at} after {:?}: expected {:?}, got {:?}",
        tokenizer.decode(&expected[at.saturating_sub(5)..at]),
        show(&expected),
        show(&got)
    );
}

#[test]
fn every_family_cuts_as_llama_cpp_does() {
    for (pre, golden) in [
        ("gpt-2", include_str!("golden/tiny-gpt-2.ids")),
        ("smollm", include_str!("golden/tiny-smollm.ids")),
        ("llama-bpe", include_str!("golden/tiny-llama-bpe.ids")),
        ("glm4", include_str!("golden/tiny-glm4.ids")),
        ("chatglm-bpe", include_str!("golden/tiny-chatglm-bpe.ids")),
        ("qwen2", include_str!("golden/tiny-qwen2.ids")),
        ("qwen35", include_str!("golden/tiny-qwen35.ids")),
        ("deepseek-v3", include_str!("golden/tiny-deepseek-v3.ids")),
    ] {
        check(pre, &tiny_bpe(pre), golden);
    }
}

#[test]
fn the_families_differ_on_this_text() {
    let golden = [
        include_str!("golden/tiny-gpt-2.ids"),
        include_str!("golden/tiny-smollm.ids"),
        include_str!("golden/tiny-llama-bpe.ids"),
        include_str!("golden/tiny-chatglm-bpe.ids"),
        include_str!("golden/tiny-qwen2.ids"),
        include_str!("golden/tiny-qwen35.ids"),
        include_str!("golden/tiny-deepseek-v3.ids"),
    ];
    for (at, one) in golden.iter().enumerate() {
        assert!(golden[at + 1..].iter().all(|other| other != one), "golden {at} proves nothing of its own");
    }
}

#[test]
fn sentencepiece_merges_as_llama_cpp_does() {
    check("spm", &tiny_spm(true), include_str!("golden/tiny-spm.ids"));
    check("spm, no space prefix", &tiny_spm(false), include_str!("golden/tiny-spm-noprefix.ids"));
}

#[test]
fn smollm2_ids_are_llama_cpps() {
    let Some(gguf) = smollm2() else { return };
    let tokenizer = gguf.tokenizer();
    check("SmolLM2", &tokenizer, include_str!("golden/smollm2.ids"));
    let ends: Vec<&str> =
        tokenizer.end_of_generation().iter().filter_map(|id| tokenizer.token_text(*id)).collect();
    assert_eq!(ends, ["<|endoftext|>", "<|im_end|>", "<reponame>"]);
}

#[test]
fn gemma3_ids_are_llama_cpps() {
    let Some(gguf) = gemma3() else { return };
    let tokenizer = gguf.tokenizer();
    check("Gemma 3", &tokenizer, include_str!("golden/gemma3.ids"));
    let ends: Vec<&str> =
        tokenizer.end_of_generation().iter().filter_map(|id| tokenizer.token_text(*id)).collect();
    assert_eq!(ends, ["<eos>", "<end_of_turn>", "</s>"]);
}
