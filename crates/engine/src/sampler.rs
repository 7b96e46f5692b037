//! Logits to one token id. The same logits, parameters, seed and position give the same id on every machine.
//!
//! A token's weight is e to its distance from the largest logit, over the temperature, in whole units of 2⁻⁴⁰ of the
//! likeliest token's. Sums of whole numbers are exact in any order, and the many tokens of less than a unit weigh nothing:
//! their exponentials are never computed.

use crate::SamplingParams;
use crate::logprobs::Scorer;
use crate::sequence::{Drawn, Sequence};
use std::cmp::Ordering;
use zeroize::Zeroize;

/// A token that may still be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Zeroize)]
struct Candidate {
    id: u32,
    /// Logit below the largest, over the temperature; at most 0.
    scaled: f32,
    /// e to that, in units.
    weight: u64,
}

/// The weight of the likeliest token. A vocabulary of 2²⁴ tokens of this weight is still far from an overflow.
const UNITS: f64 = (1u64 << 40) as f64;

/// e to less than this is surely below 2⁻⁴⁰ (which is e to −27.73), whatever the last places of the exponential are.
const FAINT: f32 = -28.0;

/// Logits whose largest is noted together.
const BLOCK: usize = 256;

/// Buffers that are kept from token to token.
#[derive(Default)]
pub(crate) struct Sampler {
    /// A copy of the logits, where bias or penalties change them.
    changed: Vec<f32>,
    /// The largest logit of every block.
    maxima: Vec<f32>,
    candidates: Vec<Candidate>,
    /// The candidates' exponentials.
    exponentials: Vec<f32>,
    pub(crate) scorer: Scorer,
}

impl Sampler {
    /// Overwrites what earlier draws left in the buffers, and keeps their memory.
    pub(crate) fn forget(&mut self) {
        self.changed.zeroize();
        self.maxima.zeroize();
        self.candidates.zeroize();
        self.exponentials.zeroize();
        self.scorer.forget();
    }

    /// As [`Sampler::sample`], with the score of what was drawn where the sequence wants it.
    pub(crate) fn draw_scored(
        &mut self,
        logits: &[f32],
        sequence: &Sequence,
        allowed: Option<&[u32]>,
    ) -> Option<Drawn> {
        let id = self.sample(logits, sequence, allowed)?;
        let Some(top) = sequence.sampling.logprobs else { return Some(id.into()) };
        let scored = self.scorer.score(logits, sequence.len(), id, top as usize)?;
        Some(Drawn { id, scored: Some(Box::new(scored)) })
    }

    /// The id for the sequence's next position; `None` when a logit is not a number or none is finite, which is a fault.
    /// Where there are `allowed` words, only ids whose bits are set in them are drawn.
    pub(crate) fn sample(
        &mut self,
        logits: &[f32],
        sequence: &Sequence,
        allowed: Option<&[u32]>,
    ) -> Option<u32> {
        let params = &sequence.sampling;
        if params.logit_bias.is_empty() && !params.penalizes() && allowed.is_none() {
            return self.choose(logits, sequence);
        }
        let mut changed = std::mem::take(&mut self.changed);
        changed.clear();
        changed.extend_from_slice(logits);
        change(&mut changed, sequence);
        if let Some(allowed) = allowed {
            forbid(&mut changed, allowed);
        }
        let chosen = self.choose(&changed, sequence);
        self.changed = changed;
        chosen
    }

    /// The likeliest, or one by lot.
    fn choose(&mut self, logits: &[f32], sequence: &Sequence) -> Option<u32> {
        let likeliest = self.argmax(logits)?;
        if sequence.sampling.temperature == 0.0 {
            return Some(likeliest);
        }
        let max = *logits.get(likeliest as usize)?;
        self.draw(logits, max, &sequence.sampling, uniform(sequence.sampling.seed, sequence.len() as u64))
    }

    /// The id of the largest logit, the lowest among equals; notes every block's largest.
    fn argmax(&mut self, logits: &[f32]) -> Option<u32> {
        self.maxima.clear();
        for block in logits.chunks(BLOCK) {
            self.maxima.push(largest(block)?);
        }
        let max = self.maxima.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let block = self.maxima.iter().position(|largest| *largest == max)?;
        let start = block * BLOCK;
        let within = logits.get(start..)?.iter().position(|logit| *logit == max)?;
        max.is_finite().then_some((start + within) as u32)
    }

