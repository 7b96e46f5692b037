//! The handle the process holds, and the thread behind it.
//!
//! The thread owns scheduler, pages and model by `&mut`; commands reach it over one channel, and counters leave it as
//! atomics. There is no lock.

use crate::block_manager::{BlockManager, PAGE_TOKENS};
use crate::model::Model;
use crate::scheduler::{Limits, Scheduler};
use crate::sequence::Sequence;
use crate::step::Stepper;
use crate::{Error, FinishReason, SequenceRequest, SubmitError, TokenStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::{Duration, Instant};

/// How much an engine takes on.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Prompt and answer together, in tokens; `None` takes what the model was trained for, as far as the pages hold it.
    pub context_tokens: Option<usize>,
    /// Memory for K and V, in bytes; rounded down to whole pages of 32 tokens.
    pub kv_bytes: usize,
    /// Tokens computed in one step: prefill, decode and drafts. While a prompt is read, running streams get a token a step,
    /// so fewer make them steadier; more read prompts faster, up to some 512. At least `max_running`.
    pub max_batch_tokens: usize,
    /// Tokens that a sequence may guess from its own text and have verified in one step; 0 is off. Changes no answer.
    pub speculation: usize,
    /// Sequences that run at the same time.
    pub max_running: usize,
    /// Requests that wait to be started; one more is refused with `QueueFull`.
    pub max_queued: usize,
    /// Share pages between requests with the same prefix and the same cache salt.
    pub prefix_sharing: bool,
    /// How long a page that nobody uses is kept for who comes with the same prefix; then it is wiped.
    pub cache_lifetime: Duration,
    /// Touches all pages at the start, so that no step waits until the system has cleared memory for it.
    pub resident: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            context_tokens: None,
            kv_bytes: 512 << 20,
            max_batch_tokens: 256,
            speculation: 4,
            max_running: 32,
            max_queued: 128,
            prefix_sharing: true,
            cache_lifetime: Duration::from_secs(600),
            resident: false,
        }
    }
}

/// The closed set of what the engine's thread can be told.
pub(crate) enum EngineCommand {
    Submit(Box<Sequence>),
    Abort { id: u64 },
    Shutdown,
}

/// Whether the engine takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineState {
    /// It does.
    Running,
    /// It finishes what it has.
    ShuttingDown,
    /// It has finished.
    Stopped,
    /// It met a fault and ended every stream with `Failed`.
    Failed,
}

/// Counters since start; gauges as of the last step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStats {
    /// Whether the engine takes requests.
    pub state: EngineState,
    /// Requests accepted and not yet started.
    pub queued: usize,
    /// Sequences that own pages.
    pub running: usize,
    /// Pages of 32 tokens there are.
    pub pages_total: usize,
    /// Pages that hold nothing.
    pub pages_free: usize,
    /// Pages kept for their content and owned by none.
    pub pages_cached: usize,
    /// Steps run.
    pub steps_total: u64,
    /// Positions computed from prompts, those computed again after preemption included.
    pub prefill_tokens_total: u64,
    /// Tokens emitted.
    pub generated_tokens_total: u64,
    /// Draft tokens verified.
    pub drafted_tokens_total: u64,
    /// Draft tokens that were the ones drawn; each saved a step.
    pub accepted_tokens_total: u64,
    /// Prompt positions taken over from known pages.
    pub shared_tokens_total: u64,
    /// Times a sequence gave up its pages.
    pub preemptions_total: u64,
}

/// What the handle and the thread both see.
pub(crate) struct Shared {
    pub(crate) state: AtomicU8,
    pub(crate) queued: AtomicUsize,
    pub(crate) running: AtomicUsize,
    pub(crate) pages_free: AtomicUsize,
    pub(crate) pages_cached: AtomicUsize,
    pub(crate) steps: AtomicU64,
    pub(crate) prefill_tokens: AtomicU64,
    pub(crate) generated_tokens: AtomicU64,
    pub(crate) drafted_tokens: AtomicU64,
    pub(crate) accepted_tokens: AtomicU64,
    pub(crate) shared_tokens: AtomicU64,
    pub(crate) preemptions: AtomicU64,
    /// Milliseconds a sequence ran, smoothed; what `retry_after_s` is guessed from.
    pub(crate) sequence_ms: AtomicU64,
    next_id: AtomicU64,
    pages_total: usize,
    kv_bytes: usize,
    vocab_len: usize,
    context_tokens: usize,
    max_running: usize,
    max_queued: usize,
    speculation: usize,
    isa: String,
}

/// Memory for the logits of prompts that are scored, in one step.
const READ_BYTES: usize = 64 << 20;

/// Rows of them at least: enough for the weights to be read for many tokens at once.
const READ_ROWS_MIN: usize = 32;

const RUNNING: u8 = 0;
const SHUTTING_DOWN: u8 = 1;
const STOPPED: u8 = 2;
const FAILED: u8 = 3;

