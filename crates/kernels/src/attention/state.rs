//! What queries have gathered of the pages they have seen: the online softmax.

use std::ops::Range;

use crate::PAGE_TOKENS;
use crate::exp::exp_lanes;
use crate::simd::{LANES, Simd};

/// What the queries have gathered so far; a *pair* is a query token and a head.
pub(super) struct State<'a> {
    /// `[pairs, stride]`: Σ e^(score - largest) · value
    pub(super) sums: &'a mut [f32],
    /// `[pairs]`
    largest: &'a mut [f32],
    /// `[pairs]`: Σ e^(score - largest)
    totals: &'a mut [f32],
    pub(super) stride: usize,
}

impl<'a> State<'a> {
    /// Numbers of a state of so many pairs.
    pub(super) fn len(pairs: usize, stride: usize) -> usize {
        (pairs * (stride + 2)).next_multiple_of(LANES)
    }

    /// A state that lies in these numbers.
    #[inline(always)]
    pub(super) fn over(numbers: &'a mut [f32], pairs: usize, stride: usize) -> Self {
        let (sums, rest) = numbers.split_at_mut(pairs * stride);
        let (largest, totals) = rest[..2 * pairs].split_at_mut(pairs);
        State { sums, largest, totals, stride }
    }

    /// Nothing gathered.
    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.sums.fill(0.0);
        self.largest.fill(f32::NEG_INFINITY);
        self.totals.fill(0.0);
    }

    /// Adds what another has gathered; one that has gathered nothing changes no bit.
    #[inline(always)]
    pub(super) fn join<S: Simd>(&mut self, simd: S, other: &State<'_>) {
        for pair in 0..self.totals.len() {
            let at = pair * self.stride..(pair + 1) * self.stride;
            let (mine, theirs) = (self.largest[pair], other.largest[pair]);
            if other.totals[pair] == 0.0 {
                continue;
            }
            if self.totals[pair] == 0.0 {
                (self.largest[pair], self.totals[pair]) = (theirs, other.totals[pair]);
                self.sums[at.clone()].copy_from_slice(&other.sums[at]);
                continue;
            }
            let largest = if theirs > mine { theirs } else { mine };
            let (mine, theirs) = (simd.splat(mine - largest), simd.splat(theirs - largest));
            let (mine, theirs) = (exp_lanes(simd, mine), exp_lanes(simd, theirs));
            self.largest[pair] = largest;
            self.totals[pair] =
                other.totals[pair].mul_add(simd.largest(theirs), self.totals[pair] * simd.largest(mine));
            let sums = self.sums[at.clone()].as_chunks_mut::<LANES>().0;
            for (sum, more) in sums.iter_mut().zip(other.sums[at].as_chunks::<LANES>().0) {
                let kept = simd.mul(simd.load(sum), mine);
                simd.store(simd.fma(simd.load(more), theirs, kept), sum);
            }
        }
    }

    /// Turns a pair's scores into weights `e^(score − largest)` (times the values' scales), 0 outside `seen`, and gives
    /// the factor by which what was gathered before shrinks.
    #[inline(always)]
    pub(super) fn soften<S: Simd>(
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
    pub(super) fn finish(&self, pair: usize, out: &mut [f32]) {
        let total = self.totals[pair];
        for (out, sum) in out.iter_mut().zip(&self.sums[pair * self.stride..]) {
            *out = sum / total;
        }
    }
}

/// Both halves of a page's scores.
#[inline(always)]
pub(super) fn halves(scores: &mut [f32; PAGE_TOKENS]) -> &mut [[f32; LANES]; 2] {
    let Some(halves) = scores.as_chunks_mut().0.first_chunk_mut() else { unreachable!("32 is twice 16") };
    halves
}