    /// Temperature, top-k, top-p, min-p; then the token in whose share of the mass `u` falls, 0 ≤ u < 1. What was cut is
    /// walked through in order of likelihood, otherwise in order of id.
    ///
    /// `maxima` must be those of these logits, and `max` the largest.
    fn draw(&mut self, logits: &[f32], max: f32, params: &SamplingParams, u: f64) -> Option<u32> {
        let top_k = match params.top_k as usize {
            k if k > 0 && k < logits.len() => Some(k),
            _ => None,
        };
        self.gather(logits, max, params, top_k);
        if top_k.is_some() {
            self.candidates.sort_unstable_by(likelier_first);
        }
        if params.top_p < 1.0 {
            keep_mass(&mut self.candidates, f64::from(params.top_p));
        }
        let least = (f64::from(params.min_p) * UNITS).ceil() as u64;
        self.candidates.retain(|candidate| candidate.weight >= least);
        self.lot(u)
    }

    /// Collects the tokens that may be drawn, with their weights: the `top_k` likeliest, or all that weigh anything. Blocks
    /// of which nothing would be kept are not looked into: division by the temperature keeps the order.
    fn gather(&mut self, logits: &[f32], max: f32, params: &SamplingParams, top_k: Option<usize>) {
        let candidates = &mut self.candidates;
        candidates.clear();
        // Without top-p, what min-p drops is never needed; a hundredth is far more than all the rounding.
        let mut least = match params.top_p < 1.0 {
            true => FAINT,
            false => FAINT.max(params.min_p.ln() - 0.01),
        };
        let scale = |logit: &f32| (logit - max) / params.temperature;
        for ((block, largest), first) in logits.chunks(BLOCK).zip(&self.maxima).zip((0u32..).step_by(BLOCK)) {
            if scale(largest) < least {
                continue;
            }
            let scaled = (first..).zip(block.iter().map(scale)).filter(|(_, scaled)| *scaled >= least);
            candidates.extend(scaled.map(|(id, scaled)| Candidate { id, scaled, weight: 0 }));
            if let Some(k) = top_k
                && candidates.len() >= 4 * k.max(BLOCK)
            {
                least = keep_likeliest(candidates, k);
            }
        }
        if let Some(k) = top_k {
            keep_likeliest(candidates, k);
        }
        self.exponentials.clear();
        self.exponentials.extend(candidates.iter().map(|candidate| candidate.scaled));
        kernels::exp_all(&mut self.exponentials);
        for (candidate, exponential) in candidates.iter_mut().zip(&self.exponentials) {
            candidate.weight = (f64::from(*exponential) * UNITS) as u64;
        }
    }

    /// The candidate in whose share of the mass `u` falls.
    fn lot(&self, u: f64) -> Option<u32> {
        let total: u64 = self.candidates.iter().map(|candidate| candidate.weight).sum();
        let mut left = ((u * total as f64) as u64).min(total.saturating_sub(1));
        for candidate in &self.candidates {
            match left.checked_sub(candidate.weight) {
                Some(rest) => left = rest,
                None => return Some(candidate.id),
            }
        }
        None
    }
}

/// Adds the bias, then repetition over prompt and answer (Keskar et al. 2019), presence and frequency over the answer
/// (OpenAI's definition).
fn change(logits: &mut [f32], sequence: &Sequence) {
    let params = &sequence.sampling;
    for (id, bias) in &params.logit_bias {
        if let Some(logit) = logits.get_mut(*id as usize) {
            *logit += bias;
        }
    }
    if params.repetition_penalty != 1.0 {
        for id in sequence.seen() {
            if let Some(logit) = logits.get_mut(id as usize) {
                let penalty = params.repetition_penalty;
                *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
            }
        }
    }
    for (id, count) in &sequence.answer_counts {
        if let Some(logit) = logits.get_mut(*id as usize) {
            *logit -= params.presence_penalty + params.frequency_penalty * *count as f32;
        }
    }
}

/// Makes ids whose bit is not set impossible. What is not a number stays so, to be found.
fn forbid(logits: &mut [f32], allowed: &[u32]) {
    for (word, logits) in allowed.iter().zip(logits.chunks_mut(32)) {
        if *word == u32::MAX {
            continue;
        }
        for (bit, logit) in logits.iter_mut().enumerate() {
            *logit += if word >> bit & 1 == 1 { 0.0 } else { f32::NEG_INFINITY };
        }
    }
}

/// The largest of some logits; `None` when one is not a number. In lanes, so that it compiles to vector instructions.
fn largest(block: &[f32]) -> Option<f32> {
    let (lanes, rest) = block.as_chunks::<16>();
    let (mut largest, mut nan) = ([f32::NEG_INFINITY; 16], [0u32; 16]);
    for logits in lanes {
        for ((largest, nan), logit) in largest.iter_mut().zip(&mut nan).zip(logits) {
            *largest = if *logit > *largest { *logit } else { *largest };
            *nan |= u32::from(logit.is_nan());
        }
    }
    let nan = nan.contains(&1) || rest.iter().any(|logit| logit.is_nan());
    (!nan).then(|| largest.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max))
}

