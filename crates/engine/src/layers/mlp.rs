//! The gated feed-forward part (Shazeer 2020, arXiv:2002.05202).

use super::{Backend, Input, Linear, Residual, ResidualState, RmsNorm};
use crate::Error;
use kernels::Activation;

/// `x += down(activation(gate(norm(x))) · up(norm(x)))`.
pub(crate) struct Mlp<B: Backend> {
    pub(crate) norm: RmsNorm<B>,
    /// `[intermediate, hidden]`.
    pub(crate) gate: Linear<B>,
    /// `[intermediate, hidden]`.
    pub(crate) up: Linear<B>,
    /// `[hidden, intermediate]`.
    pub(crate) down: Residual<B>,
    /// Of the gate.
    pub(crate) activation: Activation,
}

/// Buffers that all layers share, one row a token.
pub(crate) struct MlpState<B: Backend> {
    /// `[tokens, intermediate]`.
    gate: B::Activations,
    /// `[tokens, intermediate]`.
    up: B::Activations,
}

impl<B: Backend> Default for MlpState<B> {
    fn default() -> Self {
        MlpState { gate: B::Activations::default(), up: B::Activations::default() }
    }
}

impl<B: Backend> MlpState<B> {
    /// Overwrites all of it.
    pub(crate) fn forget(&mut self, backend: &mut B) {
        [&mut self.gate, &mut self.up].into_iter().for_each(|x| backend.forget(x));
    }
}

impl<B: Backend> Mlp<B> {
    /// `x` is `[tokens, hidden]`.
    pub(crate) fn forward(
        &self,
        backend: &mut B,
        x: &mut B::Activations,
        state: &mut MlpState<B>,
        residual: &mut ResidualState<B>,
    ) -> Result<(), Error> {
        let MlpState { gate, up } = state;
        Linear::forward_group(backend, self.norm.of(x), [(&self.gate, &mut *gate), (&self.up, &mut *up)])?;
        let gated = Input::GateMul { activation: self.activation, gate, up };
        self.down.forward(backend, gated, x, residual)
    }
}
