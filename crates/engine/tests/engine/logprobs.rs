//! What the model said of a token has the same bits when it is generated and when it is read back, whatever runs beside it.

use crate::invariance::{company, engine};
use engine::{Engine, EngineOptions, FinishReason, SamplingParams, Scored, SequenceRequest, TokenEvent};
use proptest::prelude::*;
use testkit::{TinyFamily, TinyModel, tiny_gguf};

fn request(prompt: &[u32], max_tokens: u32, sampling: SamplingParams) -> SequenceRequest {
    SequenceRequest {
        prompt: prompt.to_vec().into(),
        sampling,
        max_tokens,
        stop_token_ids: Vec::new(),
        cache_salt: [7; 32],
        tenant: [0; 32],
        draft_tokens_max: None,
        mask: None,
        busy: Default::default(),
    }
}

fn scoring(prompt: Option<u32>, answer: Option<u32>) -> SamplingParams {
    SamplingParams { prompt_logprobs: prompt, logprobs: answer, ..SamplingParams::default() }
}

/// Everything a request says: scores, and the tokens of the answer. Each score of the answer stands before its token.
fn collect(engine: &Engine, requests: Vec<SequenceRequest>) -> Vec<(Vec<Scored>, Vec<u32>)> {
    let submit = |request: SequenceRequest| (request.prompt.len(), engine.submit(request).unwrap());
    let streams: Vec<_> = requests.into_iter().map(submit).collect();
    let all = streams.into_iter().map(|(prompt, mut stream)| {
        let (mut scores, mut ids): (Vec<Scored>, Vec<u32>) = (Vec::new(), Vec::new());
        loop {
            match stream.blocking_next().unwrap() {
                TokenEvent::Scored(scored) => scores.push(*scored),
                TokenEvent::Token { id } => {
                    let own = scores.iter().rev().take(1).filter(|scored| scored.position >= prompt);
                    own.for_each(|s| assert_eq!((s.position, s.id), (prompt + ids.len(), id)));
                    ids.push(id);
                }
                TokenEvent::Finished(reason) => {
                    assert_eq!(reason, FinishReason::Length);
                    return (scores, ids);
                }
            }
        }
    });
    all.collect()
}

/// Position, id, bits, rank, and the likeliest with their bits.
type Bits = (usize, u32, u64, u32, Vec<(u32, u64)>);

fn bits(scores: &[Scored]) -> Vec<Bits> {
    let top = |scored: &Scored| scored.top.iter().map(|(id, logprob)| (*id, logprob.to_bits())).collect();
    scores.iter().map(|s| (s.position, s.id, s.logprob.to_bits(), s.rank, top(s))).collect()
}

/// Greedy answers, then prompt and answer read back: each token of the answer is the likeliest, with the same bits.
fn read_back(engine: &Engine, prompts: &[Vec<u32>], max_tokens: u32) -> Result<(), TestCaseError> {
    let greedy = prompts.iter().map(|prompt| request(prompt, max_tokens, scoring(None, Some(3)))).collect();
    let answers = collect(engine, greedy);
    let whole: Vec<Vec<u32>> =
        prompts.iter().zip(&answers).map(|(prompt, (_, ids))| [prompt.as_slice(), ids].concat()).collect();
    for next in [0, 1] {
        let again = whole.iter().map(|ids| request(ids, next, scoring(Some(3), None))).collect();
        for (((prompt, ids), (generated, _)), (read, answer)) in
            prompts.iter().zip(&whole).zip(&answers).zip(collect(engine, again))
        {
            prop_assert_eq!(answer.len(), next as usize);
            let said: Vec<u32> = read.iter().map(|scored| scored.id).collect();
            prop_assert_eq!(said.as_slice(), &ids[1..], "one score for every token but the first, in order");
            let read = &read[prompt.len() - 1..];
            prop_assert_eq!(bits(read), bits(generated));
            prop_assert!(read.iter().all(|scored| scored.rank == 1 && scored.top[0].0 == scored.id));
            prop_assert!(read.iter().all(|scored| scored.top[0].1.to_bits() == scored.logprob.to_bits()));
        }
    }
    Ok(())
}