/// The `k` likeliest, in no order; gives what the least of them has. 0 < k.
fn keep_likeliest(candidates: &mut Vec<Candidate>, k: usize) -> f32 {
    if k >= candidates.len() {
        return FAINT;
    }
    candidates.select_nth_unstable_by(k - 1, likelier_first);
    candidates.truncate(k);
    candidates.last().map_or(FAINT, |candidate| candidate.scaled)
}

/// The fewest likeliest whose weights reach `top_p` of all, in order. Sorts only as many as it takes.
fn keep_mass(candidates: &mut Vec<Candidate>, top_p: f64) {
    let total: u64 = candidates.iter().map(|candidate| candidate.weight).sum();
    let enough = (top_p * total as f64).ceil() as u64;
    let (mut sorted, mut mass) = (0, 0);
    while sorted < candidates.len() {
        let Some(rest) = candidates.get_mut(sorted..) else { return };
        let take = rest.len().min((7 * sorted).max(64));
        if take < rest.len() {
            rest.select_nth_unstable_by(take - 1, likelier_first);
        }
        let Some(next) = rest.get_mut(..take) else { return };
        next.sort_unstable_by(likelier_first);
        for candidate in next {
            mass += candidate.weight;
            sorted += 1;
            if mass >= enough {
                candidates.truncate(sorted);
                return;
            }
        }
    }
}

/// Larger logits first, lower ids first among equals: a total order, so that every sort gives the same result.
fn likelier_first(a: &Candidate, b: &Candidate) -> Ordering {
    b.scaled.total_cmp(&a.scaled).then(a.id.cmp(&b.id))
}

