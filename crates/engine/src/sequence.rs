//! One request on its way through the engine.

use crate::block_manager::{PAGE_TOKENS, PageId};
use crate::draft::Drafter;
use crate::mask::contained;
use crate::{BusyTime, FinishReason, SamplingParams, Scored, SequenceRequest, TokenEvent, TokenMask};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Instant;
use tokio::sync::mpsc::Sender;
use zeroize::Zeroizing;

/// Names a full page by its tokens, all tokens before it and the use case's salt.
pub(crate) type PageHash = [u8; 32];

/// Who is served fairly beside others; opaque.
pub(crate) type Tenant = [u8; 32];

/// A token drawn, with its score where that is wanted.
pub(crate) struct Drawn {
    pub(crate) id: u32,
    pub(crate) scored: Option<Box<Scored>>,
}

impl From<u32> for Drawn {
    fn from(id: u32) -> Self {
        Drawn { id, scored: None }
    }
}

/// What came of a slice.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Tokens that joined the answer.
    pub(crate) generated: usize,
    /// Draft tokens that were verified.
    pub(crate) drafted: usize,
    /// Draft tokens that were drawn there too, so that their positions count as computed.
    pub(crate) accepted: usize,
    /// Why the sequence is at its end, if it is.
    pub(crate) ended: Option<FinishReason>,
}

/// Tokens, pages and progress of one request.
pub(crate) struct Sequence {
    /// In order of arrival.
    pub(crate) id: u64,
    pub(crate) tenant: Tenant,
    /// Prompt, then answer. Room for both is reserved at once, so no growth leaves a copy behind; wiped when dropped.
    tokens: Zeroizing<Vec<u32>>,
    prompt_len: usize,
    max_tokens: usize,
    stop_token_ids: Vec<u32>,
    pub(crate) sampling: SamplingParams,
    cache_salt: [u8; 32],
    /// Positions whose K and V are in the pages.
    pub(crate) computed: usize,
    /// Leading positions whose logits need not be had any more: those of the prompt's last token are the answer's, and the
    /// earlier ones are wanted once, where the prompt is scored.
    read: usize,
    /// Pages in order of position.
    pub(crate) block_table: Vec<PageId>,
    /// Hashes of the leading full pages, as far as they were asked for.
    page_hashes: Vec<PageHash>,
    /// Leading pages already made known to the block manager.
    pub(crate) published: usize,
    /// The different tokens of the prompt, ascending; kept only when a repetition penalty asks for them.
    prompt_ids: Zeroizing<Vec<u32>>,
    /// How often each token occurs in the answer; kept only when a penalty asks for it.
    pub(crate) answer_counts: BTreeMap<u32, u32>,
    /// Guesses what comes next.
    drafter: Drafter,
    /// What may come next, where that is constrained; with the masks' thread while the model runs.
    pub(crate) mask: Option<Box<dyn TokenMask>>,
    pub(crate) busy: BusyTime,
    /// When it first ran; a preempted sequence does not count as queued.
    pub(crate) started_at: Option<Instant>,
    events: Sender<TokenEvent>,
}

impl Sequence {
    /// A sequence of which nothing is computed. `speculation` is the most draft tokens in a step.
    pub(crate) fn new(
        id: u64,
        request: SequenceRequest,
        speculation: usize,
        events: Sender<TokenEvent>,
    ) -> Self {
        let max_tokens = request.max_tokens as usize;
        let mut tokens = Zeroizing::new(Vec::with_capacity(request.prompt.len() + max_tokens));
        tokens.extend_from_slice(&request.prompt);
        let mut prompt_ids = Zeroizing::default();
        if request.sampling.repetition_penalty != 1.0 {
            prompt_ids = request.prompt;
            prompt_ids.sort_unstable();
            prompt_ids.dedup();
        }
        let last = tokens.len().saturating_sub(1);
        Sequence {
            id,
            tenant: request.tenant,
            read: if request.sampling.prompt_logprobs.is_some() { 0 } else { last },
            prompt_len: tokens.len(),
            tokens,
            max_tokens,
            stop_token_ids: request.stop_token_ids,
            sampling: request.sampling,
            cache_salt: request.cache_salt,
            computed: 0,
            block_table: Vec::new(),
            page_hashes: Vec::new(),
            published: 0,
            prompt_ids,
            answer_counts: BTreeMap::new(),
            drafter: Drafter::new(speculation),
            mask: request.mask,
            busy: request.busy,
            started_at: None,
            events,
        }
    }

