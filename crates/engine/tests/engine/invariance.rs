//! The same request gives the same bits: whatever runs beside it, however it is cut up, on any number of threads.

use crate::{collect, load_bytes};
use engine::{
    Device, Engine, EngineOptions, EngineStats, FinishReason, SamplingParams, SequenceRequest, start,
};
use proptest::prelude::*;
use testkit::{TinyFamily, TinyModel, tiny_gguf};

#[derive(Debug, Clone)]
struct Case {
    prompt: Vec<u32>,
    sampling: SamplingParams,
    max_tokens: u32,
}

impl Case {
    fn request(&self) -> SequenceRequest {
        SequenceRequest {
            prompt: self.prompt.clone().into(),
            sampling: self.sampling.clone(),
            max_tokens: self.max_tokens,
            stop_token_ids: vec![0],
            cache_salt: [7; 32],
        }
    }
}

fn sampling() -> impl Strategy<Value = SamplingParams> {
    let hot = (0.5f32..2.0, any::<u64>(), 0u32..40, 0.5f32..1.0, 0.0f32..0.1);
    let hot = hot.prop_map(|(temperature, seed, top_k, top_p, min_p)| SamplingParams {
        temperature,
        seed,
        top_k,
        top_p,
        min_p,
        ..SamplingParams::default()
    });
    let penalized = (1.0f32..1.5, 0.0f32..1.0, 0.0f32..1.0, any::<u64>()).prop_map(
        |(repetition, presence, frequency, seed)| SamplingParams {
            temperature: 1.0,
            seed,
            repetition_penalty: repetition,
            presence_penalty: presence,
            frequency_penalty: frequency,
            logit_bias: vec![(5, 2.0)],
            ..SamplingParams::default()
        },
    );
    prop_oneof![Just(SamplingParams::default()), hot, penalized]
}

fn case() -> impl Strategy<Value = Case> {
    let vocab = TinyModel::vocab_len() as u32;
    // Half the prompts begin alike for up to 80 tokens, so that pages are shared.
    let prompt = (prop::collection::vec(3..vocab, 1..40), prop_oneof![Just(0usize), 1..80usize])
        .prop_map(|(own, shared)| [vec![65; shared], own].concat());
    (prompt, sampling(), 1..40u32).prop_map(|(prompt, sampling, max_tokens)| Case {
        prompt,
        sampling,
        max_tokens,
    })
}

fn engine(file: &[u8], threads: usize, options: EngineOptions) -> Engine {
    start(load_bytes(file, Device::Cpu, threads).unwrap().model, options).unwrap()
}

/// All at once; answers in order.
fn together(engine: &Engine, cases: &[Case]) -> Vec<(Vec<u32>, FinishReason)> {
    let streams: Vec<_> = cases.iter().map(|case| engine.submit(case.request()).unwrap()).collect();
    streams.into_iter().map(collect).collect()
}

/// One after the other on a fresh engine each: one thread, the whole prompt in one step, no company.
fn alone(model: &TinyModel, cases: &[Case]) -> Vec<(Vec<u32>, FinishReason)> {
    let file = model.build();
    let options =
        || EngineOptions { max_batch_tokens: 512, max_running: 1, prefix_sharing: false, ..small(model, 16) };
    cases
        .iter()
        .map(|case| together(&engine(&file, 1, options()), std::slice::from_ref(case)).remove(0))
        .collect()
}

/// Room for so many pages of the tiny model.
fn small(model: &TinyModel, pages: usize) -> EngineOptions {
    EngineOptions { kv_bytes: pages * 32 * model.kv_bytes_per_token(), ..EngineOptions::default() }
}

/// Every family's tiny model gets as many random cases.
fn config() -> ProptestConfig {
    ProptestConfig { cases: 12, ..ProptestConfig::default() }
}

