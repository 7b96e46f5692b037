//! What may be asked of the engine, and what comes back.

use crate::{Scored, SubmitError, TokenMask};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use zeroize::Zeroizing;

/// One request: token ids in, and how to choose the ids that follow.
#[derive(Clone)]
pub struct SequenceRequest {
    /// The prompt's token ids, wiped when dropped.
    pub prompt: Zeroizing<Vec<u32>>,
    /// How tokens are chosen.
    pub sampling: SamplingParams,
    /// At most this many tokens are generated; 0 only where the prompt is scored.
    pub max_tokens: u32,
    /// Any of these ids ends the sequence. The id itself is not emitted as a `Token`.
    pub stop_token_ids: Vec<u32>,
    /// Pages of the KV cache are shared only between requests with the same salt.
    pub cache_salt: [u8; 32],
    /// Requests with the same key wait in one line; lines are served fairly beside each other. The engine knows nothing
    /// else about it.
    pub tenant: [u8; 32],
    /// At most this many tokens are guessed in a step, where that is less than `EngineOptions::speculation`. Changes no answer.
    pub draft_tokens_max: Option<usize>,
    /// What the answer may become; `None` leaves every token free. It is asked on the engine's own threads.
    pub mask: Option<Box<dyn TokenMask>>,
    /// Counts the time that is computed for the sequence, and tells when it began.
    pub busy: BusyTime,
}

/// Time that was computed for a sequence: of each step, its part of the step's rows. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct BusyTime(Arc<Computed>);

#[derive(Debug, Default)]
struct Computed {
    nanoseconds: AtomicU64,
    begun: OnceLock<Instant>,
}

impl BusyTime {
    /// Nanoseconds so far.
    #[must_use]
    pub fn nanoseconds(&self) -> u64 {
        self.0.nanoseconds.load(Ordering::Relaxed)
    }

    /// When the first of the clones' sequences left the queue; `None` while all wait.
    #[must_use]
    pub fn begun(&self) -> Option<Instant> {
        self.0.begun.get().copied()
    }

    /// Says that a sequence leaves the queue; the first time counts.
    pub(crate) fn begin(&self, at: Instant) {
        self.0.begun.get_or_init(|| at);
    }

    /// Adds nanoseconds.
    pub fn add(&self, nanoseconds: u64) {
        self.0.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for SequenceRequest {
    /// Sizes only: a prompt is never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SequenceRequest")
            .field("prompt_tokens", &self.prompt.len())
            .field("max_tokens", &self.max_tokens)
            .finish_non_exhaustive()
    }
}

/// Most tokens that can be told beside each scored one.
pub const LOGPROBS_MAX: u32 = 20;

/// How the next token is chosen from the logits. `Default` is greedy.
///
/// The order is fixed: logit bias, repetition, presence and frequency penalties, the request's mask, temperature, top-k, top-p, min-p, draw.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingParams {
    /// 0 is greedy (the largest logit, the lowest id among equals); otherwise logits are divided by it. 0 to 100.
    pub temperature: f32,
    /// Only the `top_k` largest logits are kept; 0 keeps all.
    pub top_k: u32,
    /// The smallest set of most probable tokens whose mass reaches `top_p` is kept. Above 0, at most 1; 1 keeps all.
    pub top_p: f32,
    /// Tokens less probable than `min_p` times the most probable one are dropped. 0 to 1; 0 keeps all.
    pub min_p: f32,
    /// Logits of tokens seen in prompt or answer are divided (positive) or multiplied (negative) by it. Above 0; 1 is off.
    pub repetition_penalty: f32,
    /// Subtracted once from every token already in the answer. −2 to 2.
    pub presence_penalty: f32,
    /// Subtracted from every token already in the answer, as often as it occurs there. −2 to 2.
    pub frequency_penalty: f32,
    /// Keys the generator, together with the position of the token drawn.
    pub seed: u64,
    /// Added to the logits of these ids before anything else. −100 to 100 each.
    pub logit_bias: Vec<(u32, f32)>,
    /// Each token of the answer is scored, with so many of the likeliest in its place; `None` scores none. Changes no answer.
    pub logprobs: Option<u32>,
    /// The same for each token of the prompt but the first. Nothing of the prompt is then taken over from known pages.
    pub prompt_logprobs: Option<u32>,
}

impl Default for SamplingParams {
    fn default() -> Self {
        SamplingParams {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            seed: 0,
            logit_bias: Vec::new(),
            logprobs: None,
            prompt_logprobs: None,
        }
    }
}

