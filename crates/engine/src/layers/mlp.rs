//! The gated feed-forward part (Shazeer 2020, arXiv:2002.05202).

use super::{Backend, Linear};
use crate::Error;

/// What the gate goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x · sigmoid(x)`.
    Silu,
    /// GELU, with the hyperbolic tangent.
    GeluTanh,
}

/// `down(activation(gate(x)) · up(x))`.
pub(crate) struct Mlp<B: Backend> {
    /// `[intermediate, hidden]`.
    pub(crate) gate: Linear<B>,
    /// `[intermediate, hidden]`.
    pub(crate) up: Linear<B>,
    /// `[hidden, intermediate]`.
    pub(crate) down: Linear<B>,
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

impl<B: Backend> Mlp<B> {
    /// `x` and `out` are `[tokens, hidden]`.
    pub(crate) fn forward(
        &self,
        backend: &mut B,
        x: &B::Activations,
        state: &mut MlpState<B>,
        out: &mut B::Activations,
    ) -> Result<(), Error> {
        let MlpState { gate, up } = state;
        Linear::forward_group(backend, x, [(&self.gate, &mut *gate), (&self.up, &mut *up)])?;
        match self.activation {
            Activation::Silu => backend.silu_mul(gate, up)?,
            Activation::GeluTanh => backend.gelu_mul(gate, up)?,
        }
        self.down.forward(backend, gate, out)
    }
}
