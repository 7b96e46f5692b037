//! Token ids to hidden states.

use super::Backend;
use crate::Error;
use std::sync::Arc;

/// A table `[vocab, hidden]`.
pub(crate) struct Embedding<B: Backend> {
    pub(crate) table: Arc<B::Matrix>,
}

impl<B: Backend> Embedding<B> {
    /// Rows of `table`.
    pub(crate) fn new(table: Arc<B::Matrix>) -> Self {
        Embedding { table }
    }

    /// `out` becomes `[tokens, hidden]`.
    pub(crate) fn forward(
        &self,
        backend: &mut B,
        tokens: &[u32],
        out: &mut B::Activations,
    ) -> Result<(), Error> {
        backend.embed(&self.table, tokens, out)
    }
}
