//! Which tokens may come next, where a request says so: a grammar, to the engine a set of ids for each position.
//!
//! The set of the next position is computed on a thread of its own while the model runs, so that it costs a step little:
//! it is wanted only when the logits are there.

use crate::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use zeroize::Zeroizing;

/// What a constrained sequence may become: the state of one grammar after the tokens accepted so far.
///
/// An error, or a panic, ends the sequence with `FinishReason::MaskFailed` and no other.
pub trait TokenMask: Send {
    /// Sets the bits of the ids that may come next: id `i` is bit `i % 32` of word `i / 32`. The words come zeroed and
    /// cover the model's vocabulary; an id that ends the sequence is among them where it may end here.
    ///
    /// # Errors
    /// When it cannot be computed within the limits of whoever made it.
    fn allow(&mut self, words: &mut [u32]) -> Result<(), MaskFault>;

    /// Takes the token that was chosen. True when nothing may follow it: the sequence then ends with `Complete`.
    ///
    /// # Errors
    /// When the token was not allowed, or as for `allow`.
    fn accept(&mut self, id: u32) -> Result<bool, MaskFault>;

    /// The same state once more; what becomes of one changes nothing for the other.
    fn fork(&self) -> Box<dyn TokenMask>;
}

impl Clone for Box<dyn TokenMask> {
    fn clone(&self) -> Self {
        self.fork()
    }
}

/// A grammar gave up. Why is for whoever made it to know; what was generated is in no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the set of allowed tokens could not be computed")]
pub struct MaskFault;

/// Runs a piece of a grammar; a panic in it is a fault of that grammar.
pub(crate) fn contained<T>(work: impl FnOnce() -> Result<T, MaskFault>) -> Result<T, MaskFault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(MaskFault))
}

/// The masks of one sequence's rows in a step.
pub(crate) struct Masked {
    /// Index of the sequence among those that run.
    pub(crate) index: usize,
    /// The grammar, as it was before the step.
    pub(crate) state: Box<dyn TokenMask>,
    /// The tokens that are verified in the step.
    draft: Zeroizing<Vec<u32>>,
    /// The allowed ids after what is known, and after each draft token as far as the draft is allowed: nothing is drawn
    /// after one that is not. Fewer where the grammar gave up.
    pub(crate) rows: Vec<Vec<u32>>,
}

impl Masked {
    /// Nothing is computed yet.
    pub(crate) fn new(index: usize, state: Box<dyn TokenMask>, draft: Zeroizing<Vec<u32>>) -> Self {
        Masked { index, state, draft, rows: Vec::new() }
    }

    /// Fills in the rows, of `words` words each. A draft is followed on a copy: nobody knows yet whether it comes true.
    fn compute(&mut self, words: usize) {
        let Masked { state, draft, rows, .. } = self;
        let _fewer_rows = contained(|| {
            rows.push(row(state.as_mut(), words)?);
            let mut ahead: Option<Box<dyn TokenMask>> = None;
            for id in draft.iter() {
                if !rows.last().is_some_and(|row| allows(row, *id)) {
                    break;
                }
                let ahead = ahead.get_or_insert_with(|| state.fork());
                if ahead.accept(*id)? {
                    break;
                }
                rows.push(row(ahead.as_mut(), words)?);
            }
            Ok(())
        });
    }
}

fn row(state: &mut dyn TokenMask, words: usize) -> Result<Vec<u32>, MaskFault> {
    let mut row = vec![0; words];
    state.allow(&mut row)?;
    Ok(row)
}

/// Whether the bit of `id` is set.
fn allows(row: &[u32], id: u32) -> bool {
    row.get(id as usize / 32).is_some_and(|word| word >> (id % 32) & 1 == 1)
}

/// The thread beside the engine's own. It is there from the first constrained step on.
#[derive(Default)]
pub(crate) struct MaskWorker {
    channels: Option<Channels>,
}

/// The way to the thread and back.
struct Channels {
    /// What to compute, and the words of a row.
    work: Sender<(Vec<Masked>, usize)>,
    done: Receiver<Vec<Masked>>,
}

impl MaskWorker {
    /// Sets the thread to work; `finish` must follow if there is any.
    ///
    /// # Errors
    /// `Thread` when the system gives none.
    pub(crate) fn start(&mut self, work: Vec<Masked>, vocab_len: usize) -> Result<(), Error> {
        if self.channels.is_none() {
            let (sender, inbox) = channel::<(Vec<Masked>, usize)>();
            let (outbox, done) = channel();
            let serve = move || {
                for (mut work, words) in inbox {
                    work.iter_mut().for_each(|masked| masked.compute(words));
                    if outbox.send(work).is_err() {
                        return;
                    }
                }
            };
            let builder = std::thread::Builder::new().name("masks".to_owned());
            builder.spawn(serve).map_err(Error::Thread)?;
            self.channels = Some(Channels { work: sender, done });
        }
        let channels = self.channels.as_ref().ok_or_else(gone)?;
        channels.work.send((work, vocab_len.div_ceil(32))).map_err(|_| gone())
    }

    /// Waits for what was started.
    ///
    /// # Errors
    /// `Fault` when the thread is gone, which it never is while the engine runs.
    pub(crate) fn finish(&mut self) -> Result<Vec<Masked>, Error> {
        let channels = self.channels.as_ref().ok_or_else(gone)?;
        channels.done.recv().map_err(|_| gone())
    }
}

fn gone() -> Error {
    Error::Fault("the thread that computes masks has stopped".to_owned())
}
