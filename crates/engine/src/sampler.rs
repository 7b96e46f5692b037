//! Logits to one token id. The same logits, parameters, seed and position give the same id on every machine.

use crate::SamplingParams;
use crate::sequence::Sequence;
use std::cmp::Ordering;

/// A token that may still be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    id: u32,
    /// Logit below the largest, over the temperature; at most 0.
    scaled: f32,
    /// e to that.
    weight: f64,
}

/// Buffers that are kept from token to token.
#[derive(Default)]
pub(crate) struct Sampler {
    logits: Vec<f32>,
    candidates: Vec<Candidate>,
}

impl Sampler {
    /// The id for the sequence's next position; `None` when a logit is not a number or none is finite, which is a fault.
    pub(crate) fn sample(&mut self, logits: &[f32], sequence: &Sequence) -> Option<u32> {
        let params = &sequence.sampling;
        self.logits.clear();
        self.logits.extend_from_slice(logits);
        for (id, bias) in &params.logit_bias {
            if let Some(logit) = self.logits.get_mut(*id as usize) {
                *logit += bias;
            }
        }
        if params.penalizes() {
            self.penalize(sequence);
        }
        if params.temperature == 0.0 {
            return argmax(&self.logits);
        }
        let u = uniform(params.seed, sequence.len() as u64);
        self.draw(params, u)
    }

    /// Repetition over prompt and answer (Keskar et al. 2019), presence and frequency over the answer (OpenAI's definition).
    fn penalize(&mut self, sequence: &Sequence) {
        let params = &sequence.sampling;
        if params.repetition_penalty != 1.0 {
            let mut seen: Vec<u32> = sequence.tokens().to_vec();
            seen.sort_unstable();
            seen.dedup();
            for id in zeroize::Zeroizing::new(seen).iter() {
                if let Some(logit) = self.logits.get_mut(*id as usize) {
                    let penalty = params.repetition_penalty;
                    *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
                }
            }
        }
        for (id, count) in &sequence.answer_counts {
            if let Some(logit) = self.logits.get_mut(*id as usize) {
                *logit -= params.presence_penalty + params.frequency_penalty * *count as f32;
            }
        }
    }

    /// Temperature, top-k, top-p, min-p; then the token in whose share of the mass `u` falls, 0 ≤ u < 1.
    fn draw(&mut self, params: &SamplingParams, u: f64) -> Option<u32> {
        let max = self.logits.get(argmax(&self.logits)? as usize).copied()?;
        let candidates = self.logits.iter().enumerate().map(|(id, logit)| {
            let scaled = (logit - max) / params.temperature;
            Candidate { id: id as u32, scaled, weight: f64::from(kernels::exp(scaled)) }
        });
        self.candidates.clear();
        self.candidates.extend(candidates);
        let top_k = params.top_k as usize;
        if top_k > 0 && top_k < self.candidates.len() {
            keep_likeliest(&mut self.candidates, top_k);
        }
        if params.top_p < 1.0 {
            keep_mass(&mut self.candidates, f64::from(params.top_p));
        }
        if params.min_p > 0.0 {
            // The likeliest token has weight 1.
            self.candidates.retain(|candidate| candidate.weight >= f64::from(params.min_p));
        }
        let total: f64 = self.candidates.iter().map(|candidate| candidate.weight).sum();
        let mut left = u * total;
        let mut drawn = None;
        for candidate in self.candidates.iter().filter(|candidate| candidate.weight > 0.0) {
            drawn = Some(candidate.id);
            left -= candidate.weight;
            if left < 0.0 {
                break;
            }
        }
        drawn
    }
}

/// The `k` likeliest, in order; 0 < k < len.
fn keep_likeliest(candidates: &mut Vec<Candidate>, k: usize) {
    candidates.select_nth_unstable_by(k - 1, likelier_first);
    candidates.truncate(k);
    candidates.sort_unstable_by(likelier_first);
}

