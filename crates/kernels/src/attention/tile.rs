//! The queries of one KV head against the pages of one sequence.

use std::ops::Range;

use super::{Call, TILE};
use crate::exp::exp_lanes;
use crate::kv::HeadPage;
use crate::simd::{Kernel, LANES, Simd, load_halves};
use crate::{KvType, PAGE_TOKENS};

/// Up to [`TILE`] query tokens of one sequence with the query heads of one KV head.
pub(super) struct Tile<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) pages: &'a [u32],
    /// Position of the first query token.
    pub(super) first_position: usize,
    pub(super) tokens: usize,
    /// Row of the first query token in `q`.
    pub(super) row: usize,
    pub(super) kv_head: usize,
    pub(super) buffer: &'a mut [f32],
}

/// A stored number, read 16 at a time.
trait Element: Sized {
    fn load<S: Simd>(simd: S, from: &[Self; LANES]) -> S::F;
}

impl Element for f32 {
    #[inline(always)]
    fn load<S: Simd>(simd: S, from: &[f32; LANES]) -> S::F {
        simd.load(from)
    }
}

/// Binary16.
impl Element for [u8; 2] {
    #[inline(always)]
    fn load<S: Simd>(simd: S, from: &[[u8; 2]; LANES]) -> S::F {
        load_halves(simd, from)
    }
}

/// A signed byte.
impl Element for [u8; 1] {
    #[inline(always)]
    fn load<S: Simd>(simd: S, from: &[[u8; 1]; LANES]) -> S::F {
        let Ok(bytes) = from.as_flattened().try_into() else { unreachable!("16 bytes") };
        simd.int_to_float(simd.int_load_i8(bytes))
    }
}

/// One page of one KV head.
struct Page<'a, E> {
    /// `[head_dim, 32]`
    keys: &'a [E],
    key_scales: Option<[f32; PAGE_TOKENS]>,
    /// `[32, stride]`
    values: &'a [E],
    value_scales: Option<[f32; PAGE_TOKENS]>,
}

/// What the queries have gathered so far; a *pair* is a query token and a head.
struct State<'a> {
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
    fn run<S: Simd>(mut self, simd: S) {
        let (layout, group) = (self.call.params.layout, self.call.group());
        let (keys, rest) = std::mem::take(&mut self.buffer).split_at_mut(layout.key_elements());
        let (values, rest) = rest.split_at_mut(layout.value_elements());
        let (sums, rest) = rest.split_at_mut(TILE * group * layout.value_stride());
        let (largest, totals) = rest.split_at_mut(TILE * group);
        let mut state = State { sums, largest, totals, stride: layout.value_stride() };
        state.sums.fill(0.0);
        state.largest.fill(f32::NEG_INFINITY);
        state.totals.fill(0.0);
        let last_page = (self.first_position + self.tokens - 1) / PAGE_TOKENS;
        let seen = self.pages.iter().enumerate().take(last_page + 1);
        if self.tokens * group <= S::QUERIES {
            self.ask_for(simd, self.call.first_page(self.first_position));
        }
        for (index, &page) in seen.skip(self.call.first_page(self.first_position)) {
            let start = page as usize * layout.page_bytes();
            let page = &self.call.cache[start..start + layout.page_bytes()];
            let (k, v) = (layout.keys(page, self.kv_head), layout.values(page, self.kv_head));
            // Numbers that several passes read are made floats once.
            let once = self.tokens * group <= S::QUERIES;
            if once {
                // Since the last token all weights have passed through the caches: these bytes are far away.
                self.ask_for(simd, index + 1);
            }
            match (layout.kv_type(), once) {
                (KvType::F16, true) => self.visit(simd, &mut state, index, &Page::<[u8; 2]>::direct(k, v)),
                (KvType::Q8, true) => self.visit(simd, &mut state, index, &Page::<[u8; 1]>::direct(k, v)),
                (KvType::F16, false) => {
                    let page = Page::widened::<S, 2>(simd, k, v, keys, values);
                    self.visit(simd, &mut state, index, &page);
                }
                (KvType::Q8, false) => {
                    let page = Page::widened::<S, 1>(simd, k, v, keys, values);
                    self.visit(simd, &mut state, index, &page);
                }
            }
        }
        for token in 0..self.tokens {
            for head in 0..group {
                let at = self.call.at(self.row + token, self.kv_head * group + head);
                // SAFETY: one tile alone has this token and KV head, and each tile is one piece.
                let out = unsafe { self.call.out.slice_mut(at) };
                state.finish(token * group + head, out);
            }
        }
    }
}

