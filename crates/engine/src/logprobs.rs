//! How likely the model finds a token: its logit less the logarithm of the sum of all exponentials.
//!
//! The distribution is the model's own: before bias, penalties, mask and temperature. It is a function of one row of logits
//! alone, so a token has the same bits when it is generated and when it is read back as part of a prompt.

use std::cmp::Ordering;

/// Logits whose exponentials are taken together.
const BLOCK: usize = 256;

/// What the model said of one token at its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The token's position in prompt and answer together; at least 1, as nothing is said of the first.
    pub position: usize,
    /// The token.
    pub id: u32,
    /// ln of its probability: natural, at most 0; −∞ where its logit is.
    pub logprob: f64,
    /// 1 for the likeliest; among equals the lower id comes first.
    pub rank: u32,
    /// The likeliest ids with theirs, in that order; as many as were asked for.
    pub top: Vec<(u32, f64)>,
}

/// Buffers that are kept from token to token.
#[derive(Default)]
pub(crate) struct Scorer {
    exponentials: Vec<f32>,
}

impl Scorer {
    /// Overwrites what earlier scores left, and keeps the memory.
    pub(crate) fn forget(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.exponentials);
    }

    /// Scores `id` at `position` by a row of logits, with the `top` likeliest; `None` when a logit is not a number, none is
    /// finite, or the id has none: a fault.
    pub(crate) fn score(&mut self, logits: &[f32], position: usize, id: u32, top: usize) -> Option<Scored> {
        let own = *logits.get(id as usize)?;
        if logits.iter().any(|logit| logit.is_nan()) {
            return None;
        }
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if !max.is_finite() {
            return None;
        }
        let log_sum = self.sum(logits, max).ln();
        let logprob = |logit: f32| f64::from(logit) - f64::from(max) - log_sum;
        let before = |(other, logit): (usize, &f32)| *logit > own || (*logit == own && other < id as usize);
        let rank = 1 + logits.iter().enumerate().filter(|other| before(*other)).count();
        let top = likeliest(logits, top).into_iter().map(|(id, logit)| (id, logprob(logit))).collect();
        Some(Scored { position, id, logprob: logprob(own), rank: u32::try_from(rank).ok()?, top })
    }

    /// The sum of e to each logit's distance from `max`: the exponentials in binary32, added up in binary64 in order of id.
    fn sum(&mut self, logits: &[f32], max: f32) -> f64 {
        let mut sum = 0.0;
        for block in logits.chunks(BLOCK) {
            self.exponentials.clear();
            self.exponentials.extend(block.iter().map(|logit| logit - max));
            kernels::exp_all(&mut self.exponentials);
            sum += self.exponentials.iter().map(|exponential| f64::from(*exponential)).sum::<f64>();
        }
        sum
    }
}

/// The `count` largest logits with their ids, the largest first, among equals the lowest id.
fn likeliest(logits: &[f32], count: usize) -> Vec<(u32, f32)> {
    let mut top: Vec<(u32, f32)> = Vec::with_capacity(count + 1);
    let mut least = f32::NEG_INFINITY;
    for (id, logit) in (0u32..).zip(logits) {
        if top.len() == count && *logit <= least {
            continue;
        }
        let larger_first = |other: &(u32, f32)| other.1.total_cmp(logit) != Ordering::Less;
        let place = top.partition_point(larger_first);
        top.insert(place, (id, *logit));
        top.truncate(count);
        least = top.last().map_or(f32::INFINITY, |(_, logit)| *logit);
    }
    top
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By the definition, in binary64 throughout.
    fn naive(logits: &[f32], id: u32) -> f64 {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - f64::from(max)).exp()).sum();
        f64::from(logits[id as usize]) - f64::from(max) - sum.ln()
    }

    proptest! {
        #[test]
        fn scores_are_the_log_softmax(
            logits in prop_oneof![
                prop::collection::vec((-40i32..40).prop_map(|logit| logit as f32 / 4.0), 1..2000),
                prop::collection::vec(-90f32..90.0, 1..2000),
            ],
            at in any::<prop::sample::Index>(),
            top in 0usize..25,
        ) {
            let id = at.index(logits.len()) as u32;
            let scored = Scorer::default().score(&logits, 1, id, top).unwrap();
            prop_assert!((scored.logprob - naive(&logits, id)).abs() < 2e-7, "{} {}", scored.logprob, naive(&logits, id));
            let mut all: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            prop_assert_eq!(all.iter().position(|(other, _)| *other == id).unwrap() as u32 + 1, scored.rank);
            let ids: Vec<u32> = scored.top.iter().map(|(id, _)| *id).collect();
            prop_assert_eq!(ids, all.iter().take(top).map(|(id, _)| *id).collect::<Vec<_>>());
            // The same token has the same bits, whether it is asked for or among the likeliest.
            for (other, logprob) in &scored.top {
                let alone = Scorer::default().score(&logits, 1, *other, 0).unwrap();
                prop_assert_eq!(alone.logprob.to_bits(), logprob.to_bits());
            }
        }
    }

    #[test]
    fn what_is_not_a_number_is_no_score() {
        let mut scorer = Scorer::default();
        for logits in [[0.0, f32::NAN], [f32::INFINITY, 0.0], [f32::NEG_INFINITY; 2]] {
            assert_eq!(scorer.score(&logits, 1, 0, 1), None);
        }
        assert_eq!(scorer.score(&[0.0], 1, 1, 1), None);
        let forbidden = scorer.score(&[f32::NEG_INFINITY, 2.0], 1, 0, 2).unwrap();
        assert_eq!((forbidden.logprob, forbidden.rank), (f64::NEG_INFINITY, 2));
        assert_eq!(forbidden.top, [(1, 0.0), (0, f64::NEG_INFINITY)]);
    }
}