impl SamplingParams {
    /// Refuses what has no meaning, by field. `vocab_len` bounds the ids in `logit_bias`.
    ///
    /// # Errors
    /// `InvalidSampling` with the field and what is allowed.
    pub fn validate(&self, vocab_len: usize) -> Result<(), SubmitError> {
        let check = |ok: bool, field: &'static str, reason: &'static str| {
            if ok { Ok(()) } else { Err(SubmitError::InvalidSampling { field, reason }) }
        };
        check((0.0..=100.0).contains(&self.temperature), "temperature", "must be between 0 and 100")?;
        check(self.top_p > 0.0 && self.top_p <= 1.0, "top_p", "must be above 0 and at most 1")?;
        check((0.0..=1.0).contains(&self.min_p), "min_p", "must be between 0 and 1")?;
        check(
            self.repetition_penalty > 0.0 && self.repetition_penalty <= 100.0,
            "repetition_penalty",
            "must be above 0 and at most 100",
        )?;
        let two = -2.0..=2.0;
        check(two.contains(&self.presence_penalty), "presence_penalty", "must be between -2 and 2")?;
        check(two.contains(&self.frequency_penalty), "frequency_penalty", "must be between -2 and 2")?;
        let few = |count: Option<u32>| count.is_none_or(|count| count <= LOGPROBS_MAX);
        check(few(self.logprobs), "logprobs", "must be at most 20")?;
        check(few(self.prompt_logprobs), "prompt_logprobs", "must be at most 20")?;
        for &(id, bias) in &self.logit_bias {
            check((id as usize) < vocab_len, "logit_bias", "a token id is outside the vocabulary")?;
            check((-100.0..=100.0).contains(&bias), "logit_bias", "a bias must be between -100 and 100")?;
        }
        Ok(())
    }

    /// Whether tokens seen so far change the logits.
    pub(crate) fn penalizes(&self) -> bool {
        self.repetition_penalty != 1.0 || self.presence_penalty != 0.0 || self.frequency_penalty != 0.0
    }
}

/// What a stream yields.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenEvent {
    /// What the model said of a token, where scores were asked for: of each of the prompt in order, before anything of the
    /// answer, then of each of the answer, right before its `Token` or, where it is the one that stops it, its `Finished`.
    Scored(Box<Scored>),
    /// The next token of the answer.
    Token {
        /// Its id in the vocabulary.
        id: u32,
    },
    /// The last event of every stream.
    Finished(FinishReason),
}

/// Why a sequence ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// This id from `stop_token_ids` was chosen.
    StopToken(u32),
    /// `max_tokens` were generated.
    Length,
    /// The request's mask lets nothing follow the last token.
    Complete,
    /// The request was withdrawn, or the engine stopped before it could begin.
    Aborted,
    /// The request's mask could not be computed any more; other sequences go on.
    MaskFailed,
    /// The engine met a fault.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(change: impl Fn(&mut SamplingParams)) -> Option<&'static str> {
        let mut params = SamplingParams::default();
        change(&mut params);
        match params.validate(10) {
            Ok(()) => None,
            Err(SubmitError::InvalidSampling { field, .. }) => Some(field),
            Err(other) => panic!("unexpected {other}"),
        }
    }

    #[test]
    fn every_parameter_is_refused_by_name() {
        assert_eq!(field(|_| ()), None);
        for bad in [f32::NAN, f32::INFINITY, -1e-3, 100.5] {
            assert_eq!(field(|p| p.temperature = bad), Some("temperature"));
            assert_eq!(field(|p| p.min_p = bad), Some("min_p"));
            assert_eq!(field(|p| p.repetition_penalty = bad), Some("repetition_penalty"));
        }
        for bad in [f32::NAN, 0.0, 1.1] {
            assert_eq!(field(|p| p.top_p = bad), Some("top_p"));
        }
        for bad in [f32::NAN, -2.1, 2.1] {
            assert_eq!(field(|p| p.presence_penalty = bad), Some("presence_penalty"));
            assert_eq!(field(|p| p.frequency_penalty = bad), Some("frequency_penalty"));
        }
        assert_eq!(field(|p| p.logprobs = Some(21)), Some("logprobs"));
        assert_eq!(field(|p| p.prompt_logprobs = Some(21)), Some("prompt_logprobs"));
        assert_eq!(field(|p| p.logit_bias = vec![(10, 0.0)]), Some("logit_bias"));
        assert_eq!(field(|p| p.logit_bias = vec![(9, f32::NAN)]), Some("logit_bias"));
        assert_eq!(field(|p| p.logit_bias = vec![(9, -100.0)]), None);
    }
}
