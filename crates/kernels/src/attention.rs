//! Attention over a paged cache.

#[cfg(test)]
mod tests;

use crate::exp::exp_lanes;
use crate::pool::{Shared, share};
use crate::simd::{Kernel, LANES, Simd, dispatch};
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

/// Causal attention. `cache` is one layer's pages, `[pages, params.layout.page_elements()]`, in which the keys and
/// values of the query tokens are already written; `q` and `out` are `[tokens of all sequences, num_heads ·
/// head_dim]`. Slots beyond a sequence's positions may hold anything.
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
    cache: &[u16],
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
    cache: &'a [u16],
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
        let pages = self.cache.len() / layout.page_elements();
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

/// Up to [`TILE`] query tokens of one sequence with the query heads of one KV head.
struct Tile<'a> {
    call: &'a Call<'a>,
    pages: &'a [u32],
    /// Position of the first query token.
    first_position: usize,
    tokens: usize,
    /// Row of the first query token in `q`.
    row: usize,
    kv_head: usize,
    buffer: &'a mut [f32],
}

/// One page of one KV head in binary32, and what the queries have gathered so far.
struct State<'a> {
    /// `[head_dim, 32]`
    keys: &'a mut [f32],
    /// `[32, stride]`
    values: &'a mut [f32],
    /// `[pairs, stride]`: Σ e^(score - largest) · value
    sums: &'a mut [f32],
    /// `[pairs]`
    largest: &'a mut [f32],
    /// `[pairs]`: Σ e^(score - largest)
    totals: &'a mut [f32],
    stride: usize,
}

impl Kernel for Tile<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Tile { call, pages, first_position, tokens, row, kv_head, buffer } = self;
        let (layout, group) = (&call.params.layout, call.group());
        let (keys, rest) = buffer.split_at_mut(layout.key_elements());
        let (values, rest) = rest.split_at_mut(layout.value_elements());
        let (sums, rest) = rest.split_at_mut(TILE * group * layout.value_stride());
        let (largest, totals) = rest.split_at_mut(TILE * group);
        let mut state = State { keys, values, sums, largest, totals, stride: layout.value_stride() };
        state.sums.fill(0.0);
        state.largest.fill(f32::NEG_INFINITY);
        state.totals.fill(0.0);
        let window = call.params.window.unwrap_or(usize::MAX);
        let last_page = (first_position + tokens - 1) / PAGE_TOKENS;
        let seen = pages.iter().enumerate().take(last_page + 1).skip(call.first_page(first_position));
        for (index, &page) in seen {
            let start = page as usize * layout.page_elements();
            let page = &call.cache[start..start + layout.page_elements()];
            widen(simd, layout.keys(page, kv_head), state.keys);
            widen(simd, layout.values(page, kv_head), state.values);
            for token in 0..tokens {
                // The slots of this page that the token sees.
                let position = first_position + token;
                let base = index * PAGE_TOKENS;
                let from = (position + 1).saturating_sub(window).saturating_sub(base);
                let to = (position + 1).saturating_sub(base).min(PAGE_TOKENS);
                if from >= to {
                    continue;
                }
                for head in 0..group {
                    let q = &call.q[call.at(row + token, kv_head * group + head)];
                    state.visit(simd, token * group + head, q, call.params.scale, from..to);
                }
            }
        }
        for token in 0..tokens {
            for head in 0..group {
                let at = call.at(row + token, kv_head * group + head);
                // SAFETY: one tile alone has this token and KV head, and each tile is one piece.
                let out = unsafe { call.out.slice_mut(at) };
                state.finish(token * group + head, out);
            }
        }
    }
}

/// Binary16 to binary32; the length is a multiple of 16.
#[inline(always)]
fn widen<S: Simd>(simd: S, from: &[u16], to: &mut [f32]) {
    for (from, to) in from.as_chunks::<LANES>().0.iter().zip(to.as_chunks_mut::<LANES>().0) {
        simd.store(simd.load_f16(from), to);
    }
}

