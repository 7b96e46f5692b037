//! Grouped-query attention over paged K and V (Ainslie et al. 2023, arXiv:2305.13245).

use super::{AttentionShape, Backend, Input, Linear, Residual, ResidualState, RmsNorm, Rope};
use crate::Error;
use crate::model::Batch;

/// One layer's projections and pages: `x += output(attention(norm(x)))`.
pub(crate) struct Attention<B: Backend> {
    pub(crate) norm: RmsNorm<B>,
    /// `[num_heads · head_dim, hidden]`.
    pub(crate) query: Linear<B>,
    /// `[num_kv_heads · head_dim, hidden]`.
    pub(crate) key: Linear<B>,
    /// `[num_kv_heads · head_dim, hidden]`.
    pub(crate) value: Linear<B>,
    /// `[hidden, num_heads · head_dim]`.
    pub(crate) output: Residual<B>,
    /// Norms of each query head and of each key head before RoPE (Henry et al. 2020, arXiv:2010.04245).
    pub(crate) head_norms: Option<[RmsNorm<B>; 2]>,
    /// Heads, scale and window.
    pub(crate) shape: AttentionShape,
    /// This layer's pages.
    pub(crate) cache: B::Cache,
}

/// Buffers that all layers share, one row a token.
pub(crate) struct AttentionState<B: Backend> {
    /// `[tokens, num_heads · head_dim]`.
    q: B::Activations,
    /// `[tokens, num_kv_heads · head_dim]`.
    k: B::Activations,
    /// `[tokens, num_kv_heads · head_dim]`.
    v: B::Activations,
    /// `[tokens, num_heads · head_dim]`.
    heads: B::Activations,
    /// For the norms of heads.
    spare: B::Activations,
}

impl<B: Backend> Default for AttentionState<B> {
    fn default() -> Self {
        let [q, k, v, heads, spare] = [(); 5].map(|()| B::Activations::default());
        AttentionState { q, k, v, heads, spare }
    }
}

impl<B: Backend> AttentionState<B> {
    /// Overwrites all of it.
    pub(crate) fn forget(&mut self, backend: &mut B) {
        let AttentionState { q, k, v, heads, spare } = self;
        [q, k, v, heads, spare].into_iter().for_each(|x| backend.forget(x));
    }
}

impl<B: Backend> Attention<B> {
    /// `x` is `[tokens, hidden]`. K and V are stored first and read back from the pages, also for a token's own
    /// position, so that prefill and decode have the same arithmetic.
    pub(crate) fn forward(
        &mut self,
        backend: &mut B,
        batch: &Batch,
        rope: &Rope<B>,
        x: &mut B::Activations,
        state: &mut AttentionState<B>,
        residual: &mut ResidualState<B>,
    ) -> Result<(), Error> {
        let AttentionState { q, k, v, heads, spare } = state;
        let products = [(&self.query, &mut *q), (&self.key, &mut *k), (&self.value, &mut *v)];
        Linear::forward_group(backend, self.norm.of(x), products)?;
        if let Some([query, key]) = &self.head_norms {
            query.replace(backend, q, spare)?;
            key.replace(backend, k, spare)?;
        }
        rope.forward(backend, q)?;
        rope.forward(backend, k)?;
        backend.store(&self.shape, &mut self.cache, batch, k, v)?;
        backend.attend(&self.shape, &self.cache, batch, q, heads)?;
        self.output.forward(backend, Input::Plain(heads), x, residual)
    }
}