/// The fewest likeliest whose weights reach `top_p` of all, in order. Sorts only as many as it takes.
fn keep_mass(candidates: &mut Vec<Candidate>, top_p: f64) {
    let total: f64 = candidates.iter().map(|candidate| candidate.weight).sum();
    let mut sorted = 0;
    let mut mass = 0.0;
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
            if mass >= top_p * total {
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

/// The id of the largest logit, the lowest among equals.
fn argmax(logits: &[f32]) -> Option<u32> {
    let mut best: Option<(u32, f32)> = None;
    for (id, logit) in logits.iter().enumerate() {
        if logit.is_nan() {
            return None;
        }
        if best.is_none_or(|(_, max)| *logit > max) {
            best = Some((id as u32, *logit));
        }
    }
    best.filter(|(_, logit)| logit.is_finite()).map(|(id, _)| id)
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
        };
        let mut sequence = Sequence::new(0, request, sender);
        for id in answer {
            // The receiver is gone, which does not keep the token out of the sequence.
            let _ = sequence.push(*id);
        }
        sequence
    }

    /// The same definition, written the slow way: sort everything, cut, renormalize, walk.
    fn naive(logits: &[f32], params: &SamplingParams) -> Vec<(u32, f64)> {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |logit: f32| f64::from(kernels::exp((logit - max) / params.temperature));
        let mut all: Vec<(u32, f64)> = (0..).zip(logits.iter().map(|logit| weight(*logit))).collect();
        let cuts = params.top_p < 1.0 || (params.top_k > 0 && (params.top_k as usize) < logits.len());
        if cuts {
            // Ties in weight are ordered by logit, and those by id.
            all.sort_by(|a, b| {
                let (x, y) = (logits[a.0 as usize] - max, logits[b.0 as usize] - max);
                (y / params.temperature).total_cmp(&(x / params.temperature)).then(a.0.cmp(&b.0))
            });
        }
        if params.top_k > 0 {
            all.truncate(params.top_k as usize);
        }
        if params.top_p < 1.0 {
            let mut total = 0.0;
            let mut by_id = all.clone();
            if params.top_k == 0 || params.top_k as usize >= logits.len() {
                by_id.sort_by_key(|(id, _)| *id);
            }
            by_id.iter().for_each(|(_, weight)| total += weight);
            let mut mass = 0.0;
            let reached = all.iter().position(|(_, weight)| {
                mass += weight;
                mass >= f64::from(params.top_p) * total
            });
            all.truncate(reached.map_or(all.len(), |last| last + 1));
        }
        all.retain(|(_, weight)| *weight >= f64::from(params.min_p));
        all
    }

    fn walk(kept: &[(u32, f64)], u: f64) -> Option<u32> {
        let mut left = u * kept.iter().map(|(_, weight)| weight).sum::<f64>();
        let possible = kept.iter().filter(|(_, weight)| *weight > 0.0);
        let mut drawn = None;
        for (id, weight) in possible {
            drawn = Some(*id);
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        drawn
    }

    proptest! {
        #[test]
        fn draws_as_the_naive_definition_does(
            logits in prop::collection::vec((-40i32..40).prop_map(|l| l as f32 / 4.0), 1..700),
            temperature in 0.05f32..3.0,
            top_k in prop_oneof![Just(0u32), 1..50u32],
            top_p in prop_oneof![Just(1.0f32), 0.01f32..1.0],
            min_p in prop_oneof![Just(0.0f32), 0.0f32..0.5],
            u in 0.0f64..1.0,
        ) {
            let params = SamplingParams { temperature, top_k, top_p, min_p, ..SamplingParams::default() };
            let mut sampler = Sampler { logits: logits.clone(), ..Sampler::default() };
            let drawn = sampler.draw(&params, u);
            let kept = naive(&logits, &params);
            prop_assert_eq!(drawn, walk(&kept, u));
        }

        #[test]
        fn greedy_takes_the_lowest_id_among_the_largest(
            logits in prop::collection::vec((-3i32..3).prop_map(|l| l as f32), 1..40),
        ) {
            let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let first = logits.iter().position(|logit| *logit == max).map(|id| id as u32);
            let sequence = sequence(vec![0], SamplingParams::default(), &[]);
            prop_assert_eq!(Sampler::default().sample(&logits, &sequence), first);
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
        let mut sampler = Sampler::default();
        let sequence = sequence(vec![0, 1], params, &[2, 2, 3]);
        sampler.sample(&[4.0, -4.0, 4.0, 4.0, 4.0, 4.0], &sequence).unwrap();
        // Prompt: divided or multiplied. Answer: also minus presence, minus frequency a time. Bias adds up.
        assert_eq!(sampler.logits, [2.0, -8.0, 2.0 - 0.5 - 0.5, 2.0 - 0.5 - 0.25, 2.0, 4.0]);
    }

    #[test]
    fn what_is_not_a_number_is_a_fault_and_no_token() {
        let greedy = sequence(vec![0], SamplingParams::default(), &[]);
        let hot = sequence(vec![0], SamplingParams { temperature: 1.0, ..SamplingParams::default() }, &[]);
        for logits in [[0.0, f32::NAN], [f32::INFINITY, 0.0], [f32::NEG_INFINITY; 2]] {
            assert_eq!(Sampler::default().sample(&logits, &greedy), None);
            assert_eq!(Sampler::default().sample(&logits, &hot), None);
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
        let mut sampler = Sampler { logits: vec![0.0, 1.0, 2.0], ..Sampler::default() };
        let params = SamplingParams { temperature: 1.0, ..SamplingParams::default() };
        let mut counts = [0.0f64; 3];
        for position in 0..20_000 {
            counts[sampler.draw(&params, uniform(1, position)).unwrap() as usize] += 1.0 / 20_000.0;
        }
        for (count, expected) in counts.iter().zip([0.0900, 0.2447, 0.6652]) {
            // Five standard errors of a share of 20,000 draws are at most 0.018.
            assert!((count - expected).abs() < 0.018, "{counts:?}");
        }
    }
}
