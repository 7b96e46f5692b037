//! A hook at the engine's door: it remembers what the engine was given, for tests that must know.

use std::sync::{Arc, Mutex, PoisonError};

use engine::{SequenceRequest, SubmitError};
use gateway::{Gauge, Generate, Tokens};

/// Passes every sequence on to `inner` and remembers its prompt.
pub struct RecordingGenerate {
    inner: Arc<dyn Generate>,
    prompts: Mutex<Vec<Vec<u32>>>,
}

impl RecordingGenerate {
    /// Stands before `inner`.
    pub fn new(inner: Arc<dyn Generate>) -> Arc<Self> {
        Arc::new(Self { inner, prompts: Mutex::default() })
    }

    /// Token ids of every prompt that was submitted since the last call, in order.
    pub fn take(&self) -> Vec<Vec<u32>> {
        std::mem::take(&mut self.prompts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Generate for RecordingGenerate {
    fn submit(&self, request: SequenceRequest) -> Result<Tokens, SubmitError> {
        self.prompts.lock().unwrap_or_else(PoisonError::into_inner).push(request.prompt.to_vec());
        self.inner.submit(request)
    }

    fn context_tokens(&self) -> usize {
        self.inner.context_tokens()
    }

    fn isa(&self) -> String {
        self.inner.isa()
    }

    fn fault(&self) -> Option<String> {
        self.inner.fault()
    }

    fn gauges(&self) -> Vec<Gauge> {
        self.inner.gauges()
    }

    fn shutdown(&self) {
        self.inner.shutdown();
    }
}