#[test]
fn a_greedy_answer_read_back_is_greedy_to_the_bit() {
    for family in TinyFamily::ALL {
        let config = ProptestConfig { cases: 6, ..ProptestConfig::default() };
        proptest!(config, |(
            prompts in prop::collection::vec(prop::collection::vec(3..TinyModel::vocab_len() as u32, 1..90), 1..6),
            max_tokens in 1..70u32,
            company in company(),
        )| {
            let model = TinyModel { seed: 1, ..TinyModel::of(family) };
            let options = company.options(32 * model.kv_bytes_per_token());
            let engine = engine(&model.build(), company.threads, options);
            read_back(&engine, &prompts, max_tokens)?;
        });
    }
}

#[test]
fn a_prompt_that_is_preempted_while_it_is_read_is_read_on() {
    // The older sequence's answer outgrows what was set aside for it, a token a step; the younger is read a token or two a step.
    let options = EngineOptions {
        kv_bytes: 11 * 32 * 256,
        max_batch_tokens: 8,
        max_running: 4,
        speculation: 0,
        ..EngineOptions::default()
    };
    let crowded = engine(&tiny_gguf(0), 2, options);
    let roomy =
        engine(&tiny_gguf(0), 1, EngineOptions { kv_bytes: 64 * 32 * 256, ..EngineOptions::default() });
    let older = || request(&[66; 40], 190, scoring(Some(1), Some(1)));
    let read: Vec<u32> = (0..200).map(|at| 65 + (at * 7) % 50).collect();
    let younger = || request(&read, 0, scoring(Some(2), None));
    let expected = [older(), younger()].map(|request| collect(&roomy, vec![request]).remove(0));
    let both = collect(&crowded, vec![older(), younger()]);
    assert!(crowded.stats().preemptions_total > 0);
    for ((scores, ids), (wanted, wanted_ids)) in both.iter().zip(&expected) {
        assert_eq!((bits(scores), ids), (bits(wanted), wanted_ids));
    }
}

#[test]
fn scores_change_no_answer_and_take_no_known_pages() {
    let engine =
        engine(&tiny_gguf(0), 1, EngineOptions { kv_bytes: 64 * 32 * 256, ..EngineOptions::default() });
    let hot = |logprobs, prompt_logprobs| SamplingParams {
        temperature: 1.0,
        seed: 9,
        logprobs,
        prompt_logprobs,
        ..SamplingParams::default()
    };
    let prompt = [65; 70];
    let plain = collect(&engine, vec![request(&prompt, 30, hot(None, None))]);
    assert!(plain[0].0.is_empty());
    let shared = engine.stats().shared_tokens_total;
    let scored = collect(&engine, vec![request(&prompt, 30, hot(Some(20), Some(0)))]);
    assert_eq!(
        engine.stats().shared_tokens_total,
        shared,
        "logits of a shared page were never computed here"
    );
    assert_eq!(scored[0].1, plain[0].1);
    assert_eq!(scored[0].0.len(), 69 + 30);
    assert!(scored[0].0[..69].iter().all(|scored| scored.top.is_empty()));
    assert!(scored[0].0[69..].iter().all(|scored| scored.top.len() == 20 && scored.rank >= 1));
    // Whoever comes after may use the pages that were computed on the way.
    collect(&engine, vec![request(&prompt, 1, hot(Some(0), None))]);
    assert_eq!(engine.stats().shared_tokens_total, shared + 64);
}

#[test]
fn nothing_to_generate_is_refused_where_nothing_is_to_be_scored() {
    let engine =
        engine(&tiny_gguf(0), 1, EngineOptions { kv_bytes: 64 * 32 * 256, ..EngineOptions::default() });
    assert!(engine.submit(request(&[65, 66], 0, scoring(None, Some(1)))).is_err());
    assert!(engine.submit(request(&[65, 66], 1, scoring(None, Some(21)))).is_err());
    // A prompt of one token has nothing to say and ends in order.
    assert_eq!(collect(&engine, vec![request(&[65], 0, scoring(Some(1), None))]), [(vec![], vec![])]);
}