impl Tile<'_> {
    /// Asks for this head's part of page `index`.
    #[inline(always)]
    fn ask_for<S: Simd>(&self, simd: S, index: usize) {
        let Some(&page) = self.pages.get(index) else { return };
        let layout = self.call.params.layout;
        let page = &self.call.cache[page as usize * layout.page_bytes()..][..layout.page_bytes()];
        for part in [layout.keys(page, self.kv_head), layout.values(page, self.kv_head)] {
            for line in part.numbers.chunks(64) {
                simd.prefetch(line.as_ptr());
            }
        }
    }

    /// The slots of page `index` that a query token sees.
    #[inline(always)]
    fn seen(&self, token: usize, index: usize) -> Range<usize> {
        let (position, base) = (self.first_position + token, index * PAGE_TOKENS);
        let window = self.call.params.window.unwrap_or(usize::MAX);
        let from = (position + 1).saturating_sub(window).saturating_sub(base).min(PAGE_TOKENS);
        from..(position + 1).saturating_sub(base).min(PAGE_TOKENS)
    }

    #[inline(always)]
    fn query(&self, pair: usize) -> &[f32] {
        let group = self.call.group();
        &self.call.q[self.call.at(self.row + pair / group, self.kv_head * group + pair % group)]
    }

    /// Shows page `index` to every pair; neighbours that see the same slots look at it together.
    #[inline(always)]
    fn visit<S: Simd, E: Element>(&self, simd: S, state: &mut State<'_>, index: usize, page: &Page<'_, E>) {
        let group = self.call.group();
        let pairs = self.tokens * group;
        let mut pair = 0;
        while pair < pairs {
            let seen = self.seen(pair / group, index);
            let mut count = 1;
            while count < S::QUERIES
                && pair + count < pairs
                && self.seen((pair + count) / group, index) == seen
            {
                count += 1;
            }
            if !seen.is_empty() {
                match count {
                    1 => self.visit_together::<S, E, 1>(simd, state, pair, page, seen),
                    2 => self.visit_together::<S, E, 2>(simd, state, pair, page, seen),
                    3 => self.visit_together::<S, E, 3>(simd, state, pair, page, seen),
                    _ => self.visit_together::<S, E, 4>(simd, state, pair, page, seen),
                }
            }
            pair += count;
        }
    }

    /// Adds the page's slots `seen` to what `N` pairs have gathered.
    #[inline(always)]
    fn visit_together<S: Simd, E: Element, const N: usize>(
        &self,
        simd: S,
        state: &mut State<'_>,
        first: usize,
        page: &Page<'_, E>,
        seen: Range<usize>,
    ) {
        let mut queries = [self.query(first); N];
        for n in 1..N {
            queries[n] = self.query(first + n);
        }
        let mut weights = scores::<S, E, N>(simd, page, queries, self.call.params.scale);
        let mut shrinks = [1.0; N];
        for n in 0..N {
            shrinks[n] = state.soften(simd, first + n, &mut weights[n], &seen, page.value_scales.as_ref());
        }
        let mut at = 0;
        while at + 4 * LANES <= state.stride {
            gather::<S, E, N, 4>(simd, state, first, &weights, shrinks, page.values, seen.clone(), at);
            at += 4 * LANES;
        }
        while at < state.stride {
            gather::<S, E, N, 1>(simd, state, first, &weights, shrinks, page.values, seen.clone(), at);
            at += LANES;
        }
    }
}

impl<'a, const B: usize> Page<'a, [u8; B]> {
    /// The numbers as they are stored.
    #[inline(always)]
    fn direct(keys: HeadPage<'a>, values: HeadPage<'a>) -> Self {
        Page {
            keys: keys.numbers.as_chunks().0,
            key_scales: keys.scales,
            values: values.numbers.as_chunks().0,
            value_scales: values.scales,
        }
    }
}

impl<'a> Page<'a, f32> {
    /// The numbers as floats, in these buffers.
    #[inline(always)]
    fn widened<S: Simd, const B: usize>(
        simd: S,
        k: HeadPage<'a>,
        v: HeadPage<'a>,
        keys: &'a mut [f32],
        values: &'a mut [f32],
    ) -> Self
    where
        [u8; B]: Element,
    {
        widen(simd, k.numbers.as_chunks::<B>().0, keys);
        widen(simd, v.numbers.as_chunks::<B>().0, values);
        Page { keys, key_scales: k.scales, values, value_scales: v.scales }
    }
}

/// Stored numbers to binary32; the length is a multiple of 16.
#[inline(always)]
fn widen<S: Simd, E: Element>(simd: S, from: &[E], to: &mut [f32]) {
    for (from, to) in from.as_chunks::<LANES>().0.iter().zip(to.as_chunks_mut::<LANES>().0) {
        simd.store(E::load(simd, from), to);
    }
}

