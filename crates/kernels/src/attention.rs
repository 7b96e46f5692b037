//! Attention over a paged cache.

#[cfg(test)]
mod tests;
mod tile;

use tile::Tile;

use crate::pool::{Shared, share};
use crate::simd::dispatch;
use crate::{Isa, KvLayout, PAGE_TOKENS, Pool, Scratch};

/// Query tokens that share one pass over the pages.
const TILE: usize = 8;

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
    /// The numbers of its pages in the cache, in order of position. Pages wholly before the window are not read.
    pub pages: &'a [u32],
}

/// Causal attention. `cache` is one layer's pages, `[pages, params.layout.page_bytes()]`, in which the keys and
/// values of the query tokens are already written; `q` and `out` are `[tokens of all sequences, num_heads ·
/// head_dim]`. Slots beyond a sequence's positions may hold anything.
/// With [`crate::KvType::Q8`] a key's scale multiplies its score, a value's its weight.
///
/// Scores are fused chains in ascending order of dimension; the softmax is computed online (Milakov and Gimelshein
/// 2018, arXiv:1805.02867), page by page in ascending order. The result of a token depends on its own keys and
/// values alone: not on how a prompt was cut, on other sequences or on the number of threads.
///
/// # Panics
/// When a length does not fit, or a sequence has fewer pages than its positions need.
pub fn attention(
    pool: &Pool,
    params: &AttentionParams,
    sequences: &[AttentionSequence<'_>],
    cache: &[u8],
    q: &[f32],
    out: &mut [f32],
    scratch: &mut Scratch,
) {
    let call = Call { params, cache, q, out: share(out) };
    attention_on(crate::isa::current(), pool, &call, sequences, scratch);
}

/// The slices of one call.
struct Call<'a> {
    params: &'a AttentionParams,
    cache: &'a [u8],
    q: &'a [f32],
    out: Shared<'a, f32>,
}

impl Call<'_> {
    /// Query heads that share a KV head.
    fn group(&self) -> usize {
        self.params.num_heads / self.params.layout.num_kv_heads()
    }

    /// Where head `head` of query `token` is in `q` and `out`.
    fn at(&self, token: usize, head: usize) -> std::ops::Range<usize> {
        let dim = self.params.layout.head_dim();
        let start = (token * self.params.num_heads + head) * dim;
        start..start + dim
    }

    /// The first page that a token at `position` sees.
    fn first_page(&self, position: usize) -> usize {
        (position + 1).saturating_sub(self.params.window.unwrap_or(usize::MAX)) / PAGE_TOKENS
    }

    fn check(&self, sequences: &[AttentionSequence<'_>]) {
        let (layout, heads) = (&self.params.layout, self.params.num_heads);
        assert!(heads > 0 && heads.is_multiple_of(layout.num_kv_heads()), "attention: heads in whole groups");
        assert!(self.params.window != Some(0), "attention: a window sees at least the token itself");
        let tokens: usize = sequences.iter().map(|sequence| sequence.tokens).sum();
        assert_eq!(self.q.len(), tokens * heads * layout.head_dim(), "attention: query length");
        assert_eq!(self.out.len(), self.q.len(), "attention: output length");
        let pages = self.cache.len() / layout.page_bytes();
        for sequence in sequences {
            let needed = (sequence.first_position + sequence.tokens).div_ceil(PAGE_TOKENS);
            assert!(sequence.pages.len() >= needed, "attention: {needed} pages needed");
            let read = &sequence.pages[self.first_page(sequence.first_position).min(needed)..needed];
            assert!(read.iter().all(|&page| (page as usize) < pages), "attention: page in cache");
        }
    }
}

fn attention_on(
    isa: Isa,
    pool: &Pool,
    call: &Call<'_>,
    sequences: &[AttentionSequence<'_>],
    scratch: &mut Scratch,
) {
    call.check(sequences);
    let layout = &call.params.layout;
    let floats =
        layout.key_elements() + layout.value_elements() + TILE * call.group() * layout.value_stride();
    let pairs = TILE * call.group();
    let need = floats + 2 * pairs;
    scratch.floats.resize((pool.threads() * need).max(scratch.floats.len()), 0.0);
    let buffers = share(&mut scratch.floats);
    let mut tiles = Vec::new();
    let mut row = 0;
    for sequence in sequences {
        for start in (0..sequence.tokens).step_by(TILE) {
            tiles.push((sequence, start, row + start));
        }
        row += sequence.tokens;
    }
    let kv_heads = layout.num_kv_heads();
    pool.each(tiles.len() * kv_heads, &|worker, piece| {
        // SAFETY: each worker has its own part, for one piece at a time.
        let buffer = unsafe { buffers.slice_mut(worker * need..(worker + 1) * need) };
        let (sequence, start, row) = tiles[piece / kv_heads];
        let tokens = TILE.min(sequence.tokens - start);
        let first_position = sequence.first_position + start;
        let (pages, kv_head) = (sequence.pages, piece % kv_heads);
        dispatch(isa, Tile { call, pages, first_position, tokens, row, kv_head, buffer });
    });
}
