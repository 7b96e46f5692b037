//! The receiving end of one sequence.

use crate::engine::EngineCommand;
use crate::{FinishReason, TokenEvent};
use std::sync::mpsc::Sender;
use tokio::sync::mpsc::Receiver;

/// The tokens of one request, in order, then exactly one `Finished`, then nothing.
///
/// Bounded by the request's own `max_tokens`, so the engine's thread never waits for a slow reader.
/// Dropping the stream aborts the sequence within one step.
pub struct TokenStream {
    pub(crate) id: u64,
    pub(crate) events: Receiver<TokenEvent>,
    pub(crate) commands: Sender<EngineCommand>,
    pub(crate) finished: bool,
}

impl TokenStream {
    /// The next event; `None` after `Finished`. If the engine's thread is gone, `Finished(Failed)`.
    pub async fn next(&mut self) -> Option<TokenEvent> {
        if self.finished {
            return None;
        }
        let event = self.events.recv().await;
        Some(self.note(event))
    }

    /// As `next`, for a thread without an async runtime. Must not be called inside one.
    pub fn blocking_next(&mut self) -> Option<TokenEvent> {
        if self.finished {
            return None;
        }
        let event = self.events.blocking_recv();
        Some(self.note(event))
    }

    /// A channel that closes without a last word means the engine's thread is gone.
    fn note(&mut self, event: Option<TokenEvent>) -> TokenEvent {
        let event = event.unwrap_or(TokenEvent::Finished(FinishReason::Failed));
        self.finished = matches!(event, TokenEvent::Finished(_));
        event
    }
}

impl Drop for TokenStream {
    fn drop(&mut self) {
        if !self.finished {
            // A closed channel means the engine is gone, and the sequence with it.
            let _ = self.commands.send(EngineCommand::Abort { id: self.id });
        }
    }
}

impl std::fmt::Debug for TokenStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenStream").field("id", &self.id).finish_non_exhaustive()
    }
}
