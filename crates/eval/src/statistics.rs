//! What is said of a list of measurements.

use serde::{Deserialize, Serialize};

/// Middle and ends of a list of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Half of the values lie at or below it; the mean of the middle two of an even number.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Summary {
    /// Of at least one value; `None` of none, or when one is not a number.
    pub fn of(values: &[f64]) -> Option<Self> {
        Some(Summary {
            median: quantile(values, 0.5)?,
            min: quantile(values, 0.0)?,
            max: quantile(values, 1.0)?,
        })
    }
}

/// The quantile `q` (0 to 1), linear between the two nearest ranks (Hyndman and Fan 1996, definition 7).
/// `None` of no values, or when one is not a number.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let (low, high) = (*sorted.get(below)?, *sorted.get((below + 1).min(last))?);
    let part = place - place.floor();
    // Not low + (high - low) * part: equal infinities must stay what they are.
    Some(if part == 0.0 { low } else { low * (1.0 - part) + high * part })
}

/// The largest share that is not unlikely (at 95 %, one-sided) when `hits` of `trials` were seen: exact, from the binomial
/// distribution (Clopper and Pearson 1934). 1 of no trials.
#[must_use]
pub fn upper_bound_95(hits: u64, trials: u64) -> f64 {
    if trials == 0 || hits >= trials {
        return 1.0;
    }
    // At most `hits` are ever less probable the larger the share: halve until no double lies between.
    let (mut low, mut high) = (hits as f64 / trials as f64, 1.0);
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if at_most(hits, trials, middle) > 0.05 { low = middle } else { high = middle }
    }
    high
}

/// Probability of at most `hits` in `trials` that each hit with probability `share`, which is above 0 and below 1.
fn at_most(hits: u64, trials: u64, share: f64) -> f64 {
    let (mut log_ways, mut sum) = (0.0_f64, 0.0_f64);
    let (log_hit, log_miss) = (share.ln(), (-share).ln_1p());
    for k in 0..=hits {
        let (hit, miss) = (k as f64, (trials - k) as f64);
        sum += (log_ways + hit * log_hit + miss * log_miss).exp();
        log_ways += (miss / (hit + 1.0)).ln();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    /// The same by its meaning: walk along the sorted polyline by thousandths of a step.
    fn naive(values: &[f64], q: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let mut line = Vec::new();
        for pair in sorted.windows(2) {
            line.extend((0..1000).map(|i| pair[0] + (pair[1] - pair[0]) * f64::from(i) / 1000.0));
        }
        line.push(sorted[sorted.len() - 1]);
        line[((line.len() - 1) as f64 * q).round() as usize]
    }

    #[test]
    fn quantiles_agree_with_the_naive_model() {
        let mut random = SplitMix64::new(3, 0);
        for len in 1..40 {
            let values: Vec<f64> = (0..len).map(|_| f64::from(random.below(1000))).collect();
            for q in [0.0, 0.25, 0.5, 0.9, 0.99, 1.0] {
                let (ours, slow) = (quantile(&values, q).unwrap(), naive(&values, q));
                assert!((ours - slow).abs() <= 1.0, "{len} values, q {q}: {ours} and {slow}");
            }
        }
    }

    #[test]
    fn a_summary_is_of_what_was_measured() {
        let summary = Summary::of(&[4.0, 1.0, 2.0, 3.0]).unwrap();
        assert_eq!(summary, Summary { median: 2.5, min: 1.0, max: 4.0 });
        assert_eq!(Summary::of(&[7.0]).unwrap(), Summary { median: 7.0, min: 7.0, max: 7.0 });
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[1.0, f64::NAN]), None);
    }

    /// From `scipy.stats.beta.ppf(0.95, hits + 1, trials - hits)`, SciPy 1.17.1.
    #[test]
    fn bounds_agree_with_scipy() {
        let table = [
            (0, 1, 0.950000000000),
            (0, 10, 0.258865550893),
            (0, 300, 0.009936081944),
            (0, 400, 0.007461355529),
            (1, 12, 0.338680668434),
            (1, 400, 0.011804304454),
            (5, 20, 0.455582404002),
            (17, 400, 0.063068900077),
            (150, 300, 0.548991245291),
            (399, 400, 0.999871774986),
            (3, 50000, 0.000155065759),
            (9999, 10000, 0.999994870684),
        ];
        for (hits, trials, expected) in table {
            let found = upper_bound_95(hits, trials);
            assert!((found - expected).abs() < 1e-9, "{hits} of {trials}: {found} and {expected}");
        }
        assert!(upper_bound_95(0, 0) >= 1.0 && upper_bound_95(5, 5) >= 1.0);
    }
}
