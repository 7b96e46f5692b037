//! Continuous batching: which tokens of which sequences run in the next step.
//!
//! Sequences are served in order of arrival. Those that decode come first, one token each; what is left of the token
//! budget goes to prompts, cut into chunks where they do not fit. When pages run out, the latest arrival gives up its
//! pages and is computed again later. The oldest is never asked to, and alone it always fits, so every step makes progress.

use crate::FinishReason;
use crate::block_manager::{BlockManager, PAGE_TOKENS};
use crate::sequence::Sequence;
use std::collections::VecDeque;
use std::time::Instant;

/// The limits a scheduler keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Tokens computed in one step, prefill and decode together; at least `max_running`.
    pub(crate) max_batch_tokens: usize,
    /// Sequences that own pages at the same time.
    pub(crate) max_running: usize,
    /// Whether pages with known content are shared.
    pub(crate) prefix_sharing: bool,
}

/// One sequence's part of a step: `len` positions from `computed` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slice {
    /// Index into `running`.
    pub(crate) index: usize,
    /// Positions to compute.
    pub(crate) len: usize,
}

/// Waiting and running sequences and the pages they own.
pub(crate) struct Scheduler {
    limits: Limits,
    pub(crate) blocks: BlockManager,
    waiting: VecDeque<Sequence>,
    /// In order of arrival.
    pub(crate) running: Vec<Sequence>,
    /// Sequences that left the queue for the first time: started, or ended before that.
    pub(crate) dequeued: usize,
    /// Times a sequence had to give up its pages.
    pub(crate) preemptions: u64,
    /// Prompt positions that were not computed because their pages were known.
    pub(crate) shared_tokens: u64,
}

impl Scheduler {
    /// Nothing waits and nothing runs.
    pub(crate) fn new(limits: Limits, blocks: BlockManager) -> Self {
        Scheduler {
            limits,
            blocks,
            waiting: VecDeque::new(),
            running: Vec::new(),
            dequeued: 0,
            preemptions: 0,
            shared_tokens: 0,
        }
    }

    /// Puts a sequence at the end of the queue.
    pub(crate) fn submit(&mut self, sequence: Sequence) {
        self.waiting.push_back(sequence);
    }

    /// Neither waiting nor running.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// Ends a sequence wherever it is; an unknown id has ended already.
    pub(crate) fn abort(&mut self, id: u64) {
        if let Some(index) = self.running.iter().position(|sequence| sequence.id == id) {
            self.finish(index, FinishReason::Aborted);
        } else if let Some(index) = self.waiting.iter().position(|sequence| sequence.id == id)
            && let Some(sequence) = self.waiting.remove(index)
        {
            self.dequeued += usize::from(sequence.started_at.is_none());
            sequence.finish(FinishReason::Aborted);
        }
    }

    /// Ends a running sequence and gives its pages back.
    pub(crate) fn finish(&mut self, index: usize, reason: FinishReason) {
        let mut sequence = self.running.remove(index);
        self.blocks.release(&mut sequence.block_table);
        sequence.finish(reason);
    }

    /// Ends everything.
    pub(crate) fn fail_all(&mut self) {
        for sequence in self.running.drain(..).chain(self.waiting.drain(..)) {
            sequence.finish(FinishReason::Failed);
        }
    }

    /// What runs next; every slice's block table covers its positions. Empty only when idle.
    pub(crate) fn schedule(&mut self) -> Vec<Slice> {
        let mut budget = self.limits.max_batch_tokens;
        let preempted_before = self.preemptions;
        // (id, len): indices move while sequences are preempted.
        let mut planned: Vec<(u64, usize)> = Vec::new();
        for decoding in [true, false] {
            let mut index = 0;
            while let Some(sequence) = self.running.get(index) {
                let (id, remaining) = (sequence.id, sequence.remaining());
                if (remaining == 1) == decoding && budget > 0 {
                    let len = remaining.min(budget);
                    if self.reserve(index, len) {
                        budget -= len;
                        planned.push((id, len));
                    }
                }
                index += 1;
            }
        }
        if self.preemptions == preempted_before {
            self.admit(&mut budget, &mut planned);
        }
        let find = |id| self.running.iter().position(|sequence| sequence.id == id);
        planned.into_iter().filter_map(|(id, len)| find(id).map(|index| Slice { index, len })).collect()
    }

    /// Extends the block table of `running[index]` by what `len` more positions need, preempting later arrivals if it must.
    /// False when the sequence itself was preempted.
    fn reserve(&mut self, index: usize, len: usize) -> bool {
        loop {
            let Some(sequence) = self.running.get_mut(index) else { return false };
            let pages = (sequence.computed + len).div_ceil(PAGE_TOKENS);
            while sequence.block_table.len() < pages {
                match self.blocks.allocate() {
                    Some(id) => sequence.block_table.push(id),
                    None => break,
                }
            }
            if sequence.block_table.len() >= pages {
                return true;
            }
            self.preempt_last();
        }
    }

