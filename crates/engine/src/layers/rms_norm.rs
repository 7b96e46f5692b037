//! Root mean square normalization (Zhang and Sennrich 2019, arXiv:1910.07467).

use super::Backend;
use crate::Error;

/// Norm with a learned weight.
pub(crate) struct RmsNorm<B: Backend> {
    weight: B::Vector,
    eps: f32,
}

impl<B: Backend> RmsNorm<B> {
    /// `weight` is `[hidden]`.
    pub(crate) fn new(weight: B::Vector, eps: f32) -> Self {
        RmsNorm { weight, eps }
    }

    /// `x` and `out` are `[tokens, hidden]`.
    pub(crate) fn forward(
        &self,
        backend: &mut B,
        x: &B::Activations,
        out: &mut B::Activations,
    ) -> Result<(), Error> {
        backend.rms_norm(x, &self.weight, self.eps, out)
    }
}
