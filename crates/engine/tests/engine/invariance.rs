//! The same request gives the same bits: whatever runs beside it, however it is cut up, on any number of threads.

use crate::{collect, load_bytes, load_bytes_with, load_path};
use engine::{
    Device, Engine, EngineOptions, EngineStats, FinishReason, KvType, LoadOptions, SamplingParams,
    SequenceRequest, start,
};
use proptest::prelude::*;
use std::path::Path;
use testkit::{TinyFamily, TinyModel, tiny_gguf};

#[derive(Debug, Clone)]
struct Case {
    prompt: Vec<u32>,
    sampling: SamplingParams,
    max_tokens: u32,
    tenant: u8,
}

impl Case {
    fn new(prompt: Vec<u32>, sampling: SamplingParams, max_tokens: u32) -> Self {
        Case { prompt, sampling, max_tokens, tenant: 0 }
    }

    fn request(&self) -> SequenceRequest {
        SequenceRequest {
            prompt: self.prompt.clone().into(),
            sampling: self.sampling.clone(),
            max_tokens: self.max_tokens,
            stop_token_ids: vec![0],
            cache_salt: [7; 32],
            tenant: [self.tenant; 32],
            draft_tokens_max: None,
            mask: None,
            busy: Default::default(),
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

/// Prompts of ids below `vocab`.
fn case(vocab: u32) -> impl Strategy<Value = Case> {
    // Half the prompts begin alike for up to 80 tokens, so that pages are shared; half repeat themselves, so that there is
    // something to guess from.
    let own = prop_oneof![
        prop::collection::vec(3..vocab, 1..40),
        (prop::collection::vec(3..vocab, 1..7), 1..8usize).prop_map(|(words, times)| words.repeat(times)),
    ];
    let prompt = (own, prop_oneof![Just(0usize), 1..80usize])
        .prop_map(|(own, shared)| [vec![65; shared], own].concat());
    // Some answers are longer than what pages are set aside for, so that there is preemption.
    let max_tokens = prop_oneof![3 => 1..40u32, 1 => 100..150u32];
    (prompt, sampling(), max_tokens, 0..3u8).prop_map(|(prompt, sampling, max_tokens, tenant)| Case {
        prompt,
        sampling,
        max_tokens,
        tenant,
    })
}

/// Everything that may change how answers are computed and must not change what they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Company {
    pub(crate) threads: usize,
    max_running: usize,
    more_tokens: usize,
    pages: usize,
    prefix_sharing: bool,
    speculation: usize,
}

impl Company {
    pub(crate) fn options(&self, page_bytes: usize) -> EngineOptions {
        EngineOptions {
            kv_bytes: self.pages * page_bytes,
            max_batch_tokens: self.max_running + self.more_tokens,
            max_running: self.max_running,
            prefix_sharing: self.prefix_sharing,
            speculation: self.speculation,
            ..EngineOptions::default()
        }
    }
}

pub(crate) fn company() -> impl Strategy<Value = Company> {
    (1..5usize, 2..6usize, 0..60usize, 9..20usize, any::<bool>(), 0..8usize).prop_map(
        |(threads, max_running, more_tokens, pages, prefix_sharing, speculation)| Company {
            threads,
            max_running,
            more_tokens,
            pages,
            prefix_sharing,
            speculation,
        },
    )
}

pub(crate) fn engine(file: &[u8], threads: usize, options: EngineOptions) -> Engine {
    start(load_bytes(file, Device::Cpu, threads).unwrap().model, options).unwrap()
}

/// All at once; answers in order.
fn together(engine: &Engine, cases: &[Case]) -> Vec<(Vec<u32>, FinishReason)> {
    let streams: Vec<_> = cases.iter().map(|case| engine.submit(case.request()).unwrap()).collect();
    streams.into_iter().map(collect).collect()
}

/// One after the other on a fresh engine each: one thread, the whole prompt in one step, no company, no guesses.
fn alone(file: &[u8], cases: &[Case]) -> Vec<(Vec<u32>, FinishReason)> {
    let options = || EngineOptions {
        max_batch_tokens: 512,
        max_running: 1,
        prefix_sharing: false,
        speculation: 0,
        // Enough for the longest case of any family.
        kv_bytes: 1 << 20,
        ..EngineOptions::default()
    };
    cases
        .iter()
        .map(|case| together(&engine(file, 1, options()), std::slice::from_ref(case)).remove(0))
        .collect()
}

/// Bytes of a page of the tiny model.
const TINY_PAGE: usize = 32 * 256;

/// Room for so many pages of the tiny model.
fn small(pages: usize) -> EngineOptions {
    EngineOptions { kv_bytes: pages * TINY_PAGE, ..EngineOptions::default() }
}

/// Every family's tiny model gets as many random cases.
fn config() -> ProptestConfig {
    ProptestConfig { cases: 10, ..ProptestConfig::default() }
}

#[test]
fn answers_are_the_same_in_any_company() {
    for family in TinyFamily::ALL {
        proptest!(config(), |(
            seed in 0..4u64,
            cases in prop::collection::vec(case(TinyModel::vocab_len() as u32), 2..9),
            company in company(),
        )| {
            let model = TinyModel { seed, ..TinyModel::of(family) };
            let file = model.build();
            let crowded = engine(&file, company.threads, company.options(32 * model.kv_bytes_per_token()));
            let expected = alone(&file, &cases);
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
            kv_type in prop_oneof![Just(KvType::F16), Just(KvType::Q8)],
        )| {
            let file = TinyModel { seed, ..TinyModel::of(family) }.build();
            // So many rows of logits that they do not all come from one step.
            let from = tokens.len() - 40;
            let load = |threads| {
                let options = LoadOptions { threads, kv_type, ..LoadOptions::default() };
                load_bytes_with(&file, &options).unwrap().model
            };
            let (mut whole, mut cut) = (load(1), load(threads));
            let bits = |logits: Vec<f32>| logits.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            let expected = bits(whole.logits(&tokens, from, usize::MAX).unwrap());
            prop_assert_eq!(bits(cut.logits(&tokens, from, chunk).unwrap()), expected, "{:?}", family);
        });
    }
}

fn stats_after(options: EngineOptions, max_tokens: u32, rounds: usize) -> EngineStats {
    let file = tiny_gguf(0);
    let cases: Vec<Case> =
        (0..4).map(|i| Case::new(vec![65 + i; 70], SamplingParams::default(), max_tokens)).collect();
    let expected = alone(&file, &cases);
    let engine = engine(&file, 2, options);
    (0..rounds).for_each(|_| assert_eq!(together(&engine, &cases), expected));
    engine.stats()
}

/// The property above must have met what it is about: these show that preemption, sharing and acceptance do happen, and when.
#[test]
fn preempted_sequences_answer_as_if_nothing_had_happened() {
    let unshared = |pages| EngineOptions { prefix_sharing: false, ..small(pages) };
    assert_eq!(stats_after(unshared(32), 150, 1).preemptions_total, 0, "four times seven pages fit");
    assert!(stats_after(unshared(12), 150, 1).preemptions_total > 0, "and in twelve they do not");
}

#[test]
fn shared_pages_answer_as_computed_ones() {
    let unshared = EngineOptions { prefix_sharing: false, ..small(64) };
    assert_eq!(stats_after(unshared, 40, 2).shared_tokens_total, 0);
    assert_eq!(
        stats_after(small(64), 40, 2).shared_tokens_total,
        4 * 64,
        "two full pages each in the second round"
    );
}

#[test]
fn accepted_drafts_save_steps_and_change_nothing() {
    let with = |speculation| stats_after(EngineOptions { speculation, ..small(64) }, 150, 1);
    let (off, on) = (with(0), with(6));
    assert_eq!((off.drafted_tokens_total, off.accepted_tokens_total), (0, 0));
    assert!(on.accepted_tokens_total > 0 && on.accepted_tokens_total <= on.drafted_tokens_total);
    assert!(on.steps_total < off.steps_total, "{} steps, {} without", on.steps_total, off.steps_total);
    assert_eq!(on.generated_tokens_total, off.generated_tokens_total);
    assert_eq!(on.prefill_tokens_total, off.prefill_tokens_total, "drafts are no prompt");
}

#[test]
fn another_salt_shares_nothing() {
    let engine = engine(&tiny_gguf(0), 1, small(64));
    let case = Case::new(vec![65; 70], SamplingParams::default(), 1);
    for salt in 0..3 {
        collect(engine.submit(SequenceRequest { cache_salt: [salt; 32], ..case.request() }).unwrap());
        assert_eq!(engine.stats().shared_tokens_total, 0);
    }
    collect(engine.submit(SequenceRequest { cache_salt: [0; 32], ..case.request() }).unwrap());
    assert_eq!(engine.stats().shared_tokens_total, 64);
}

#[test]
fn the_tiny_model_says_something_and_the_seed_matters() {
    let engine = engine(&tiny_gguf(0), 1, small(64));
    let hot = |seed| {
        let sampling = SamplingParams { temperature: 1.0, seed, ..SamplingParams::default() };
        Case::new(vec![70, 71, 72], sampling, 30)
    };
    let answers = together(&engine, &[hot(1), hot(2), hot(1)]);
    assert_eq!(answers[0], answers[2]);
    assert_ne!(answers[0], answers[1]);
    let mut distinct = answers[0].0.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert!(distinct.len() > 5, "a model that repeats itself tests little");
}

/// What the real model answers alone, with the logits of every step computed in one piece.
fn real_alone(path: &Path, case: &Case) -> (Vec<u32>, FinishReason) {
    let model = load_path(path, Device::Cpu, 1).unwrap().model;
    let options = EngineOptions {
        max_batch_tokens: 512,
        max_running: 1,
        prefix_sharing: false,
        speculation: 0,
        kv_bytes: 16 * 32 * model.kv_bytes_per_token(),
        ..EngineOptions::default()
    };
    collect(start(model, options).unwrap().submit(case.request()).unwrap())
}

/// Four requests: repetitive text, shared prefixes, three tenants.
fn real_cases(words: &[u32]) -> [Case; 4] {
    let hot = SamplingParams { temperature: 0.8, top_p: 0.9, seed: 3, ..SamplingParams::default() };
    let case = |prompt: Vec<u32>, sampling: &SamplingParams, max_tokens, tenant| Case {
        prompt,
        sampling: sampling.clone(),
        max_tokens,
        tenant,
    };
    [
        case(words.repeat(7), &SamplingParams::default(), 120, 0),
        case([words.repeat(6), vec![5000, 6000]].concat(), &hot, 120, 1),
        case((0..40).map(|i| 700 + 91 * i).collect(), &hot, 16, 2),
        case(words.repeat(2), &SamplingParams { repetition_penalty: 1.1, ..hot.clone() }, 24, 0),
    ]
}

#[test]
fn smollm2_answers_the_same_in_any_company() {
    testkit::model_path().iter().for_each(|path| real_answers_are_the_same(path));
}

#[test]
fn gemma3_answers_the_same_in_any_company() {
    testkit::gemma_path().iter().for_each(|path| real_answers_are_the_same(path));
}

/// The same properties on a real model: in two companies that are sure to share or to preempt, and in some at random.
fn real_answers_are_the_same(path: &Path) {
    let words: Vec<u32> = (0..11).map(|i| 1000 + 37 * i).collect();
    let cases = real_cases(&words);
    let expected: Vec<_> = cases.iter().map(|case| real_alone(path, case)).collect();
    let answers_in = |company: &Company| {
        let model = load_path(path, Device::Cpu, company.threads).unwrap().model;
        let page_bytes = 32 * model.kv_bytes_per_token();
        let engine = start(model, company.options(page_bytes)).unwrap();
        assert_eq!(together(&engine, &cases), expected, "{company:?}");
        assert_eq!(together(&engine, &cases), expected, "{company:?}, once more");
        println!("{company:?}: {:?}", engine.stats());
        engine.stats()
    };
    // Room for all with shared pages; then for no two of the longest, without.
    let roomy = Company {
        threads: 2,
        max_running: 4,
        more_tokens: 25,
        pages: 64,
        prefix_sharing: true,
        speculation: 6,
    };
    let narrow = Company { threads: 1, pages: 10, prefix_sharing: false, speculation: 3, ..roomy };
    for company in [roomy, narrow] {
        let stats = answers_in(&company);
        assert!(stats.accepted_tokens_total > 0, "nothing was guessed right: {stats:?}");
        assert_eq!(stats.shared_tokens_total > 0, company.prefix_sharing, "{stats:?}");
        assert_eq!(stats.preemptions_total > 0, !company.prefix_sharing, "{stats:?}");
    }
    proptest!(ProptestConfig { cases: 3, ..config() }, |(company in company())| {
        answers_in(&company);
    });
    // Longer than the windows of those layers that have one.
    let tokens = [&words.repeat(50)[..], &cases[0].prompt, &expected[0].0].concat();
    let from = tokens.len() - 5;
    let bits = |threads, chunk| {
        let mut model = load_path(path, Device::Cpu, threads).unwrap().model;
        let logits = model.logits(&tokens, from, chunk).unwrap();
        logits.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
    };
    let whole = bits(1, usize::MAX);
    proptest!(ProptestConfig { cases: 4, ..config() }, |(threads in 1..5usize, chunk in 1..300usize)| {
        prop_assert!(bits(threads, chunk) == whole, "{} threads, {} a time", threads, chunk);
    });
}