    /// The latest arrival gives up its pages and goes to the front of the queue.
    fn preempt_last(&mut self) {
        if let Some(mut sequence) = self.running.pop() {
            self.blocks.release(&mut sequence.block_table);
            sequence.reset();
            self.waiting.push_front(sequence);
            self.preemptions += 1;
        }
    }

    /// Starts waiting sequences while there is budget, room and pages.
    fn admit(&mut self, budget: &mut usize, planned: &mut Vec<(u64, usize)>) {
        while *budget > 0 && self.running.len() < self.limits.max_running {
            let Some(mut sequence) = self.waiting.pop_front() else { return };
            let shared = self.share_prefix(&mut sequence);
            let len = sequence.remaining().min(*budget);
            let pages = (sequence.computed + len).div_ceil(PAGE_TOKENS) - sequence.block_table.len();
            if pages > self.blocks.available() {
                self.blocks.release(&mut sequence.block_table);
                sequence.reset();
                self.waiting.push_front(sequence);
                return;
            }
            sequence.block_table.extend((0..pages).map_while(|_| self.blocks.allocate()));
            self.dequeued += usize::from(sequence.started_at.is_none());
            sequence.started_at.get_or_insert_with(Instant::now);
            self.shared_tokens += shared as u64;
            *budget -= len;
            planned.push((sequence.id, len));
            self.running.push(sequence);
        }
    }

    /// Takes over known pages from the front of the sequence; the last token is always computed, for its logits.
    fn share_prefix(&mut self, sequence: &mut Sequence) -> usize {
        if !self.limits.prefix_sharing {
            return 0;
        }
        let whole = sequence.len() - 1;
        let hashes = sequence.page_hashes(whole);
        let matched = self.blocks.match_prefix(hashes);
        let pages: Vec<_> = hashes.iter().take(matched).map_while(|hash| self.blocks.share(hash)).collect();
        sequence.computed = pages.len() * PAGE_TOKENS;
        sequence.published = pages.len();
        sequence.block_table = pages;
        sequence.computed
    }

    /// Notes that a slice has run, and makes the pages it filled known. True when the next token is to be drawn.
    pub(crate) fn advance(&mut self, slice: Slice) -> bool {
        let Some(sequence) = self.running.get_mut(slice.index) else { return false };
        sequence.computed += slice.len;
        if self.limits.prefix_sharing {
            let published = sequence.published;
            let hashes = sequence.page_hashes(sequence.computed);
            let fresh: Vec<_> = hashes.iter().copied().skip(published).collect();
            for hash in fresh {
                if let Some(id) = sequence.block_table.get(sequence.published) {
                    self.blocks.publish(*id, hash);
                }
                sequence.published += 1;
            }
        }
        sequence.remaining() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SamplingParams, SequenceRequest, TokenEvent};
    use proptest::prelude::*;
    use std::collections::HashMap;
    use tokio::sync::mpsc::Receiver;

    #[derive(Debug, Clone)]
    struct Case {
        prompt: Vec<u32>,
        max_tokens: u32,
        salt: u8,
        arrives_at: usize,
        aborted_at: Option<usize>,
    }

    fn case() -> impl Strategy<Value = Case> {
        // Prompts of two tokens repeated, so that prefixes are often shared.
        let prompt = (1..120usize, 0..2u32, 0..100usize)
            .prop_map(|(len, token, other)| (0..len).map(|i| if i < other { token } else { 7 }).collect());
        (prompt, 1..40u32, 0..2u8, 0..30usize, prop::option::weighted(0.2, 0..60usize)).prop_map(
            |(prompt, max_tokens, salt, arrives_at, aborted_at)| Case {
                prompt,
                max_tokens,
                salt,
                arrives_at,
                aborted_at,
            },
        )
    }

    /// A model that sees everything before: the next token is a hash of all tokens.
    fn next_token(tokens: &[u32]) -> u32 {
        tokens.iter().fold(17u32, |hash, token| hash.wrapping_mul(31).wrapping_add(*token)) % 5
    }

    fn submit(scheduler: &mut Scheduler, id: usize, case: &Case) -> Receiver<TokenEvent> {
        let (sender, events) = tokio::sync::mpsc::channel(case.max_tokens as usize + 1);
        let request = SequenceRequest {
            prompt: case.prompt.clone().into(),
            sampling: SamplingParams::default(),
            max_tokens: case.max_tokens,
            stop_token_ids: Vec::new(),
            cache_salt: [case.salt; 32],
        };
        scheduler.submit(Sequence::new(id as u64, request, sender));
        events
    }

    /// What the pages would hold: by page and slot, the salt's owner and all tokens up to there.
    type Pages = HashMap<(u32, usize), Vec<u32>>;