/// The scores of all 32 slots for `N` queries: each a chain in ascending order of dimension.
#[inline(always)]
fn scores<S: Simd, E: Element, const N: usize>(
    simd: S,
    page: &Page<'_, E>,
    queries: [&[f32]; N],
    scale: f32,
) -> [[f32; PAGE_TOKENS]; N] {
    let (mut a, mut b) = ([simd.splat(0.0); N], [simd.splat(0.0); N]);
    let keys = page.keys.as_chunks::<LANES>().0.as_chunks::<2>().0;
    for (dim, [low, high]) in keys.iter().enumerate() {
        let (low, high) = (E::load(simd, low), E::load(simd, high));
        for n in 0..N {
            let q = simd.splat(queries[n][dim]);
            a[n] = simd.fma(low, q, a[n]);
            b[n] = simd.fma(high, q, b[n]);
        }
    }
    let scale = simd.splat(scale);
    let mut scores = [[0.0; PAGE_TOKENS]; N];
    for n in 0..N {
        let [low, high] = halves(&mut scores[n]);
        let (mut a, mut b) = (simd.mul(a[n], scale), simd.mul(b[n], scale));
        if let Some(scales) = &page.key_scales {
            let [low, high] = scales.as_chunks::<LANES>().0 else { unreachable!("32 is twice 16") };
            (a, b) = (simd.mul(a, simd.load(low)), simd.mul(b, simd.load(high)));
        }
        simd.store(a, low);
        simd.store(b, high);
    }
    scores
}

impl State<'_> {
    /// Turns a pair's scores into weights `e^(score − largest)` (times the values' scales), 0 outside `seen`, and gives
    /// the factor by which what was gathered before shrinks.
    #[inline(always)]
    fn soften<S: Simd>(
        &mut self,
        simd: S,
        pair: usize,
        scores: &mut [f32; PAGE_TOKENS],
        seen: &Range<usize>,
        scales: Option<&[f32; PAGE_TOKENS]>,
    ) -> f32 {
        if *seen != (0..PAGE_TOKENS) {
            scores[..seen.start].fill(f32::NEG_INFINITY);
            scores[seen.end..].fill(f32::NEG_INFINITY);
        }
        let [low, high] = halves(scores);
        let (mut a, mut b) = (simd.load(low), simd.load(high));
        let before = self.largest[pair];
        let now = simd.largest(simd.max(a, b));
        let now = if now > before { now } else { before };
        let now_lanes = simd.splat(now);
        a = exp_lanes(simd, simd.sub(a, now_lanes));
        b = exp_lanes(simd, simd.sub(b, now_lanes));
        // e^0 is exactly 1, so that most pages are spared the third exponential.
        let shrink =
            if now == before { 1.0 } else { simd.largest(exp_lanes(simd, simd.splat(before - now))) };
        self.largest[pair] = now;
        self.totals[pair] = self.totals[pair].mul_add(shrink, simd.sum(simd.add(a, b)));
        if let Some(scales) = scales {
            let [low, high] = scales.as_chunks::<LANES>().0 else { unreachable!("32 is twice 16") };
            (a, b) = (simd.mul(a, simd.load(low)), simd.mul(b, simd.load(high)));
        }
        simd.store(a, low);
        simd.store(b, high);
        shrink
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

/// `sums = sums · shrink + Σ weight · value` over the slots `seen` in ascending order, for `N` pairs and `V` times 16
/// dimensions from `at`.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the innermost loop of attention, inlined in two places above")]
fn gather<S: Simd, E: Element, const N: usize, const V: usize>(
    simd: S,
    state: &mut State<'_>,
    first: usize,
    weights: &[[f32; PAGE_TOKENS]; N],
    shrinks: [f32; N],
    values: &[E],
    seen: Range<usize>,
    at: usize,
) {
    let mut lanes = [[simd.splat(0.0); V]; N];
    for n in 0..N {
        let sums = state.sums[(first + n) * state.stride + at..].as_chunks::<LANES>().0;
        let shrink = simd.splat(shrinks[n]);
        for v in 0..V {
            lanes[n][v] = simd.mul(simd.load(&sums[v]), shrink);
        }
    }
    let rows = values.chunks_exact(state.stride);
    for (slot, row) in rows.enumerate().take(seen.end).skip(seen.start) {
        let row = row[at..].as_chunks::<LANES>().0;
        let mut loaded = [simd.splat(0.0); V];
        for v in 0..V {
            loaded[v] = E::load(simd, &row[v]);
        }
        for n in 0..N {
            let weight = simd.splat(weights[n][slot]);
            for v in 0..V {
                lanes[n][v] = simd.fma(loaded[v], weight, lanes[n][v]);
            }
        }
    }
    for n in 0..N {
        let sums = state.sums[(first + n) * state.stride + at..].as_chunks_mut::<LANES>().0;
        for v in 0..V {
            simd.store(lanes[n][v], &mut sums[v]);
        }
    }
}