/// A number in [0, 1) from seed and position alone: two rounds of the SplitMix64 finalizer (Steele et al. 2014).
fn uniform(seed: u64, position: u64) -> f64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = mix(mix(seed.wrapping_add(STEP)).wrapping_add(position.wrapping_mul(STEP)));
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SequenceRequest;
    use proptest::prelude::*;

    fn sequence(prompt: Vec<u32>, sampling: SamplingParams, answer: &[u32]) -> Sequence {
        let (sender, _events) = tokio::sync::mpsc::channel(answer.len() + 2);
        let request = SequenceRequest {
            prompt: prompt.into(),
            sampling,
            max_tokens: answer.len() as u32 + 1,
            stop_token_ids: Vec::new(),
            cache_salt: [0; 32],
            tenant: [0; 32],
            draft_tokens_max: None,
            mask: None,
            busy: Default::default(),
        };
        let mut sequence = Sequence::new(0, request, 0, sender);
        for id in answer {
            // The receiver is gone, which does not keep the token out of the sequence.
            let _ = sequence.push((*id).into());
        }
        sequence
    }

    /// The same definition, written the slow way: sort everything, cut, renormalize, walk.
    fn naive(logits: &[f32], params: &SamplingParams) -> Vec<(u32, u64)> {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let scaled = |id: u32| (logits[id as usize] - max) / params.temperature;
        let weight = |id: u32| (f64::from(kernels::exp(scaled(id))) * UNITS) as u64;
        let mut all: Vec<(u32, u64)> = (0..logits.len() as u32).map(|id| (id, weight(id))).collect();
        let top_k = Some(params.top_k as usize).filter(|k| (1..logits.len()).contains(k));
        if params.top_p < 1.0 || top_k.is_some() {
            // Ties in weight are ordered by logit, and those by id.
            all.sort_by(|a, b| scaled(b.0).total_cmp(&scaled(a.0)).then(a.0.cmp(&b.0)));
        }
        all.truncate(top_k.unwrap_or(usize::MAX));
        if params.top_p < 1.0 {
            let total: u64 = all.iter().map(|(_, weight)| weight).sum();
            let enough = (f64::from(params.top_p) * total as f64).ceil() as u64;
            let mut mass = 0;
            let reached = all.iter().position(|(_, weight)| {
                mass += weight;
                mass >= enough
            });
            all.truncate(reached.map_or(all.len(), |last| last + 1));
        }
        all.retain(|(_, weight)| *weight as f64 >= f64::from(params.min_p) * UNITS);
        all
    }

    fn walk(kept: &[(u32, u64)], u: f64) -> Option<u32> {
        let total: u64 = kept.iter().map(|(_, weight)| weight).sum();
        let target = ((u * total as f64) as u64).min(total - 1);
        let mut reached = 0;
        let drawn = kept.iter().find(|(_, weight)| {
            reached += weight;
            reached > target
        });
        drawn.map(|(id, _)| *id)
    }

    fn draw(sampler: &mut Sampler, logits: &[f32], params: &SamplingParams, u: f64) -> Option<u32> {
        let max = logits[sampler.argmax(logits)? as usize];
        sampler.draw(logits, max, params, u)
    }

    proptest! {
        #[test]
        fn draws_as_the_naive_definition_does(
            // Many ties, and more than a few blocks of them; or spread so wide that most weigh nothing.
            logits in prop_oneof![
                prop::collection::vec((-40i32..40).prop_map(|l| l as f32 / 4.0), 1..3000),
                prop::collection::vec(-90f32..10.0, 1..3000),
            ],
            temperature in 0.05f32..3.0,
            top_k in prop_oneof![Just(0u32), 1..50u32],
            top_p in prop_oneof![Just(1.0f32), 0.01f32..1.0],
            min_p in prop_oneof![Just(0.0f32), 0.0f32..0.5],
            u in 0.0f64..1.0,
        ) {
            let params = SamplingParams { temperature, top_k, top_p, min_p, ..SamplingParams::default() };
            let drawn = draw(&mut Sampler::default(), &logits, &params, u);
            prop_assert_eq!(drawn, walk(&naive(&logits, &params), u));
        }

        #[test]
        fn greedy_takes_the_lowest_id_among_the_largest(
            logits in prop::collection::vec((-3i32..3).prop_map(|l| l as f32), 1..600),
        ) {
            let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let first = logits.iter().position(|logit| *logit == max).map(|id| id as u32);
            let sequence = sequence(vec![0], SamplingParams::default(), &[]);
            prop_assert_eq!(Sampler::default().sample(&logits, &sequence, None), first);
        }
    }

    #[test]
    fn penalties_and_bias_change_what_they_should() {
        let params = SamplingParams {
            repetition_penalty: 2.0,
            presence_penalty: 0.5,
            frequency_penalty: 0.25,
            logit_bias: vec![(4, -3.0), (4, 1.0)],
            ..SamplingParams::default()
        };
        let sequence = sequence(vec![0, 1], params, &[2, 2, 3]);
        let mut logits = [4.0, -4.0, 4.0, 4.0, 4.0, 4.0];
        change(&mut logits, &sequence);
        assert_eq!(Sampler::default().sample(&[4.0, -4.0, 4.0, 4.0, 4.0, 4.0], &sequence, None), Some(5));
        // Prompt: divided or multiplied. Answer: also minus presence, minus frequency a time. Bias adds up.
        assert_eq!(logits, [2.0, -8.0, 2.0 - 0.5 - 0.5, 2.0 - 0.5 - 0.25, 2.0, 4.0]);
    }

    #[test]
    fn what_is_not_a_number_is_a_fault_and_no_token() {
        let greedy = sequence(vec![0], SamplingParams::default(), &[]);
        let hot = sequence(vec![0], SamplingParams { temperature: 1.0, ..SamplingParams::default() }, &[]);
        for logits in [[0.0, f32::NAN], [f32::INFINITY, 0.0], [f32::NEG_INFINITY; 2]] {
            assert_eq!(Sampler::default().sample(&logits, &greedy, None), None);
            assert_eq!(Sampler::default().sample(&logits, &hot, None), None);
        }
        for at in 0..600 {
            let mut logits = [1.0; 600];
            logits[at] = f32::NAN;
            assert_eq!(Sampler::default().sample(&logits, &greedy, None), None);
        }
    }

    #[test]
    fn the_generator_is_keyed_by_seed_and_position_and_nothing_else() {
        // Fixed values: a change here changes every seeded answer ever given.
        assert_eq!(uniform(0, 0), uniform(0, 0));
        assert_eq!((uniform(0, 1) * 1e9) as u64, 652_448_486);
        assert_eq!((uniform(7, 123) * 1e9) as u64, 53_665_314);
        let mean = (0..10_000u64).map(|i| uniform(i % 100, i / 100)).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.015, "mean {mean}: five standard errors off");
    }

    #[test]
    fn frequencies_follow_the_probabilities() {
        let mut sampler = Sampler::default();
        let params = SamplingParams { temperature: 1.0, ..SamplingParams::default() };
        let mut counts = [0.0f64; 3];
        for position in 0..20_000 {
            let drawn = draw(&mut sampler, &[0.0, 1.0, 2.0], &params, uniform(1, position));
            counts[drawn.unwrap() as usize] += 1.0 / 20_000.0;
        }
        for (count, expected) in counts.iter().zip([0.0900, 0.2447, 0.6652]) {
            // Five standard errors of a share of 20,000 draws are at most 0.018.
            assert!((count - expected).abs() < 0.018, "{counts:?}");
        }
    }
}