/// A handle on a running engine. Clones refer to the same one; it stops when the last handle and stream are gone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    commands: Sender<EngineCommand>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// Starts the engine's thread, which owns the model from here on.
///
/// # Errors
/// `Options` naming the option that is out of range; `Thread` when the system gives none.
pub fn start(mut model: Model, options: EngineOptions) -> Result<Engine, Error> {
    let pages = options.kv_bytes / model.lm.page_bytes().max(1);
    let held = pages * PAGE_TOKENS;
    let trained = model.trained_context();
    let context_tokens = options.context_tokens.unwrap_or(trained.min(held));
    let refuse = |field, reason: String| Err(Error::Options { field, reason });
    if context_tokens < 2 || context_tokens > trained {
        return refuse(
            "context_tokens",
            format!("{context_tokens} is not between 2 and the model's {trained}"),
        );
    }
    if context_tokens > held {
        let reason = format!("holds {held} tokens, one sequence may have {context_tokens}; raise it");
        return refuse("kv_bytes", reason);
    }
    if options.max_running == 0 || options.max_running > options.max_batch_tokens {
        let reason = format!("{} is not between 1 and max_batch_tokens", options.max_running);
        return refuse("max_running", reason);
    }
    let Ok(total) = u32::try_from(pages) else {
        return refuse("kv_bytes", format!("{pages} pages are more than can be numbered"));
    };
    model.lm.allocate_pages(pages)?;
    if options.resident {
        model.lm.wipe(&(0..pages as u32).collect::<Vec<_>>())?;
    }
    let shared = Arc::new(Shared {
        state: AtomicU8::new(RUNNING),
        queued: AtomicUsize::new(0),
        running: AtomicUsize::new(0),
        pages_free: AtomicUsize::new(pages),
        pages_cached: AtomicUsize::new(0),
        steps: AtomicU64::new(0),
        prefill_tokens: AtomicU64::new(0),
        generated_tokens: AtomicU64::new(0),
        drafted_tokens: AtomicU64::new(0),
        accepted_tokens: AtomicU64::new(0),
        shared_tokens: AtomicU64::new(0),
        preemptions: AtomicU64::new(0),
        sequence_ms: AtomicU64::new(1000),
        next_id: AtomicU64::new(0),
        pages_total: pages,
        kv_bytes: pages * model.lm.page_bytes(),
        vocab_len: model.vocab_len(),
        context_tokens,
        max_running: options.max_running,
        max_queued: options.max_queued,
        speculation: options.speculation,
        isa: model.isa().to_owned(),
    });
    let limits = Limits {
        max_batch_tokens: options.max_batch_tokens,
        max_running: options.max_running,
        prefix_sharing: options.prefix_sharing,
        max_read_rows: (READ_BYTES / size_of::<f32>() / model.vocab_len().max(1)).max(READ_ROWS_MIN),
    };
    let scheduler = Scheduler::new(limits, BlockManager::new(total, options.cache_lifetime));
    let (commands, inbox) = std::sync::mpsc::channel();
    let thread_shared = Arc::clone(&shared);
    std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || {
            run(Stepper::new(model, scheduler, Arc::clone(&thread_shared)), &inbox, &thread_shared)
        })
        .map_err(Error::Thread)?;
    Ok(Engine { shared, commands })
}

impl Engine {
    /// Queues a request, or says why not; never waits.
    ///
    /// # Errors
    /// See `SubmitError`. Nothing is queued on an error.
    pub fn submit(&self, request: SequenceRequest) -> Result<TokenStream, SubmitError> {
        match self.shared.state.load(Relaxed) {
            RUNNING => {}
            FAILED => return Err(SubmitError::EngineFailed),
            _ => return Err(SubmitError::ShuttingDown),
        }
        self.check(&request)?;
        self.take_place()?;
        let id = self.shared.next_id.fetch_add(1, Relaxed);
        let (sender, events) = tokio::sync::mpsc::channel(events_max(&request));
        let most = self.shared.speculation;
        let drafts = request.draft_tokens_max.map_or(most, |max| max.min(most));
        let sequence = Box::new(Sequence::new(id, request, drafts, sender));
        if self.commands.send(EngineCommand::Submit(sequence)).is_err() {
            self.shared.queued.fetch_sub(1, Relaxed);
            return Err(match self.shared.state.load(Relaxed) {
                FAILED => SubmitError::EngineFailed,
                _ => SubmitError::ShuttingDown,
            });
        }
        Ok(TokenStream { id, events, commands: self.commands.clone(), finished: false })
    }

    fn check(&self, request: &SequenceRequest) -> Result<(), SubmitError> {
        let prompt_tokens = request.prompt.len();
        if prompt_tokens == 0 {
            return Err(SubmitError::EmptyPrompt);
        }
        let (max_tokens, context_tokens) = (request.max_tokens, self.shared.context_tokens);
        if max_tokens == 0 && request.sampling.prompt_logprobs.is_none() {
            return Err(SubmitError::InvalidSampling { field: "max_tokens", reason: "must be at least 1" });
        }
        if prompt_tokens.saturating_add(max_tokens as usize) > context_tokens {
            return Err(SubmitError::ContextOverflow { prompt_tokens, max_tokens, context_tokens });
        }
        let mut ids = request.prompt.iter().chain(&request.stop_token_ids);
        if ids.any(|id| *id as usize >= self.shared.vocab_len) {
            return Err(SubmitError::InvalidToken);
        }
        request.sampling.validate(self.shared.vocab_len)
    }

