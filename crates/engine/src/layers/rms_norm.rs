//! Root mean square normalization (Zhang and Sennrich 2019, arXiv:1910.07467).

use super::Backend;
use crate::Error;

/// Norm with a learned weight.
pub(crate) struct RmsNorm<B: Backend> {
    weight: B::Vector,
    eps: f32,
}

impl<B: Backend> RmsNorm<B> {
    /// `weight` is `[hidden]`, or `[head_dim]` for a norm of each head.
    pub(crate) fn new(weight: B::Vector, eps: f32) -> Self {
        RmsNorm { weight, eps }
    }

    /// `x` and `out` are `[tokens, hidden]`, or `[tokens, heads · head_dim]`.
    pub(crate) fn forward(
        &self,
        backend: &mut B,
        x: &B::Activations,
        out: &mut B::Activations,
    ) -> Result<(), Error> {
        backend.rms_norm(x, &self.weight, self.eps, out)
    }

    /// The same in place; `spare` is overwritten.
    pub(crate) fn replace(
        &self,
        backend: &mut B,
        x: &mut B::Activations,
        spare: &mut B::Activations,
    ) -> Result<(), Error> {
        self.forward(backend, x, spare)?;
        std::mem::swap(x, spare);
        Ok(())
    }
}