#[test]
fn answers_are_the_same_in_any_company() {
    for family in TinyFamily::ALL {
        proptest!(config(), |(
            seed in 0..4u64,
            cases in prop::collection::vec(case(), 2..7),
            threads in 1..4usize,
            max_running in 2..6usize,
            more in 0..60usize,
            pages in 5..14usize,
            prefix_sharing: bool,
        )| {
            let model = TinyModel { seed, ..TinyModel::of(family) };
            let max_batch_tokens = max_running + more;
            let options =
                EngineOptions { max_batch_tokens, max_running, prefix_sharing, ..small(&model, pages) };
            let crowded = engine(&model.build(), threads, options);
            let expected = alone(&model, &cases);
            prop_assert_eq!(&together(&crowded, &cases), &expected, "{:?}", family);
            // Once more, with pages that are known by now.
            prop_assert_eq!(&together(&crowded, &cases), &expected, "{:?}", family);
        });
    }
}

/// Bits of the logits themselves.
#[test]
fn logits_are_the_same_however_a_prompt_is_cut() {
    for family in TinyFamily::ALL {
        proptest!(config(), |(
            seed in 0..4u64,
            tokens in prop::collection::vec(3..TinyModel::vocab_len() as u32, 40..120),
            chunk in 1..50usize,
            threads in 1..4usize,
        )| {
            let file = TinyModel { seed, ..TinyModel::of(family) }.build();
            let from = tokens.len() - 3;
            let mut whole = load_bytes(&file, Device::Cpu, 1).unwrap().model;
            let mut cut = load_bytes(&file, Device::Cpu, threads).unwrap().model;
            let bits = |logits: Vec<f32>| logits.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            let expected = bits(whole.logits(&tokens, from, usize::MAX).unwrap());
            prop_assert_eq!(bits(cut.logits(&tokens, from, chunk).unwrap()), expected, "{:?}", family);
        });
    }
}

fn stats_after(pages: usize, prefix_sharing: bool, rounds: usize) -> EngineStats {
    let model = TinyModel::default();
    let cases: Vec<Case> = (0..4u32)
        .map(|i| Case { prompt: vec![65 + i; 70], sampling: SamplingParams::default(), max_tokens: 40 })
        .collect();
    let expected = alone(&model, &cases);
    let options = EngineOptions { prefix_sharing, ..small(&model, pages) };
    let engine = engine(&model.build(), 2, options);
    (0..rounds).for_each(|_| assert_eq!(together(&engine, &cases), expected));
    engine.stats()
}

/// The properties above must have met what it is about: these show that preemption and sharing do happen, and when.
#[test]
fn preempted_sequences_answer_as_if_nothing_had_happened() {
    assert_eq!(stats_after(16, false, 1).preemptions_total, 0, "four sequences of at most four pages fit");
    assert!(stats_after(9, false, 1).preemptions_total > 0, "and in nine pages they do not");
}

#[test]
fn shared_pages_answer_as_computed_ones() {
    assert_eq!(stats_after(64, false, 2).shared_tokens_total, 0);
    assert_eq!(
        stats_after(64, true, 2).shared_tokens_total,
        4 * 64,
        "two full pages each in the second round"
    );
}

#[test]
fn another_salt_shares_nothing() {
    let engine = engine(&tiny_gguf(0), 1, small(&TinyModel::default(), 64));
    let case = Case { prompt: vec![65; 70], sampling: SamplingParams::default(), max_tokens: 1 };
    for salt in 0..3 {
        collect(engine.submit(SequenceRequest { cache_salt: [salt; 32], ..case.request() }).unwrap());
        assert_eq!(engine.stats().shared_tokens_total, 0);
    }
    collect(engine.submit(SequenceRequest { cache_salt: [0; 32], ..case.request() }).unwrap());
    assert_eq!(engine.stats().shared_tokens_total, 64);
}

#[test]
fn the_tiny_model_says_something_and_the_seed_matters() {
    let engine = engine(&tiny_gguf(0), 1, small(&TinyModel::default(), 64));
    let hot = |seed| Case {
        prompt: vec![70, 71, 72],
        sampling: SamplingParams { temperature: 1.0, seed, ..SamplingParams::default() },
        max_tokens: 30,
    };
    let answers = together(&engine, &[hot(1), hot(2), hot(1)]);
    assert_eq!(answers[0], answers[2]);
    assert_ne!(answers[0], answers[1]);
    let mut distinct = answers[0].0.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert!(distinct.len() > 5, "a model that repeats itself tests little");
}
