//! What makes tokens: the local engine today, a pinned upstream later. Both are a [`Generate`].

use std::pin::Pin;

use engine::{Engine, SequenceRequest, SubmitError, TokenEvent};
use futures_util::Stream;

/// The tokens of one sequence, ending with one `Finished`. Dropping it stops the work within one step.
pub type Tokens = Pin<Box<dyn Stream<Item = TokenEvent> + Send>>;

/// A source of tokens for one model. It never sees text.
pub trait Generate: Send + Sync + 'static {
    /// Takes one sequence, or says why not; nothing is queued then.
    ///
    /// # Errors
    /// When the request does not fit or the source takes none.
    fn submit(&self, request: SequenceRequest) -> Result<Tokens, SubmitError>;

    /// Prompt and answer together, in tokens.
    fn context_tokens(&self) -> usize;

    /// The instruction set or device the bits come from, for replay.
    fn isa(&self) -> String;

    /// Why no request can be served now, if so.
    fn fault(&self) -> Option<String>;

    /// Counters and gauges for operators: name, help, kind and value.
    fn gauges(&self) -> Vec<Gauge>;

    /// Takes nothing new and ends when what runs has ended.
    fn shutdown(&self);
}

/// One number for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauge {
    /// Its name after `proeftuin_`; what only grows ends in `_total`.
    pub name: &'static str,
    /// What it is, with its unit.
    pub help: &'static str,
    /// Its value now.
    pub value: u64,
}

impl Generate for Engine {
    fn submit(&self, request: SequenceRequest) -> Result<Tokens, SubmitError> {
        let stream = Engine::submit(self, request)?;
        Ok(Box::pin(futures_util::stream::unfold(stream, |mut stream| async move {
            stream.next().await.map(|event| (event, stream))
        })))
    }

    fn context_tokens(&self) -> usize {
        Engine::context_tokens(self)
    }

    fn isa(&self) -> String {
        Engine::isa(self).to_owned()
    }

    fn fault(&self) -> Option<String> {
        match self.stats().state {
            engine::EngineState::Running => None,
            engine::EngineState::ShuttingDown => Some("the server is shutting down".to_owned()),
            engine::EngineState::Stopped => Some("the engine has stopped".to_owned()),
            engine::EngineState::Failed => Some("the engine has stopped after a fault".to_owned()),
        }
    }

    fn gauges(&self) -> Vec<Gauge> {
        let stats = self.stats();
        let gauge = |name, help, value| Gauge { name, help, value };
        vec![
            gauge("sequences_running", "Sequences that own pages.", stats.running as u64),
            gauge("sequences_queued", "Sequences that wait for the engine.", stats.queued as u64),
            gauge("kv_pages", "Pages of 32 tokens there are.", stats.pages_total as u64),
            gauge("kv_pages_free", "Pages that hold nothing.", stats.pages_free as u64),
            gauge(
                "kv_pages_cached",
                "Pages kept for their content and owned by none.",
                stats.pages_cached as u64,
            ),
            gauge("engine_steps_total", "Steps the engine has run.", stats.steps_total),
            gauge("prefill_tokens_total", "Prompt positions computed.", stats.prefill_tokens_total),
            gauge(
                "shared_tokens_total",
                "Prompt positions taken over from known pages.",
                stats.shared_tokens_total,
            ),
            gauge("generated_tokens_total", "Tokens generated.", stats.generated_tokens_total),
            gauge(
                "drafted_tokens_total",
                "Tokens guessed from a sequence's own text and verified.",
                stats.drafted_tokens_total,
            ),
            gauge(
                "accepted_tokens_total",
                "Guessed tokens that were the ones drawn.",
                stats.accepted_tokens_total,
            ),
            gauge("preemptions_total", "Times a sequence gave up its pages.", stats.preemptions_total),
        ]
    }

    fn shutdown(&self) {
        Engine::shutdown(self);
    }
}
