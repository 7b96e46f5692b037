//! How close our distributions are to a reference's, position by position.
//!
//! The quantities are those of llama.cpp's `llama-perplexity --kl-divergence`, defined alike so that its figures and ours can stand
//! side by side: perplexities over the second half of each chunk, the Kullback-Leibler divergence of ours from the reference,
//! and how often both have the same most probable token. Sums are kept in f64.

use crate::Error;
use crate::base_file::{BaseChunk, BaseFile, BaseRow};
use crate::record::{Better, Figure, OURS};
use crate::statistics::quantile;

/// Log-probabilities of the reference at or below this are not distinguished in its file, and are left out of the divergence.
const LEAST_LOG_PROB: f32 = -16.0;
const WORKLOAD: &str = "fidelity";

/// A mean with its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// One standard error.
    pub error: f64,
}

/// What was found over all positions.
#[derive(Debug, Clone, PartialEq)]
pub struct Fidelity {
    /// Positions compared.
    pub positions: usize,
    /// Our perplexity.
    pub ppl: Estimate,
    /// The reference's.
    pub ppl_base: Estimate,
    /// Ours minus the reference's.
    pub ppl_difference: Estimate,
    /// Mean divergence of ours from the reference, in nats.
    pub kl_mean: Estimate,
    /// Its median.
    pub kl_median: f64,
    /// 99 of 100 positions lie at or below it.
    pub kl_99: f64,
    /// The greatest.
    pub kl_max: f64,
    /// Share of positions with the same most probable token, 0 to 1.
    pub same_top: Estimate,
}

/// Sums over the positions so far.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    nll: Vec<f64>,
    nll_base: Vec<f64>,
    kl: Vec<f64>,
    same_top: usize,
}

impl Comparison {
    /// Adds a position: our logits `[n_vocab]`, the reference's row, and the token that followed.
    /// `None` when a logit is not a number or the token has none.
    pub(crate) fn add(&mut self, logits: &[f32], base: &BaseRow<'_>, next: u32) -> Option<()> {
        let (top, norm) = normaliser(logits)?;
        let kl = base.log_probs().zip(logits).filter(|(log_prob, _)| *log_prob > LEAST_LOG_PROB);
        let kl: f64 = kl.map(|(p, q)| f64::from(p).exp() * (f64::from(p) - (f64::from(*q) - norm))).sum();
        let (base_top, _) = first_max(base.log_probs())?;
        self.nll.push(norm - f64::from(*logits.get(next as usize)?));
        self.nll_base.push(-f64::from(base.log_probs().nth(next as usize)?));
        self.kl.push(kl);
        self.same_top += usize::from(top == base_top);
        Some(())
    }

    /// The means and their errors; `None` of fewer than two positions.
    pub(crate) fn finish(&self) -> Option<Fidelity> {
        let positions = self.nll.len();
        let (nll, base) = (mean(&self.nll)?, mean(&self.nll_base)?);
        let covariance = covariance(&self.nll, nll.value, &self.nll_base, base.value);
        let (ppl, ppl_base) = (exponential(nll), exponential(base));
        let shared = 2.0 * ppl.value * ppl_base.value * covariance;
        let variance = ppl.error * ppl.error + ppl_base.error * ppl_base.error - shared;
        let same = self.same_top as f64 / positions as f64;
        Some(Fidelity {
            positions,
            ppl,
            ppl_base,
            ppl_difference: Estimate { value: ppl.value - ppl_base.value, error: variance.max(0.0).sqrt() },
            kl_mean: mean(&self.kl)?,
            kl_median: quantile(&self.kl, 0.5)?,
            kl_99: quantile(&self.kl, 0.99)?,
            kl_max: quantile(&self.kl, 1.0)?,
            same_top: Estimate { value: same, error: (same * (1.0 - same) / (positions - 1) as f64).sqrt() },
        })
    }
}

/// The most probable token, and what is subtracted from each logit to make it a log-probability. `None` when a logit is not
/// a number.
fn normaliser(logits: &[f32]) -> Option<(usize, f64)> {
    if logits.iter().any(|logit| logit.is_nan()) {
        return None;
    }
    let (top, max) = first_max(logits.iter().copied())?;
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - max).exp()).sum();
    Some((top, f64::from(max) + sum.ln()))
}

/// How surprised the distribution is at the token that followed, in nats. `None` when a logit is not a number or the token has
/// none.
pub(crate) fn surprise(logits: &[f32], next: u32) -> Option<f64> {
    let (_, norm) = normaliser(logits)?;
    Some(norm - f64::from(*logits.get(next as usize)?))
}

