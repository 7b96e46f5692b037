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
