//! Continuous batching: which tokens of which sequences run in the next step.
//!
//! Sequences that decode come first, one token each; then drafts, a few rows; what is left of the token budget is divided
//! among prompts (`fairness.rs`). A sequence starts when it is its tenant's turn and there are pages for its prompt and
//! the beginning of an answer beside what the others still need. When pages run out all the same, the tenant that has most
//! gives up its latest arrival's, to be computed again later. The oldest is never asked to, and alone it always fits, so
//! every step makes progress.

use crate::FinishReason;
use crate::block_manager::{BlockManager, PAGE_TOKENS};
use crate::fairness::{Claim, Queue, divide};
use crate::sequence::{Drawn, Outcome, Sequence, Tenant};
use std::collections::BTreeMap;
use std::time::Instant;

/// The limits a scheduler keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Tokens computed in one step, prefill, decode and drafts together; at least `max_running`.
    pub(crate) max_batch_tokens: usize,
    /// Sequences that own pages at the same time.
    pub(crate) max_running: usize,
    /// Whether pages with known content are shared.
    pub(crate) prefix_sharing: bool,
    /// Rows of logits that prompts to be scored may want in one step, all together; at least 1.
    pub(crate) max_read_rows: usize,
}

/// Rows of decoding and drafts together beyond which no draft is added: up to about here a step costs what reading the
/// weights costs and a row is nearly free, beyond it a rejected draft costs as much as a token.
const DRAFT_ROWS: usize = 16;

/// Beside answers, prompts take this part of the step's tokens: a quarter is still enough for the weights to be read for
/// many tokens, and an answer's next token comes four times as soon.
const BESIDE_ANSWERS: usize = 4;

/// Tokens of answer that pages are set aside for, at least, before another sequence starts.
const GROWTH_MIN: usize = 64;

/// The same, at most: more than any context.
const GROWTH_MAX: usize = 1 << 24;

