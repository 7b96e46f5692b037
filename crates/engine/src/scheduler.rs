//! Continuous batching: which tokens of which sequences run in the next step.
//!
//! Sequences are served in order of arrival. Those that decode come first, one token each; what is left of the token
//! budget goes to prompts, cut into chunks where they do not fit. When pages run out, the latest arrival gives up its
//! pages and is computed again later. The oldest is never asked to, and alone it always fits, so every step makes progress.

use crate::FinishReason;
use crate::block_manager::{BlockManager, PAGE_TOKENS};
use crate::sequence::Sequence;
use std::collections::VecDeque;

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
            self.dequeued += usize::from(!sequence.started);
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
            self.dequeued += usize::from(!sequence.started);
            sequence.started = true;
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
