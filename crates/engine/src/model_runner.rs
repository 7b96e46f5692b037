//! A wired model with its device and its pages: what the engine's thread runs.

use crate::Error;
use crate::layers::Backend;
use crate::model::{Batch, CausalLm};
use crate::models::{Config, Decoder};

/// One model on one device.
pub(crate) struct ModelRunner<B: Backend> {
    backend: B,
    model: Decoder<B>,
    config: Config,
}

impl<B: Backend> ModelRunner<B> {
    /// Without pages yet.
    pub(crate) fn new(backend: B, model: Decoder<B>, config: Config) -> Self {
        ModelRunner { backend, model, config }
    }
}

impl<B: Backend> CausalLm for ModelRunner<B> {
    fn vocab_len(&self) -> usize {
        self.model.vocab_len
    }

    fn trained_context(&self) -> usize {
        self.config.context
    }

    fn page_bytes(&self) -> usize {
        self.config.blocks * self.backend.page_bytes(&self.config.attention_shape(0))
    }

    fn isa(&self) -> &str {
        self.backend.name()
    }

    fn allocate_pages(&mut self, pages: usize) -> Result<(), Error> {
        // Pages are alike in every layer.
        let shape = self.config.attention_shape(0);
        for cache in self.model.caches() {
            *cache = self.backend.cache(&shape, pages)?;
        }
        Ok(())
    }

    fn wipe(&mut self, pages: &[u32]) -> Result<(), Error> {
        let shape = self.config.attention_shape(0);
        for cache in self.model.caches() {
            self.backend.wipe(&shape, cache, pages)?;
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.model.forget(&mut self.backend);
    }

    fn forward(&mut self, batch: &Batch) -> Result<&[f32], Error> {
        self.model.forward(&mut self.backend, batch)
    }
}
