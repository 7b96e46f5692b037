//! The one verb: `step()` = schedule, run, sample.

use crate::engine::{EngineCommand, Shared};
use crate::mask::{MaskWorker, Masked};
use crate::model::{Batch, BatchSlice, Model};
use crate::sampler::Sampler;
use crate::scheduler::{Scheduler, Slice};
use crate::sequence::Outcome;
use crate::{Error, FinishReason};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// What the engine's thread owns.
pub(crate) struct Stepper {
    model: Model,
    pub(crate) scheduler: Scheduler,
    sampler: Sampler,
    masks: MaskWorker,
    shared: Arc<Shared>,
}

impl Stepper {
    /// Nothing has run yet.
    pub(crate) fn new(model: Model, scheduler: Scheduler, shared: Arc<Shared>) -> Self {
        Stepper { model, scheduler, sampler: Sampler::default(), masks: MaskWorker::default(), shared }
    }

    /// Carries out a command; true when it was the one to stop.
    ///
    /// # Errors
    /// A device fault.
    pub(crate) fn obey(&mut self, command: EngineCommand) -> Result<bool, Error> {
        match command {
            EngineCommand::Submit(sequence) => self.scheduler.submit(*sequence),
            EngineCommand::Abort { id } => {
                self.scheduler.abort(id);
                self.forget();
                self.clean()?;
            }
            EngineCommand::Shutdown => return Ok(true),
        }
        Ok(false)
    }

    /// A token, or more where drafts are accepted, for every sequence that is ready for one; chunks of prompts.
    ///
    /// # Errors
    /// A device fault; the caller ends every stream.
    pub(crate) fn step(&mut self) -> Result<(), Error> {
        let start = Instant::now();
        self.scheduler.blocks.expire(start);
        let slices = self.scheduler.schedule();
        let batch = self.batch(&slices);
        self.clean()?;
        let vocab_len = self.model.vocab_len();
        let work = self.masks_wanted(&slices);
        let constrained = !work.is_empty();
        if constrained {
            self.masks.start(work, vocab_len)?;
        }
        let drawn_from = slices.iter().filter(|slice| self.draws(slice)).count();
        let logits = self.model.lm.forward(&batch)?;
        let masks = if constrained { self.masks.finish()? } else { Vec::new() };
        let wanted: usize = batch.slices.iter().map(|slice| slice.logits).sum();
        if logits.len() != wanted * vocab_len {
            return Err(Error::Fault("the model returned other logits than were asked for".to_owned()));
        }
        let mut rows = logits.chunks_exact(vocab_len);
        let mut masks = masks.into_iter().peekable();
        let mut ended = Vec::new();
        let mut total = Outcome::default();
        for (slice, part) in slices.iter().zip(&batch.slices) {
            let own: Vec<&[f32]> = rows.by_ref().take(part.logits).collect();
            let masked = masks.next_if(|masked| masked.index == slice.index);
            let outcome = advance(&mut self.scheduler, &mut self.sampler, *slice, &own, masked);
            total.generated += outcome.generated;
            total.drafted += outcome.drafted;
            total.accepted += outcome.accepted;
            ended.extend(outcome.ended.map(|reason| (slice.index, reason)));
        }
        self.share_time(&slices, start.elapsed());
        // Before the last words, so that who has them finds the step counted.
        let prefill = batch.tokens.len() - drawn_from - total.drafted;
        self.shared.steps.fetch_add(1, Relaxed);
        self.shared.prefill_tokens.fetch_add(prefill as u64, Relaxed);
        self.shared.generated_tokens.fetch_add(total.generated as u64, Relaxed);
        self.shared.drafted_tokens.fetch_add(total.drafted as u64, Relaxed);
        self.shared.accepted_tokens.fetch_add(total.accepted as u64, Relaxed);
        if !ended.is_empty() {
            self.forget();
        }
        ended.sort_unstable_by_key(|(index, _)| std::cmp::Reverse(*index));
        for (index, reason) in ended {
            self.note_duration(index);
            self.scheduler.finish(index, reason);
        }
        self.clean()
    }

    /// Takes the grammars of the sequences that draw in this step, in the order of their slices.
    fn masks_wanted(&mut self, slices: &[Slice]) -> Vec<Masked> {
        let drawing: Vec<&Slice> = slices.iter().filter(|slice| self.draws(slice)).collect();
        let masked = drawing.into_iter().filter_map(|slice| {
            let sequence = self.scheduler.running.get_mut(slice.index)?;
            let mask = sequence.mask.take()?;
            Some(Masked::new(slice.index, mask, sequence.draft().to_vec().into()))
        });
        masked.collect()
    }

    /// Whether a slice that is about to run gets its sequence to the next token.
    fn draws(&self, slice: &Slice) -> bool {
        let sequence = self.scheduler.running.get(slice.index);
        sequence.is_some_and(|sequence| sequence.remaining() <= slice.len)
    }