    /// The different tokens in prompt and answer, for a repetition penalty.
    pub(crate) fn seen(&self) -> impl Iterator<Item = u32> {
        let new = |id: &&u32| self.prompt_ids.binary_search(id).is_err();
        self.prompt_ids.iter().chain(self.answer_counts.keys().filter(new)).copied()
    }

    /// Tokens in prompt and answer so far.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Positions still to be computed before the next token can be drawn; at least 1 while running.
    pub(crate) fn remaining(&self) -> usize {
        self.len() - self.computed
    }

    /// The first position whose logits are wanted.
    pub(crate) fn first_wanted(&self) -> usize {
        if self.is_reading() { self.read } else { self.len().saturating_sub(1) }
    }

    /// Whether tokens of the prompt are still to be scored.
    pub(crate) fn is_reading(&self) -> bool {
        self.read < self.prompt_len.saturating_sub(1)
    }

    /// Leading positions that may be taken over from known pages: not the last, nor those whose logits are wanted.
    pub(crate) fn shareable(&self) -> usize {
        self.first_wanted()
    }

    /// Of a slice of `len` positions that is about to run, the rows of logits that score the prompt; those that draw follow.
    pub(crate) fn rows_read(&self, len: usize) -> usize {
        (self.computed + len).min(self.prompt_len.saturating_sub(1)).saturating_sub(self.first_wanted())
    }

    /// Scores the prompt's next tokens by their rows; `Err` with the reason when that ends the sequence.
    pub(crate) fn read_prompt(
        &mut self,
        rows: &[&[f32]],
        mut score: impl FnMut(&[f32], usize, u32, usize) -> Option<Scored>,
    ) -> Result<(), FinishReason> {
        let top = self.sampling.prompt_logprobs.unwrap_or(0) as usize;
        for row in rows {
            let position = self.read + 1;
            let id = *self.tokens.get(position).ok_or(FinishReason::Failed)?;
            let scored = score(row, position, id, top).ok_or(FinishReason::Failed)?;
            let event = TokenEvent::Scored(Box::new(scored));
            self.events.try_send(event).map_err(|_| FinishReason::Aborted)?;
            self.read = position;
        }
        Ok(())
    }

    /// Tokens the answer may still get; at least 1 while running, but where nothing is to follow a prompt.
    pub(crate) fn left(&self) -> usize {
        (self.prompt_len + self.max_tokens).saturating_sub(self.len())
    }

    /// The tokens from position `start` on, those proposed included.
    pub(crate) fn tokens_to_compute(&self, start: usize) -> impl Iterator<Item = u32> {
        self.tokens.iter().chain(self.drafter.draft()).skip(start).copied()
    }

    /// The tokens proposed.
    pub(crate) fn draft(&self) -> &[u32] {
        self.drafter.draft()
    }

    /// Guesses up to `limit` tokens, never so many that the answer would grow too long; gives how many.
    pub(crate) fn propose(&mut self, limit: usize) -> usize {
        let limit = limit.min(self.left().saturating_sub(1));
        self.drafter.propose(&self.tokens, self.prompt_len + self.max_tokens, limit);
        self.drafter.draft().len()
    }

    /// Keeps only the first `len` tokens that were proposed.
    pub(crate) fn truncate_draft(&mut self, len: usize) {
        self.drafter.truncate(len);
    }

