//! Products with weights.

use super::Backend;
use crate::Error;
use std::sync::Arc;

/// `out[t] = w · x[t] + bias`; the type of the weights is the backend's business.
pub(crate) struct Linear<B: Backend> {
    /// `[rows, cols]`.
    pub(crate) weight: B::Matrix,
    /// `[rows]`, where the model has one.
    pub(crate) bias: Option<B::Vector>,
}

impl<B: Backend> Linear<B> {
    /// `x` is `[tokens, cols]`, `out` becomes `[tokens, rows]`.
    pub(crate) fn forward(
        &self,
        backend: &mut B,
        x: &B::Activations,
        out: &mut B::Activations,
    ) -> Result<(), Error> {
        Self::forward_group(backend, x, [(self, out)])
    }

    /// Several layers of the same `x`, each with its output, at once.
    pub(crate) fn forward_group<const N: usize>(
        backend: &mut B,
        x: &B::Activations,
        mut layers: [(&Self, &mut B::Activations); N],
    ) -> Result<(), Error> {
        backend.linear(x, &mut layers.each_mut().map(|(layer, out)| (&layer.weight, &mut **out)))?;
        for (layer, out) in layers {
            if let Some(bias) = &layer.bias {
                backend.add_bias(out, bias)?;
            }
        }
        Ok(())
    }
}

/// Hidden states to logits, for the rows that want them.
pub(crate) struct LmHead<B: Backend> {
    weight: Arc<B::Matrix>,
    /// `[rows that want logits, hidden]`.
    selected: B::Activations,
    /// `[rows that want logits, vocab]`.
    logits: B::Activations,
}

impl<B: Backend> LmHead<B> {
    /// `weight` is `[vocab, hidden]`: the file's output matrix, or the embedding table where the two are tied.
    pub(crate) fn new(weight: Arc<B::Matrix>) -> Self {
        LmHead { weight, selected: B::Activations::default(), logits: B::Activations::default() }
    }

    /// Logits of these rows of `x`, `[rows.len(), vocab]`, in host memory.
    pub(crate) fn forward(
        &mut self,
        backend: &mut B,
        x: &B::Activations,
        rows: &[usize],
    ) -> Result<&[f32], Error> {
        if rows.is_empty() {
            return Ok(&[]);
        }
        backend.select(x, rows, &mut self.selected)?;
        backend.linear(&self.selected, &mut [(&self.weight, &mut self.logits)])?;
        backend.read(&mut self.logits)
    }
}
