//! Root mean square normalization (Zhang and Sennrich 2019, arXiv:1910.07467).

use super::{Backend, Input};
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

    /// The norm of `x`, `[tokens, hidden]`, on its way into a product.
    pub(crate) fn of<'a>(&'a self, x: &'a B::Activations) -> Input<'a, B> {
        Input::RmsNorm { x, weight: &self.weight, eps: self.eps }
    }

    /// Norms `x`, `[tokens, hidden]` or `[tokens, heads · head_dim]`, in place; `spare` is overwritten.
    pub(crate) fn replace(
        &self,
        backend: &mut B,
        x: &mut B::Activations,
        spare: &mut B::Activations,
    ) -> Result<(), Error> {
        backend.rms_norm(x, &self.weight, self.eps, spare)?;
        std::mem::swap(x, spare);
        Ok(())
    }
}
