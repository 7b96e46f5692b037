//! Products with weights.

use super::{Backend, Input, Product, RmsNorm};
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
    /// Several layers of the same input `[tokens, cols]`, each with its output, which becomes `[tokens, rows]`.
    pub(crate) fn forward_group<const N: usize>(
        backend: &mut B,
        input: Input<'_, B>,
        layers: [(&Self, &mut B::Activations); N],
    ) -> Result<(), Error> {
        Self::products(backend, input, layers, false)
    }

    fn products<const N: usize>(
        backend: &mut B,
        input: Input<'_, B>,
        mut layers: [(&Self, &mut B::Activations); N],
        accumulate: bool,
    ) -> Result<(), Error> {
        let mut products = Vec::with_capacity(N);
        for (layer, out) in &mut layers {
            products.push(Product { weight: &layer.weight, out: &mut **out, accumulate });
        }
        backend.linear(input, &mut products)?;
        for (layer, out) in layers {
            if let Some(bias) = &layer.bias {
                backend.add_bias(out, bias)?;
            }
        }
        Ok(())
    }
}

/// The last product of a branch, and its way into the residual stream.
pub(crate) struct Residual<B: Backend> {
    pub(crate) linear: Linear<B>,
    /// Of what is added, where the model has one.
    pub(crate) norm: Option<RmsNorm<B>>,
}

/// Buffers that all branches share, one row a token.
pub(crate) struct ResidualState<B: Backend> {
    /// What a branch adds, `[tokens, hidden]`.
    delta: B::Activations,
    /// For its norm.
    spare: B::Activations,
}

impl<B: Backend> Default for ResidualState<B> {
    fn default() -> Self {
        ResidualState { delta: B::Activations::default(), spare: B::Activations::default() }
    }
}

impl<B: Backend> ResidualState<B> {
    /// Overwrites all of it.
    pub(crate) fn forget(&mut self, backend: &mut B) {
        [&mut self.delta, &mut self.spare].into_iter().for_each(|x| backend.forget(x));
    }
}

impl<B: Backend> Residual<B> {
    /// `x += norm(linear(input))`, `[tokens, hidden]`.
    pub(crate) fn forward(
        &self,
        backend: &mut B,
        input: Input<'_, B>,
        x: &mut B::Activations,
        state: &mut ResidualState<B>,
    ) -> Result<(), Error> {
        let Some(norm) = &self.norm else {
            return Linear::products(backend, input, [(&self.linear, x)], true);
        };
        let ResidualState { delta, spare } = state;
        Linear::products(backend, input, [(&self.linear, &mut *delta)], false)?;
        norm.replace(backend, delta, spare)?;
        backend.add(x, delta)
    }
}

/// Hidden states to logits, for the rows that want them.
pub(crate) struct LmHead<B: Backend> {
    norm: RmsNorm<B>,
    weight: Arc<B::Matrix>,
    /// `[rows that want logits, hidden]`.
    selected: B::Activations,
    /// `[rows that want logits, vocab]`.
    logits: B::Activations,
}

impl<B: Backend> LmHead<B> {
    /// `weight` is `[vocab, hidden]`: the file's output matrix, or the embedding table where the two are tied.
    pub(crate) fn new(norm: RmsNorm<B>, weight: Arc<B::Matrix>) -> Self {
        LmHead { norm, weight, selected: B::Activations::default(), logits: B::Activations::default() }
    }

    /// Overwrites the last logits, and what they were computed from.
    pub(crate) fn forget(&mut self, backend: &mut B) {
        [&mut self.selected, &mut self.logits].into_iter().for_each(|x| backend.forget(x));
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
        let product = Product { weight: &*self.weight, out: &mut self.logits, accumulate: false };
        backend.linear(self.norm.of(&self.selected), &mut [product])?;
        backend.read(&mut self.logits)
    }
}
