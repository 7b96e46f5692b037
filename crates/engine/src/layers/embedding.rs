//! Token ids to hidden states.

use super::Backend;
use crate::Error;
use std::sync::Arc;

/// A table `[vocab, hidden]`, and what its rows are multiplied by.
pub(crate) struct Embedding<B: Backend> {
    table: Arc<B::Matrix>,
    scale: f32,
}

impl<B: Backend> Embedding<B> {
    /// Rows of `table`, times `scale`.
    pub(crate) fn new(table: Arc<B::Matrix>, scale: f32) -> Self {
        Embedding { table, scale }
    }

    /// `out` becomes `[tokens, hidden]`.
    pub(crate) fn forward(
        &self,
        backend: &mut B,
        tokens: &[u32],
        out: &mut B::Activations,
    ) -> Result<(), Error> {
        backend.embed(&self.table, tokens, out)?;
        if self.scale != 1.0 {
            backend.scale(out, self.scale)?;
        }
        Ok(())
    }
}