impl State<'_> {
    /// Adds the page's slots `seen` to what (query token, head) `pair` has gathered.
    #[inline(always)]
    fn visit<S: Simd>(&mut self, simd: S, pair: usize, q: &[f32], scale: f32, seen: std::ops::Range<usize>) {
        let mut scores = self.scores(simd, q, scale);
        scores[..seen.start].fill(f32::NEG_INFINITY);
        scores[seen.end..].fill(f32::NEG_INFINITY);
        let [low, high] = halves(&mut scores);
        let (mut a, mut b) = (simd.load(low), simd.load(high));
        let before = self.largest[pair];
        let now = simd.largest(simd.max(a, b));
        let now = if now > before { now } else { before };
        let now_lanes = simd.splat(now);
        a = exp_lanes(simd, simd.sub(a, now_lanes));
        b = exp_lanes(simd, simd.sub(b, now_lanes));
        let shrink_lanes = exp_lanes(simd, simd.splat(before - now));
        let shrink = simd.largest(shrink_lanes);
        simd.store(a, low);
        simd.store(b, high);
        self.largest[pair] = now;
        self.totals[pair] = self.totals[pair].mul_add(shrink, simd.sum(simd.add(a, b)));
        let (weights, values) = (&scores[seen.clone()], &self.values[seen.start * self.stride..]);
        let sums = &mut self.sums[pair * self.stride..(pair + 1) * self.stride];
        let mut at = 0;
        while at + 4 * LANES <= self.stride {
            gather::<S, 4>(simd, shrink_lanes, weights, values, self.stride, at, sums);
            at += 4 * LANES;
        }
        while at < self.stride {
            gather::<S, 1>(simd, shrink_lanes, weights, values, self.stride, at, sums);
            at += LANES;
        }
    }

    /// The scores of all 32 slots: each a chain in ascending order of dimension.
    #[inline(always)]
    fn scores<S: Simd>(&self, simd: S, q: &[f32], scale: f32) -> [f32; PAGE_TOKENS] {
        let (mut a, mut b) = (simd.splat(0.0), simd.splat(0.0));
        for (keys, &q) in self.keys.as_chunks::<LANES>().0.as_chunks::<2>().0.iter().zip(q) {
            let q = simd.splat(q);
            a = simd.fma(simd.load(&keys[0]), q, a);
            b = simd.fma(simd.load(&keys[1]), q, b);
        }
        let scale = simd.splat(scale);
        let mut scores = [0.0; PAGE_TOKENS];
        let [low, high] = halves(&mut scores);
        simd.store(simd.mul(a, scale), low);
        simd.store(simd.mul(b, scale), high);
        scores
    }

    /// Writes the attention of `pair`.
    #[inline(always)]
    fn finish(&self, pair: usize, out: &mut [f32]) {
        let total = self.totals[pair];
        for (out, sum) in out.iter_mut().zip(&self.sums[pair * self.stride..]) {
            *out = sum / total;
        }
    }
}

/// Both halves of a page's scores.
#[inline(always)]
fn halves(scores: &mut [f32; PAGE_TOKENS]) -> &mut [[f32; LANES]; 2] {
    let Some(halves) = scores.as_chunks_mut().0.first_chunk_mut() else { unreachable!("32 is twice 16") };
    halves
}

/// `sums = sums · shrink + Σ weight · value` over the slots in ascending order, for `N` times 16 dimensions from `at`.
#[inline(always)]
fn gather<S: Simd, const N: usize>(
    simd: S,
    shrink: S::F,
    weights: &[f32],
    values: &[f32],
    stride: usize,
    at: usize,
    sums: &mut [f32],
) {
    let (sums, _) = sums[at..].as_chunks_mut::<LANES>();
    let mut lanes = [shrink; N];
    for n in 0..N {
        lanes[n] = simd.mul(simd.load(&sums[n]), shrink);
    }
    for (weight, values) in weights.iter().zip(values.chunks_exact(stride)) {
        let (values, _) = values[at..].as_chunks::<LANES>();
        let weight = simd.splat(*weight);
        for n in 0..N {
            lanes[n] = simd.fma(simd.load(&values[n]), weight, lanes[n]);
        }
    }
    for n in 0..N {
        simd.store(lanes[n], &mut sums[n]);
    }
}
