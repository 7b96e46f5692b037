//! The queries of one KV head against the pages of one sequence.

use std::ops::Range;

use super::state::{State, halves};
use super::{Call, SEGMENT_PAGES, TILE};
use crate::kv::HeadPage;
use crate::memory::prefetch;
use crate::simd::{Kernel, LANES, Simd, load_halves};
use crate::{KvType, PAGE_TOKENS};

/// Up to [`TILE`] query tokens of one sequence with the query heads of one KV head.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) pages: &'a [u32],
    /// Position of the first query token.
    pub(super) first_position: usize,
    pub(super) tokens: usize,
    /// Row of the first query token in `q`.
    pub(super) row: usize,
    pub(super) kv_head: usize,
}

/// Gathers some consecutive segments of what a tile sees.
pub(super) struct Gather<'a> {
    pub(super) tile: Tile<'a>,
    pub(super) segments: Range<usize>,
    /// Room for the keys and values of a page.
    pub(super) page: &'a mut [f32],
    /// The state to gather in.
    pub(super) sum: &'a mut [f32],
    /// Room for a second one.
    pub(super) next: &'a mut [f32],
}

/// Joins what was gathered of a tile in ascending order, and writes its attention.
pub(super) struct Finish<'a> {
    pub(super) tile: Tile<'a>,
    /// `[parts, state]`
    pub(super) parts: &'a mut [f32],
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
    /// The keys and values of the page that comes next, to be asked for line by line: since the last token all weights
    /// have passed through the caches, so these bytes are far away. For stored numbers only.
    next: [&'a [u8]; 2],
}

impl<E> Page<'_, E> {
    /// Asks for the line of the next page that holds element `at` of its keys (0) or values (1).
    #[inline(always)]
    fn ask_for(&self, part: usize, at: usize) {
        if size_of::<E>() < size_of::<f32>() {
            prefetch(self.next[part].as_ptr().wrapping_add(at * size_of::<E>()));
        }
    }
}

impl Kernel for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (layout, pairs) = (self.tile.call.params.layout, TILE * self.tile.call.group());
        let mut page = self.page.split_at_mut(layout.key_elements());
        let mut sum = State::over(self.sum, pairs, layout.value_stride());
        let mut next = State::over(self.next, pairs, layout.value_stride());
        for segment in self.segments.clone() {
            let first = segment == self.segments.start;
            let state = if first { &mut sum } else { &mut next };
            state.clear();
            self.tile.visit_segment(simd, segment, state, &mut page);
            if !first {
                sum.join(simd, &next);
            }
        }
    }
}

impl Kernel for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (layout, group) = (self.tile.call.params.layout, self.tile.call.group());
        let (pairs, stride) = (TILE * group, layout.value_stride());
        let mut parts = self.parts.chunks_exact_mut(State::len(pairs, stride));
        let Some(sum) = parts.next() else { return };
        let mut sum = State::over(sum, pairs, stride);
        for part in parts {
            sum.join(simd, &State::over(part, pairs, stride));
        }
        for pair in 0..self.tile.tokens * group {
            let (token, head) = (pair / group, pair % group);
            let at = self.tile.call.at(self.tile.row + token, self.tile.kv_head * group + head);
            // SAFETY: one tile alone has this token and KV head, and it is finished once.
            let out = unsafe { self.tile.call.out.slice_mut(at) };
            sum.finish(pair, out);
        }
    }
}

impl Tile<'_> {
    /// The pages that its tokens see.
    pub(super) fn seen_pages(&self) -> Range<usize> {
        let last = (self.first_position + self.tokens - 1) / PAGE_TOKENS;
        self.call.first_page(self.first_position)..last + 1
    }

    /// Shows the pages of a segment to every pair. `buffers` has room for a page's keys and values.
    #[inline(always)]
    fn visit_segment<S: Simd>(
        &self,
        simd: S,
        segment: usize,
        state: &mut State<'_>,
        buffers: &mut (&mut [f32], &mut [f32]),
    ) {
        let (layout, seen) = (self.call.params.layout, self.seen_pages());
        let first = seen.start.max(segment * SEGMENT_PAGES);
        for index in first..seen.end.min((segment + 1) * SEGMENT_PAGES) {
            let (k, v) = self.head_page(self.pages[index]);
            // Numbers that several passes read are made floats once.
            let once = self.tokens * self.call.group() <= S::QUERIES;
            let next = match self.pages.get(index + 1) {
                Some(&next) if once => <[_; 2]>::from(self.head_page(next)).map(|part| part.numbers),
                _ => [&[] as &[u8]; 2],
            };
            match (layout.kv_type(), once) {
                (KvType::F16, true) => self.visit(simd, state, index, &Page::<[u8; 2]>::direct(k, v, next)),
                (KvType::Q8, true) => self.visit(simd, state, index, &Page::<[u8; 1]>::direct(k, v, next)),
                (KvType::F16, false) => {
                    let page = Page::widened::<S, 2>(simd, k, v, buffers.0, buffers.1);
                    self.visit(simd, state, index, &page);
                }
                (KvType::Q8, false) => {
                    let page = Page::widened::<S, 1>(simd, k, v, buffers.0, buffers.1);
                    self.visit(simd, state, index, &page);
                }
            }
        }
    }

    /// This head's keys and values in page `page` of the cache.
    #[inline(always)]
    fn head_page(&self, page: u32) -> (HeadPage<'_>, HeadPage<'_>) {
        let layout = self.call.params.layout;
        let page = &self.call.cache[page as usize * layout.page_bytes()..][..layout.page_bytes()];
        (layout.keys(page, self.kv_head), layout.values(page, self.kv_head))
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
            gather::<S, E, N, 4>(simd, state, first, &weights, shrinks, page, seen.clone(), at);
            at += 4 * LANES;
        }
        while at < state.stride {
            gather::<S, E, N, 1>(simd, state, first, &weights, shrinks, page, seen.clone(), at);
            at += LANES;
        }
    }
}

impl<'a, const B: usize> Page<'a, [u8; B]> {
    /// The numbers as they are stored.
    #[inline(always)]
    fn direct(keys: HeadPage<'a>, values: HeadPage<'a>, next: [&'a [u8]; 2]) -> Self {
        Page {
            keys: keys.numbers.as_chunks().0,
            key_scales: keys.scales,
            values: values.numbers.as_chunks().0,
            value_scales: values.scales,
            next,
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
        Page { keys, key_scales: k.scales, values, value_scales: v.scales, next: [&[]; 2] }
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
        page.ask_for(0, dim * PAGE_TOKENS);
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
    page: &Page<'_, E>,
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
    let rows = page.values.chunks_exact(state.stride);
    for (slot, row) in rows.enumerate().take(seen.end).skip(seen.start) {
        let row = row[at..].as_chunks::<LANES>().0;
        let mut loaded = [simd.splat(0.0); V];
        for v in 0..V {
            loaded[v] = E::load(simd, &row[v]);
            if v % 2 == 0 {
                page.ask_for(1, slot * state.stride + at + v * LANES);
            }
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