    /// Gives each sequence its part of the step's time, by rows.
    fn share_time(&self, slices: &[Slice], taken: Duration) {
        let rows: usize = slices.iter().map(|slice| slice.len).sum();
        let each = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX) / rows.max(1) as u64;
        for slice in slices {
            if let Some(sequence) = self.scheduler.running.get(slice.index) {
                sequence.busy.add(each.saturating_mul(slice.len as u64));
            }
        }
    }

    /// Smooths how long sequences run; what a refused client is told to wait is guessed from it.
    fn note_duration(&self, index: usize) {
        let started_at = self.scheduler.running.get(index).and_then(|sequence| sequence.started_at);
        let ran_ms = started_at.map_or(0, |at| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX));
        let before_ms = self.shared.sequence_ms.load(Relaxed);
        self.shared.sequence_ms.store(before_ms - before_ms / 8 + ran_ms / 8, Relaxed);
    }

    /// The tokens of the slices, drafts included, with their pages. Logits are wanted after the last token that is known
    /// and after every draft token, and after every token of a prompt that is scored.
    fn batch(&self, slices: &[Slice]) -> Batch {
        let mut batch = Batch::default();
        batch.tokens.reserve_exact(slices.iter().map(|slice| slice.len).sum());
        for slice in slices {
            let Some(sequence) = self.scheduler.running.get(slice.index) else { continue };
            let (start, len) = (sequence.computed, slice.len);
            batch.tokens.extend(sequence.tokens_to_compute(start).take(len));
            batch.slices.push(BatchSlice {
                start,
                len,
                block_table: sequence.block_table.clone(),
                logits: (start + len).saturating_sub(sequence.first_wanted()).min(len),
            });
        }
        batch
    }

    /// Overwrites what the steps so far left of a sequence outside its pages: between the layers, and where it was drawn. What
    /// runs on computes all of it anew.
    fn forget(&mut self) {
        self.model.lm.forget();
        self.sampler.forget();
    }

    /// Wipes pages that nobody may share any more, as `EngineOptions::cache_lifetime` has it.
    ///
    /// # Errors
    /// A device fault.
    pub(crate) fn expire(&mut self) -> Result<(), Error> {
        self.scheduler.blocks.expire(Instant::now());
        self.clean()
    }

    /// Wipes pages that came free and publishes the gauges.
    fn clean(&mut self) -> Result<(), Error> {
        let wipes = self.scheduler.blocks.take_wipes();
        if !wipes.is_empty() {
            self.model.lm.wipe(&wipes)?;
        }
        let (scheduler, shared) = (&mut self.scheduler, &self.shared);
        shared.queued.fetch_sub(std::mem::take(&mut scheduler.dequeued), Relaxed);
        shared.pages_free.store(scheduler.blocks.free(), Relaxed);
        shared.pages_cached.store(scheduler.blocks.cached(), Relaxed);
        shared.preemptions.store(scheduler.preemptions, Relaxed);
        shared.shared_tokens.store(scheduler.shared_tokens, Relaxed);
        shared.running.store(scheduler.running.len(), Relaxed);
        Ok(())
    }
}

/// Notes that a slice has run: scores the prompt where that is wanted, then draws.
fn advance(
    scheduler: &mut Scheduler,
    sampler: &mut Sampler,
    slice: Slice,
    logits: &[&[f32]],
    masked: Option<Masked>,
) -> Outcome {
    let Some(sequence) = scheduler.running.get_mut(slice.index) else { return Outcome::default() };
    let rows = sequence.rows_read(slice.len).min(logits.len());
    let (prompt, drawing) = logits.split_at_checked(rows).unwrap_or_default();
    let scorer = &mut sampler.scorer;
    let read = sequence.read_prompt(prompt, |row, position, id, top| scorer.score(row, position, id, top));
    let mut outcome = draw(scheduler, sampler, slice, drawing, masked);
    if let Err(reason) = read {
        outcome.ended = Some(reason);
    }
    outcome
}

/// Draws from the logits of a slice, within its masks where it has any; gives the grammar back to its sequence.
fn draw(
    scheduler: &mut Scheduler,
    sampler: &mut Sampler,
    slice: Slice,
    logits: &[&[f32]],
    masked: Option<Masked>,
) -> Outcome {
    let Some(Masked { state, rows, .. }) = masked else {
        return scheduler
            .advance(slice, |row, sequence| sampler.draw_scored(logits.get(row)?, sequence, None));
    };
    if let Some(sequence) = scheduler.running.get_mut(slice.index) {
        sequence.mask = Some(state);
    }
    let mut gave_up = false;
    let mut outcome = scheduler.advance(slice, |row, sequence| {
        let Some(allowed) = rows.get(row).filter(|row| row.iter().any(|word| *word != 0)) else {
            gave_up = true;
            return None;
        };
        sampler.draw_scored(logits.get(row)?, sequence, Some(allowed))
    });
    if gave_up {
        outcome.ended = Some(FinishReason::MaskFailed);
    }
    outcome
}
