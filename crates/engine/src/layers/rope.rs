//! Rotary position embedding (Su et al. 2021, arXiv:2104.09864).

use super::Backend;
use crate::Error;
use crate::model::Batch;
use kernels::{Pairing, RopeFrequencies};

/// Frequencies, and the angles of the batch at hand, computed once for all layers.
pub(crate) struct Rope<B: Backend> {
    frequencies: RopeFrequencies,
    pairing: Pairing,
    head_dim: usize,
    rotation: B::Rotation,
}

impl<B: Backend> Rope<B> {
    /// For heads of `head_dim` numbers.
    pub(crate) fn new(frequencies: RopeFrequencies, pairing: Pairing, head_dim: usize) -> Self {
        Rope { frequencies, pairing, head_dim, rotation: B::Rotation::default() }
    }

    /// Takes the positions of a batch.
    pub(crate) fn prepare(&mut self, backend: &mut B, batch: &Batch) -> Result<(), Error> {
        backend.rotate_to(&self.frequencies, batch, &mut self.rotation)
    }

    /// Turns `x`, `[tokens, heads · head_dim]`, in place.
    pub(crate) fn forward(&self, backend: &mut B, x: &mut B::Activations) -> Result<(), Error> {
        backend.rope(self.pairing, self.head_dim, &self.rotation, x)
    }
}