/// One sequence's part of a step: `len` positions from `computed` on, drafts included.
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
    waiting: Queue,
    /// In order of arrival.
    pub(crate) running: Vec<Sequence>,
    /// Tokens of answer that pages are set aside for: doubled by every preemption, less with every sequence that ends.
    growth: usize,
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
            waiting: Queue::default(),
            running: Vec::new(),
            growth: GROWTH_MIN,
            dequeued: 0,
            preemptions: 0,
            shared_tokens: 0,
        }
    }

    /// Puts a sequence at the end of its tenant's line.
    pub(crate) fn submit(&mut self, sequence: Sequence) {
        self.waiting.insert(sequence);
    }

    /// Neither waiting nor running.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// Ends a sequence wherever it is; an unknown id has ended already.
    pub(crate) fn abort(&mut self, id: u64) {
        if let Some(index) = self.find(id) {
            self.finish(index, FinishReason::Aborted);
        } else if let Some(sequence) = self.waiting.remove(id) {
            self.dequeued += usize::from(sequence.started_at.is_none());
            sequence.finish(FinishReason::Aborted);
        }
    }

    /// Ends a running sequence and gives its pages back.
    pub(crate) fn finish(&mut self, index: usize, reason: FinishReason) {
        let mut sequence = self.running.remove(index);
        self.blocks.release(&mut sequence.block_table);
        self.growth = (self.growth - self.growth / 32).max(GROWTH_MIN);
        sequence.finish(reason);
    }

    /// Ends everything.
    pub(crate) fn fail_all(&mut self) {
        for sequence in self.running.drain(..).chain(self.waiting.drain()) {
            sequence.finish(FinishReason::Failed);
        }
    }

    fn find(&self, id: u64) -> Option<usize> {
        self.running.binary_search_by_key(&id, |sequence| sequence.id).ok()
    }

    /// What runs next, in order of arrival; every slice's block table covers its positions. Empty only when idle.
    pub(crate) fn schedule(&mut self) -> Vec<Slice> {
        self.waiting.refresh(self.running.iter().map(|sequence| sequence.tenant));
        let preempted_before = self.preemptions;
        // By id: indices move while sequences start and are preempted.
        let mut plan = BTreeMap::new();
        self.plan_decoding(&mut plan);
        if self.preemptions == preempted_before {
            self.admit();
        }
        self.plan_drafts(&mut plan);
        self.plan_prefill(&mut plan);
        let slice = |(id, len)| self.find(id).map(|index| Slice { index, len });
        plan.into_iter().filter_map(slice).collect()
    }

    /// One position for every sequence that lacks no other to draw its next token.
    fn plan_decoding(&mut self, plan: &mut BTreeMap<u64, usize>) {
        let decoding = self.running.iter().filter(|sequence| sequence.remaining() == 1);
        let ids: Vec<u64> = decoding.map(|sequence| sequence.id).collect();
        for id in ids {
            if self.reserve(id, 1) {
                plan.insert(id, 1);
            }
        }
    }

    /// Adds drafts to what decodes, as far as rows are nearly free and pages are there for the asking; every sequence that
    /// runs keeps room for a token of its own.
    fn plan_drafts(&mut self, plan: &mut BTreeMap<u64, usize>) {
        let spare = self.limits.max_batch_tokens.saturating_sub(self.running.len());
        let mut rows = DRAFT_ROWS.saturating_sub(plan.len()).min(spare);
        for (id, len) in plan.iter_mut() {
            let Some(index) = self.find(*id) else { continue };
            let drafted = self.running.get_mut(index).map_or(0, |sequence| sequence.propose(rows));
            *len = self.cover(index, 1 + drafted).max(1);
            rows -= *len - 1;
            if let Some(sequence) = self.running.get_mut(index) {
                sequence.truncate_draft(*len - 1);
            }
        }
    }

    /// Divides what is left of the budget among prompts, as far as there are pages. The oldest sequence gets its next page
    /// whatever it takes.
    fn plan_prefill(&mut self, plan: &mut BTreeMap<u64, usize>) {
        let prompts = self.running.iter().filter(|sequence| !plan.contains_key(&sequence.id));
        let claims: Vec<Claim> = prompts
            .map(|sequence| Claim {
                tenant: sequence.tenant,
                id: sequence.id,
                remaining: sequence.remaining(),
            })
            .collect();
        let left = self.limits.max_batch_tokens.saturating_sub(plan.values().sum());
        // Who is being answered waits for the whole step.
        let budget = if plan.is_empty() { left } else { (left / BESIDE_ANSWERS).max(claims.len()).min(left) };
        let oldest = self.running.first().map(|sequence| sequence.id);
        let mut rows = self.limits.max_read_rows;
        for (claim, share) in claims.iter().zip(divide(budget, &claims)) {
            if Some(claim.id) == oldest {
                self.reserve(claim.id, share.min(1));
            }
            let Some(index) = self.find(claim.id) else { continue };
            let reads = self.running.get(index).is_some_and(Sequence::is_reading);
            let len = self.cover(index, if reads { share.min(rows) } else { share });
            if len > 0 {
                plan.insert(claim.id, len);
                rows -= if reads { len } else { 0 };
            }
        }
    }

    /// Extends the block table of `running[index]` by what `len` more positions need, as far as there are pages; gives how
    /// many of them it covers now.
    fn cover(&mut self, index: usize, len: usize) -> usize {
        let Some(sequence) = self.running.get_mut(index) else { return 0 };
        let pages = (sequence.computed + len).div_ceil(PAGE_TOKENS);
        let missing = pages.saturating_sub(sequence.block_table.len());
        sequence.block_table.extend((0..missing).map_while(|_| self.blocks.allocate()));
        len.min(sequence.block_table.len() * PAGE_TOKENS - sequence.computed)
    }

    /// As `cover`, but preempts others until there are pages. False when the sequence itself was preempted.
    fn reserve(&mut self, id: u64, len: usize) -> bool {
        while let Some(index) = self.find(id) {
            if self.cover(index, len) == len {
                return true;
            }
            self.preempt();
        }
        false
    }

    /// The tenant with most pages gives up those of its latest arrival, which goes back to its line; never the oldest of
    /// all, unless it is alone.
    fn preempt(&mut self) {
        let mut pages: BTreeMap<Tenant, usize> = BTreeMap::new();
        for sequence in &self.running {
            *pages.entry(sequence.tenant).or_insert(0) += sequence.block_table.len();
        }
        let others = self.running.iter().enumerate().skip(1);
        let owners = others.filter(|(_, sequence)| !sequence.block_table.is_empty());
        let victim = owners.max_by_key(|(index, sequence)| (pages.get(&sequence.tenant), *index));
        let index = victim.map_or(0, |(index, _)| index);
        if index < self.running.len() {
            let mut sequence = self.running.remove(index);
            self.blocks.release(&mut sequence.block_table);
            sequence.reset();
            self.waiting.insert(sequence);
            self.preemptions += 1;
            self.growth = (2 * self.growth).min(GROWTH_MAX);
        }
    }

    /// Starts waiting sequences, in turn, while there is room and there are pages. One whose turn it is and that does not
    /// fit lets nobody pass, for it would never fit; one whose next page another is computing waits for that page.
    fn admit(&mut self) {
        while self.running.len() < self.limits.max_running {
            let (running, blocks, sharing) = (&self.running, &self.blocks, self.limits.prefix_sharing);
            let held = |sequence: &mut Sequence| sharing && is_being_computed(running, blocks, sequence);
            let Some(mut sequence) = self.waiting.next(held) else { return };
            let shared = self.share_prefix(&mut sequence);
            let promised: usize = self.running.iter().map(|sequence| self.missing_pages(sequence)).sum();
            let fits = promised + self.missing_pages(&sequence) <= self.blocks.available();
            if !fits && !self.running.is_empty() {
                self.blocks.release(&mut sequence.block_table);
                sequence.reset();
                self.waiting.insert(sequence);
                return;
            }
            if sequence.started_at.is_none() {
                self.dequeued += 1;
                self.waiting.charge(sequence.tenant, sequence.remaining());
                let now = Instant::now();
                sequence.started_at = Some(now);
                sequence.busy.begin(now);
            }
            self.shared_tokens += shared as u64;
            let place = self.running.partition_point(|other| other.id < sequence.id);
            self.running.insert(place, sequence);
        }
    }

    /// Pages that a sequence has not got yet and that its tokens and the next part of its answer will need.
    fn missing_pages(&self, sequence: &Sequence) -> usize {
        let tokens = sequence.len() + sequence.left().min(self.growth);
        tokens.div_ceil(PAGE_TOKENS).saturating_sub(sequence.block_table.len())
    }

    /// Takes over known pages from the front of the sequence; the last token is always computed, for its logits.
    fn share_prefix(&mut self, sequence: &mut Sequence) -> usize {
        if !self.limits.prefix_sharing {
            return 0;
        }
        // The hash of every full page is wanted, also by those who wait for them.
        sequence.page_hashes(sequence.len());
        let whole = sequence.shareable();
        let hashes = sequence.page_hashes(whole);
        let matched = self.blocks.match_prefix(hashes);
        let pages: Vec<_> = hashes.iter().take(matched).map_while(|hash| self.blocks.share(hash)).collect();
        sequence.computed = pages.len() * PAGE_TOKENS;
        sequence.published = pages.len();
        sequence.block_table = pages;
        sequence.computed
    }

    /// Notes that a slice has run, draws what can be drawn (see `Sequence::advance`), and makes the pages known that hold
    /// nothing but tokens of the sequence.
    pub(crate) fn advance<D: Into<Drawn>>(
        &mut self,
        slice: Slice,
        draw: impl FnMut(usize, &Sequence) -> Option<D>,
    ) -> Outcome {
        let Some(sequence) = self.running.get_mut(slice.index) else { return Outcome::default() };
        let outcome = sequence.advance(slice.len, draw);
        self.waiting.charge(sequence.tenant, outcome.generated);
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
        outcome
    }
}

/// Whether one that runs is about to compute the first page that this sequence would have to compute.
fn is_being_computed(running: &[Sequence], blocks: &BlockManager, sequence: &mut Sequence) -> bool {
    let whole = sequence.shareable();
    let hashes = sequence.page_hashes(whole);
    let matched = blocks.match_prefix(hashes);
    let Some(next) = hashes.get(matched) else { return false };
    running.iter().any(|other| other.will_publish(matched, next))
}