    /// Takes a place in the bounded queue.
    fn take_place(&self) -> Result<(), SubmitError> {
        let max = self.shared.max_queued;
        let taken =
            self.shared.queued.fetch_update(Relaxed, Relaxed, |queued| (queued < max).then_some(queued + 1));
        taken.map(|_| ()).map_err(|queued| {
            let turns = queued as u64 / self.shared.max_running as u64 + 1;
            let wait_ms = self.shared.sequence_ms.load(Relaxed).saturating_mul(turns);
            SubmitError::QueueFull { queued, retry_after_s: wait_ms.div_ceil(1000).clamp(1, 60) as u32 }
        })
    }

    /// Finishes what was accepted and refuses what is new. Returns at once; `stats().state` tells when it is done.
    pub fn shutdown(&self) {
        if self.shared.state.compare_exchange(RUNNING, SHUTTING_DOWN, Relaxed, Relaxed).is_ok() {
            // A closed channel means the thread has stopped already.
            let _ = self.commands.send(EngineCommand::Shutdown);
        }
    }

    /// Counters and gauges.
    pub fn stats(&self) -> EngineStats {
        let shared = &self.shared;
        EngineStats {
            state: match shared.state.load(Relaxed) {
                RUNNING => EngineState::Running,
                SHUTTING_DOWN => EngineState::ShuttingDown,
                STOPPED => EngineState::Stopped,
                _ => EngineState::Failed,
            },
            queued: shared.queued.load(Relaxed),
            running: shared.running.load(Relaxed),
            pages_total: shared.pages_total,
            pages_free: shared.pages_free.load(Relaxed),
            pages_cached: shared.pages_cached.load(Relaxed),
            steps_total: shared.steps.load(Relaxed),
            prefill_tokens_total: shared.prefill_tokens.load(Relaxed),
            generated_tokens_total: shared.generated_tokens.load(Relaxed),
            drafted_tokens_total: shared.drafted_tokens.load(Relaxed),
            accepted_tokens_total: shared.accepted_tokens.load(Relaxed),
            shared_tokens_total: shared.shared_tokens.load(Relaxed),
            preemptions_total: shared.preemptions.load(Relaxed),
        }
    }

    /// Bound of the token ids.
    pub fn vocab_len(&self) -> usize {
        self.shared.vocab_len
    }

    /// Bytes of K and V in all pages: `kv_bytes` of the options, in whole pages.
    pub fn kv_bytes(&self) -> usize {
        self.shared.kv_bytes
    }

    /// Prompt and answer together, in tokens.
    pub fn context_tokens(&self) -> usize {
        self.shared.context_tokens
    }

    /// The instruction set or device the arithmetic runs on; part of what makes an answer replay.
    pub fn isa(&self) -> &str {
        &self.shared.isa
    }
}

/// Everything that the sequence can say: scores, tokens and the last word.
fn events_max(request: &SequenceRequest) -> usize {
    let tokens = request.max_tokens as usize;
    let scores = request.sampling.logprobs.map_or(0, |_| tokens);
    let prompt = request.sampling.prompt_logprobs.map_or(0, |_| request.prompt.len());
    tokens + scores + prompt + 1
}

/// The thread. Whatever happens in a step, every stream gets its last word.
fn run(mut stepper: Stepper, inbox: &Receiver<EngineCommand>, shared: &Shared) {
    let served = catch_unwind(AssertUnwindSafe(|| serve(&mut stepper, inbox)));
    let ended_well = matches!(served, Ok(Ok(())));
    shared.state.store(if ended_well { STOPPED } else { FAILED }, Relaxed);
    stepper.scheduler.fail_all();
    let reason = if ended_well { FinishReason::Aborted } else { FinishReason::Failed };
    while let Ok(command) = inbox.try_recv() {
        if let EngineCommand::Submit(sequence) = command {
            sequence.finish(reason);
        }
    }
    shared.queued.store(0, Relaxed);
    shared.running.store(0, Relaxed);
}

/// Commands, then a step, until told to stop and idle, or until nobody can send a command any more.
fn serve(stepper: &mut Stepper, inbox: &Receiver<EngineCommand>) -> Result<(), Error> {
    let mut stopping = false;
    loop {
        if stepper.scheduler.is_idle() {
            stepper.scheduler.blocks.assert_idle();
            if !stopping {
                // Where nothing happens, what is cached still has its time.
                let command = match stepper.scheduler.blocks.expires_at() {
                    None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                    Some(at) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
                };
                match command {
                    Ok(command) => stopping = stepper.obey(command)?,
                    Err(RecvTimeoutError::Timeout) => stepper.expire()?,
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
            }
        }
        loop {
            match inbox.try_recv() {
                Ok(command) => stopping |= stepper.obey(command)?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    stopping = true;
                    break;
                }
            }
        }
        if !stepper.scheduler.is_idle() {
            stepper.step()?;
        } else if stopping {
            return Ok(());
        }
    }
}