    /// Notes that `len` positions from `computed` on have run, the last of them the draft's if that many are not known.
    /// If the next token can be drawn, `draw` gives it from the given row of those that wanted logits; a draft token is
    /// accepted where it is the one drawn, and the first that is not ends the draft. What was computed for rejected tokens
    /// is not counted, and is overwritten by what comes in their place.
    pub(crate) fn advance<D: Into<Drawn>>(
        &mut self,
        len: usize,
        mut draw: impl FnMut(usize, &Sequence) -> Option<D>,
    ) -> Outcome {
        let before = self.len();
        let known = len.min(self.remaining());
        self.computed += known;
        let draft = self.drafter.take();
        let mut outcome = Outcome { drafted: len - known, ..Outcome::default() };
        if self.remaining() > 0 {
            return outcome;
        }
        if self.max_tokens == 0 {
            outcome.ended = Some(FinishReason::Length);
            return outcome;
        }
        for row in 0..=outcome.drafted {
            let Some(drawn) = draw(row, self).map(Into::into) else {
                outcome.ended = Some(FinishReason::Failed);
                break;
            };
            let id = drawn.id;
            outcome.ended = self.push(drawn).unwrap_or(Some(FinishReason::Aborted));
            if outcome.ended.is_some() || row == outcome.drafted || draft.get(row) != Some(&id) {
                break;
            }
            self.computed += 1;
            outcome.accepted += 1;
        }
        if outcome.drafted > 0 {
            self.drafter.judge(outcome.drafted, outcome.accepted);
        }
        outcome.generated = self.len() - before;
        outcome
    }

    /// Whether it is about to compute the page with this index and hash.
    pub(crate) fn will_publish(&self, index: usize, hash: &PageHash) -> bool {
        self.published <= index && self.page_hashes.get(index) == Some(hash)
    }

    /// Hashes of the full pages among the first `positions` positions.
    pub(crate) fn page_hashes(&mut self, positions: usize) -> &[PageHash] {
        let full = positions.min(self.len()) / PAGE_TOKENS;
        while self.page_hashes.len() < full {
            let start = self.page_hashes.len() * PAGE_TOKENS;
            let mut hasher = Sha256::new();
            match self.page_hashes.last() {
                Some(parent) => hasher.update(parent),
                None => {
                    hasher.update(b"proeftuin kv page");
                    hasher.update(self.cache_salt);
                }
            }
            for token in self.tokens.iter().skip(start).take(PAGE_TOKENS) {
                hasher.update(token.to_le_bytes());
            }
            self.page_hashes.push(hasher.finalize().into());
        }
        self.page_hashes.get(..full).unwrap_or_default()
    }

    /// Takes the token drawn for the next position; gives the reason if that ends the sequence.
    ///
    /// `Err(())` when nobody reads the stream any more.
    pub(crate) fn push(&mut self, drawn: Drawn) -> Result<Option<FinishReason>, ()> {
        let Drawn { id, scored } = drawn;
        // The channel has room for every token, every score and the last word.
        if let Some(scored) = scored {
            self.events.try_send(TokenEvent::Scored(scored)).map_err(|_| ())?;
        }
        if self.stop_token_ids.contains(&id) {
            return Ok(Some(FinishReason::StopToken(id)));
        }
        let complete = match &mut self.mask {
            None => false,
            Some(mask) => match contained(|| mask.accept(id)) {
                Ok(complete) => complete,
                Err(_) => return Ok(Some(FinishReason::MaskFailed)),
            },
        };
        self.tokens.push(id);
        if self.sampling.penalizes() {
            *self.answer_counts.entry(id).or_insert(0) += 1;
        }
        self.events.try_send(TokenEvent::Token { id }).map_err(|_| ())?;
        if complete {
            return Ok(Some(FinishReason::Complete));
        }
        Ok((self.len() - self.prompt_len >= self.max_tokens).then_some(FinishReason::Length))
    }

    /// Says the last word.
    pub(crate) fn finish(self, reason: FinishReason) {
        // Nobody listening is no fault.
        let _ = self.events.try_send(TokenEvent::Finished(reason));
    }

    /// Forgets what was computed; the caller has released the pages.
    pub(crate) fn reset(&mut self) {
        self.computed = 0;
        self.published = 0;
        self.drafter.truncate(0);
    }
}
