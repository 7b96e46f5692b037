//! Attention over a paged cache.

mod state;
#[cfg(test)]
mod tests;
mod tile;

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::AcqRel};

use state::State;
use tile::{Finish, Gather, Tile};

use crate::memory::LINE;
use crate::pool::{Shared, share};
use crate::simd::{LANES, dispatch};
use crate::{Isa, KvLayout, PAGE_TOKENS, Pool, Scratch};

/// Query tokens that share one pass over the pages.
const TILE: usize = 8;

/// Pages of a segment. What a query gathers of a segment is gathered by itself; then the segments are joined in
/// ascending order. So they may be gathered by several workers without a bit's difference.
const SEGMENT_PAGES: usize = 16;

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
/// 2018, arXiv:1805.02867), page by page in ascending order within segments of 512 positions, which are then joined in
/// ascending order. The result of a token depends on its own keys and values alone: not on how a prompt was cut, on other
/// sequences or on the number of threads.
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
    let plan = Plan::new(call, sequences);
    let (layout, kv_heads) = (&call.params.layout, call.params.layout.num_kv_heads());
    let state = State::len(TILE * call.group(), layout.value_stride());
    // Each worker's: a page as floats and two states.
    let own = layout.key_elements() + layout.value_elements() + 2 * state;
    let shared = pool.threads() * own;
    let need = shared + plan.parts * state;
    scratch.floats.resize((need + LANES).max(scratch.floats.len()), 0.0);
    // On whole cache lines, so that no vector lies in two.
    let start = scratch.floats.as_ptr().align_offset(LINE).min(LANES);
    let buffers = share(&mut scratch.floats[start..start + need]);
    let parts = |parts: Range<usize>| shared + parts.start * state..shared + parts.end * state;
    pool.each(plan.pieces.len() * kv_heads, &|worker, piece| {
        // SAFETY: each worker has its own buffer, for one piece at a time.
        let buffer = unsafe { buffers.slice_mut(worker * own..(worker + 1) * own) };
        let (rest, next) = buffer.split_at_mut(own - state);
        let (page, sum) = rest.split_at_mut(own - 2 * state);
        let (planned, segments) = plan.pieces[piece / kv_heads].clone();
        let (planned, kv_head) = (&plan.tiles[planned], piece % kv_heads);
        let tile = Tile { kv_head, ..planned.tile };
        let Some(left) = planned.left.get(kv_head) else {
            dispatch(isa, Gather { tile, segments, page, sum, next });
            return dispatch(isa, Finish { tile, parts: sum });
        };
        let mine = planned.parts(kv_head);
        let index = mine.start + segments.start - planned.segments.start;
        // SAFETY: each piece has a part of its own.
        let sum = unsafe { buffers.slice_mut(parts(index..index + 1)) };
        dispatch(isa, Gather { tile, segments, page, sum, next });
        if left.fetch_sub(1, AcqRel) == 1 {
            // SAFETY: all pieces that had a part of these have left it, and only one comes last.
            let parts = unsafe { buffers.slice_mut(parts(mine)) };
            dispatch(isa, Finish { tile, parts });
        }
    });
}

/// What a call consists of.
struct Plan<'a> {
    tiles: Vec<Planned<'a>>,
    /// For each KV head the same: a tile, and which of its segments are gathered by one worker.
    pieces: Vec<(usize, Range<usize>)>,
    /// States to be kept between workers.
    parts: usize,
}

/// A tile, and how it is divided among workers.
struct Planned<'a> {
    tile: Tile<'a>,
    /// What it sees.
    segments: Range<usize>,
    /// Where its parts begin, if it is divided.
    first_part: usize,
    /// If it is divided: for each KV head the segments that are not gathered yet.
    left: Vec<AtomicUsize>,
}

impl Planned<'_> {
    /// The parts of one KV head, in the order of the segments.
    fn parts(&self, kv_head: usize) -> Range<usize> {
        let count = self.segments.len();
        self.first_part + kv_head * count..self.first_part + (kv_head + 1) * count
    }
}

impl<'a> Plan<'a> {
    /// Few tokens over many pages are divided by segments, so that there is work for all; of many tokens each tile is.
    fn new(call: &'a Call<'a>, sequences: &[AttentionSequence<'a>]) -> Self {
        let kv_heads = call.params.layout.num_kv_heads();
        let mut plan = Plan { tiles: Vec::new(), pieces: Vec::new(), parts: 0 };
        let mut row = 0;
        for sequence in sequences {
            for start in (0..sequence.tokens).step_by(TILE) {
                let tokens = TILE.min(sequence.tokens - start);
                let first_position = sequence.first_position + start;
                let tile = Tile {
                    call,
                    pages: sequence.pages,
                    first_position,
                    tokens,
                    row: row + start,
                    kv_head: 0,
                };
                let pages = tile.seen_pages();
                let segments = pages.start / SEGMENT_PAGES..pages.end.div_ceil(SEGMENT_PAGES);
                let (index, count) = (plan.tiles.len(), segments.len());
                let divided = sequence.tokens <= TILE && count > 1;
                let left = if divided { kv_heads } else { 0 };
                let left = (0..left).map(|_| AtomicUsize::new(count)).collect();
                plan.tiles.push(Planned { tile, segments: segments.clone(), first_part: plan.parts, left });
                if divided {
                    plan.pieces.extend(segments.map(|segment| (index, segment..segment + 1)));
                    plan.parts += count * kv_heads;
                } else {
                    plan.pieces.push((index, segments));
                }
            }
            row += sequence.tokens;
        }
        plan
    }
}