    /// One step; checks the books and that every sequence reads from its pages what it would have computed itself.
    fn step(scheduler: &mut Scheduler, pages: &mut Pages, cases: &[Case]) {
        let slices = scheduler.schedule();
        assert!(!slices.is_empty(), "a step without work");
        assert!(slices.iter().map(|slice| slice.len).sum::<usize>() <= scheduler.limits.max_batch_tokens);
        assert!(scheduler.running.len() <= scheduler.limits.max_running);
        scheduler.blocks.take_wipes().into_iter().for_each(|page| pages.retain(|(id, _), _| *id != page));
        let mut ended = Vec::new();
        for slice in slices {
            let sequence = &scheduler.running[slice.index];
            let tokens = sequence.tokens().to_vec();
            let salt = u32::from(cases[sequence.id as usize].salt);
            let place =
                |position: usize| (sequence.block_table[position / PAGE_TOKENS], position % PAGE_TOKENS);
            let content = |position: usize| [&[salt], &tokens[..=position]].concat();
            for position in 0..sequence.computed {
                assert_eq!(
                    pages.get(&place(position)),
                    Some(&content(position)),
                    "a page holds something else"
                );
            }
            for position in sequence.computed..sequence.computed + slice.len {
                pages.insert(place(position), content(position));
            }
            if scheduler.advance(slice)
                && let Some(reason) = scheduler.running[slice.index].push(next_token(&tokens)).unwrap()
            {
                ended.push((slice.index, reason));
            }
        }
        ended.sort_by_key(|(index, _)| std::cmp::Reverse(*index));
        ended.into_iter().for_each(|(index, reason)| scheduler.finish(index, reason));
        scheduler.blocks.assert_conserved();
    }

    fn expected(case: &Case) -> Vec<u32> {
        let mut tokens = case.prompt.clone();
        (0..case.max_tokens).for_each(|_| tokens.push(next_token(&tokens)));
        tokens.split_off(case.prompt.len())
    }

    fn check(cases: &[Case], limits: Limits, pages_total: u32) -> u64 {
        let mut scheduler = Scheduler::new(limits, BlockManager::new(pages_total));
        let mut pages = Pages::new();
        let mut streams: Vec<Option<Receiver<TokenEvent>>> = cases.iter().map(|_| None).collect();
        for now in 0..100_000 {
            for (id, case) in cases.iter().enumerate() {
                if case.arrives_at == now {
                    streams[id] = Some(submit(&mut scheduler, id, case));
                }
                if case.aborted_at.is_some_and(|after| case.arrives_at + after == now) {
                    scheduler.abort(id as u64);
                }
            }
            if !scheduler.is_idle() {
                step(&mut scheduler, &mut pages, cases);
            } else if now > 100 {
                break;
            }
        }
        scheduler.blocks.assert_idle();
        assert_eq!(scheduler.dequeued, cases.len(), "places in the queue were lost or doubled");
        for (case, stream) in cases.iter().zip(streams) {
            let mut stream = stream.expect("every case arrives");
            let mut events: Vec<TokenEvent> = std::iter::from_fn(|| stream.try_recv().ok()).collect();
            let last = events.pop();
            let aborted =
                last == Some(TokenEvent::Finished(FinishReason::Aborted)) && case.aborted_at.is_some();
            assert!(
                aborted || last == Some(TokenEvent::Finished(FinishReason::Length)),
                "ended with {last:?}"
            );
            let mut answer = expected(case).into_iter().map(|id| TokenEvent::Token { id });
            assert!(events.iter().all(|event| answer.next() == Some(*event)), "another answer");
            assert!(aborted || answer.next().is_none(), "the answer is too short");
        }
        scheduler.preemptions
    }

    proptest! {
        /// Every answer is what the sequence would get alone, for any arrivals, aborts, budgets and number of pages.
        #[test]
        fn answers_do_not_depend_on_company(
            cases in prop::collection::vec(case(), 1..8),
            pages in 5..24u32,
            max_running in 1..6usize,
            more in 0..40usize,
            prefix_sharing: bool,
        ) {
            check(&cases, Limits { max_batch_tokens: max_running + more, max_running, prefix_sharing }, pages);
        }
    }

    #[test]
    fn preemption_happens_and_loses_nothing() {
        let case = |salt| Case { prompt: vec![1; 60], max_tokens: 39, salt, arrives_at: 0, aborted_at: None };
        let limits = Limits { max_batch_tokens: 64, max_running: 3, prefix_sharing: false };
        assert!(check(&[case(0), case(1), case(2)], limits, 7) > 0);
    }

    #[test]
    fn decoding_sequences_run_beside_a_long_prompt() {
        let mut scheduler = Scheduler::new(
            Limits { max_batch_tokens: 16, max_running: 4, prefix_sharing: true },
            BlockManager::new(32),
        );
        let case =
            |len| Case { prompt: vec![1; len], max_tokens: 30, salt: 0, arrives_at: 0, aborted_at: None };
        let cases = [case(3), case(200)];
        let _streams = [submit(&mut scheduler, 0, &cases[0]), submit(&mut scheduler, 1, &cases[1])];
        let mut pages = Pages::new();
        step(&mut scheduler, &mut pages, &cases);
        for _ in 0..5 {
            let slices = scheduler.schedule();
            assert_eq!(slices, [Slice { index: 0, len: 1 }, Slice { index: 1, len: 15 }]);
            for slice in slices {
                if scheduler.advance(slice) {
                    scheduler.running[slice.index].push(0).unwrap();
                }
            }
        }
    }
}