/// The first of the greatest, with its place.
fn first_max(values: impl Iterator<Item = f32>) -> Option<(usize, f32)> {
    let greater = |best: (usize, f32), next: (usize, f32)| if next.1 > best.1 { next } else { best };
    values.enumerate().reduce(greater)
}

/// `None` of fewer than two values.
pub(crate) fn mean(values: &[f64]) -> Option<Estimate> {
    let count = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let value = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|x| (x - value) * (x - value)).sum::<f64>() / count;
    Some(Estimate { value, error: (variance / (count - 1.0)).sqrt() })
}

/// Of the two means, not of the values.
fn covariance(a: &[f64], mean_a: f64, b: &[f64], mean_b: f64) -> f64 {
    let count = a.len() as f64;
    a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>() / count / (count - 1.0)
}

/// e to an estimate, its error to first order.
pub(crate) fn exponential(of: Estimate) -> Estimate {
    let value = of.value.exp();
    Estimate { value, error: value * of.error }
}

/// Runs every chunk of the reference through the model and compares. `progress` is told chunks done, chunks in all, and what
/// was found so far.
///
/// # Errors
/// [`Error::Base`] for a file that is malformed or of another vocabulary; [`Error::Engine`] when the model cannot run a chunk.
pub fn fidelity<R: std::io::Read>(
    loaded: &mut engine::Loaded,
    base: &mut BaseFile<R>,
    path: &std::path::Path,
    progress: &mut dyn FnMut(usize, usize, Option<&Fidelity>),
) -> Result<Fidelity, Error> {
    let at = |fault| Error::Base { path: path.to_owned(), fault };
    let unusable = |reason: String| Error::Workload { name: WORKLOAD.to_owned(), reason };
    let vocab_len = loaded.model.vocab_len();
    if base.n_vocab != vocab_len {
        return Err(unusable(format!("the reference has {} tokens, the model {vocab_len}", base.n_vocab)));
    }
    // llama.cpp writes the text's own tokens to the file, and runs each chunk with this one in the first place.
    let tokenizer = gateway::tokenizer_of(WORKLOAD, &loaded.metadata)?;
    let bos = tokenizer.bos().filter(|_| tokenizer.add_bos());
    let (from, len, n_chunk) = (base.n_ctx / 2, base.n_ctx - 1, base.n_chunk);
    let mut comparison = Comparison::default();
    let mut done = 0;
    while let Some(BaseChunk { tokens, rows }) = base.next_chunk().map_err(at)? {
        let mut prompt: Vec<u32> = tokens.iter().take(len).copied().collect();
        if let (Some(bos), Some(first)) = (bos, prompt.first_mut()) {
            *first = bos;
        }
        let logits = loaded.model.logits(&prompt, from, len)?;
        let positions = logits.chunks_exact(vocab_len).zip(&rows).zip(tokens.iter().skip(from + 1));
        for ((logits, row), next) in positions {
            let added = comparison.add(logits, row, *next);
            added.ok_or_else(|| {
                unusable(format!("chunk {done}: the model gave a logit that is not a number"))
            })?;
        }
        done += 1;
        progress(done, n_chunk, comparison.finish().as_ref());
    }
    comparison.finish().ok_or_else(|| unusable("the reference has fewer than two positions".to_owned()))
}

impl Fidelity {
    /// As figures of a record; a standard error is a figure of its own.
    pub fn figures(&self) -> Vec<Figure> {
        let figure = |metric: &str, unit: &str, better, value| {
            Figure::new(WORKLOAD, metric, unit, better, OURS, vec![value])
        };
        let mut figures = Vec::new();
        let mut estimate = |metric: &str, unit: &str, better, estimate: Estimate, scale: f64| {
            figures.push(figure(metric, unit, better, estimate.value * scale));
            figures.push(figure(&format!("{metric} ±"), unit, Better::Lower, estimate.error * scale));
        };
        estimate("PPL", "", Better::Lower, self.ppl, 1.0);
        estimate("PPL of the reference", "", Better::Lower, self.ppl_base, 1.0);
        estimate("PPL difference", "", Better::Lower, self.ppl_difference, 1.0);
        estimate("mean KL", "nats", Better::Lower, self.kl_mean, 1.0);
        estimate("same top token", "%", Better::Higher, self.same_top, 100.0);
        figures.push(figure("median KL", "nats", Better::Lower, self.kl_median));
        figures.push(figure("99 % KL", "nats", Better::Lower, self.kl_99));
        figures.push(figure("maximum KL", "nats", Better::Lower, self.kl_max));
        figures
    }
}
