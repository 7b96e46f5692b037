//! Matrix products of weights with a few or many tokens.

mod float;
mod quantize;
mod quantized;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub(crate) use quantize::ActivationBlock;

use crate::dequantize::shape;
use crate::matrix::BLOCK;
use crate::pool::{Shared, share};
use crate::simd::{LANES, Simd};
use crate::{Isa, Matrix, Pool, Scratch};

/// Tokens that one pass over a group of rows serves.
const TILE: usize = 4;

/// Pieces of a product for each thread to claim.
const PIECES: usize = 8;

/// Bytes of activations that are to stay in the second level cache while all rows pass by.
const ACTIVATION_BYTES: usize = 1 << 18;

/// `out[t, r] = Σ_c w[r, c] · x[t, c]` for `m` tokens: `x` is `[m, cols]`, `out` `[m, rows]`.
///
/// For quantized weights each 32 activations are quantized to signed bytes; products within a block are summed in
/// integers, blocks in one ascending chain of fused multiply-adds. For F32, F16 and BF16 weights activations stay
/// binary32 and the chain ascends column by column. The result of a (row, token) does not depend on `m`, the number
/// of threads or the instruction set tier. Activations that are not finite give NaN.
///
/// # Panics
/// When a length does not fit the shape.
pub fn linear(pool: &Pool, w: &Matrix, x: &[f32], m: usize, out: &mut [f32], scratch: &mut Scratch) {
    linear_group(pool, &mut [(w, out)], x, m, scratch);
}

/// [`linear`] of the same tokens with several matrices of equal `cols` (such as Q, K and V): the activations are
/// quantized once and the threads meet once.
///
/// # Panics
/// When a length does not fit the shape.
pub fn linear_group(
    pool: &Pool,
    products: &mut [(&Matrix, &mut [f32])],
    x: &[f32],
    m: usize,
    scratch: &mut Scratch,
) {
    linear_on(crate::isa::current(), pool, products, x, m, scratch);
}

/// [`linear_group`] on a given tier.
pub(crate) fn linear_on(
    isa: Isa,
    pool: &Pool,
    products: &mut [(&Matrix, &mut [f32])],
    x: &[f32],
    m: usize,
    scratch: &mut Scratch,
) {
    let Some(cols) = products.first().map(|(w, _)| w.cols()) else { return };
    assert_eq!(x.len(), m * cols, "linear: input length for {m} tokens of {cols} columns");
    for (w, out) in products.iter() {
        assert_eq!(w.cols(), cols, "linear: matrices of one group take the same columns");
        assert_eq!(out.len(), m * w.rows(), "linear: output length for {m} tokens of {} rows", w.rows());
    }
    if products.iter().any(|(w, _)| shape(w.dtype()).is_some()) {
        quantize::quantize(isa, pool, x, m, &mut scratch.activations);
    }
    let activations = Activations { floats: x, blocks: &scratch.activations, cols };
    let outputs: Vec<_> = products.iter_mut().map(|(w, out)| (*w, share(out))).collect();
    let groups: usize = outputs.iter().map(|(w, _)| w.groups()).sum();
    let pieces = groups.min(pool.threads() * PIECES);
    pool.each(pieces, &|_, piece| {
        let mine = split(groups, pieces, piece);
        for tokens in token_spans(m, cols) {
            let mut first = 0;
            for (w, out) in &outputs {
                let start = mine.start.clamp(first, first + w.groups()) - first;
                let end = mine.end.clamp(first, first + w.groups()) - first;
                first += w.groups();
                if start < end {
                    let share = Portion { w, groups: start..end, tokens: tokens.clone(), out };
                    share.multiply(isa, activations);
                }
            }
        }
    });
}

/// Part `index` of `0..total` cut into `parts` of nearly equal length.
pub(crate) fn split(total: usize, parts: usize, index: usize) -> Range<usize> {
    total * index / parts..total * (index + 1) / parts
}

/// Cuts tokens into spans whose activations fit [`ACTIVATION_BYTES`]; each but the last a multiple of [`TILE`].
fn token_spans(m: usize, cols: usize) -> impl Iterator<Item = Range<usize>> {
    let token_bytes = cols / BLOCK * size_of::<ActivationBlock>();
    let span = (ACTIVATION_BYTES / token_bytes.max(1)).next_multiple_of(TILE).max(TILE);
    (0..m).step_by(span).map(move |start| start..m.min(start + span))
}

/// What the products read: the tokens as they came and, where some weights are quantized, as blocks.
#[derive(Debug, Clone, Copy)]
struct Activations<'a> {
    floats: &'a [f32],
    blocks: &'a [ActivationBlock],
    cols: usize,
}

/// One piece of a product.
struct Portion<'a> {
    w: &'a Matrix,
    groups: Range<usize>,
    tokens: Range<usize>,
    out: &'a Shared<'a, f32>,
}

impl Portion<'_> {
    fn multiply(&self, isa: Isa, activations: Activations<'_>) {
        match shape(self.w.dtype()) {
            Some(_) => quantized::multiply(isa, self, activations),
            None => float::multiply(isa, self, activations),
        }
    }

    /// Stores the results of up to 16 rows of one token.
    #[inline(always)]
    fn store<S: Simd>(&self, simd: S, group: usize, token: usize, value: S::F) {
        let (rows, row) = (self.w.rows(), group * LANES);
        let count = LANES.min(rows - row);
        let start = token * rows + row;
        // SAFETY: pieces have disjoint ranges of groups, so no other thread touches these rows of any token; the
        // length of `out`, checked by `linear_on`, has room for every (token, row).
        let out = unsafe { self.out.slice_mut(start..start + count) };
        if let Ok(out) = out.try_into() {
            simd.store(value, out);
        } else {
            let mut lanes = [0.0; LANES];
            simd.store(value, &mut lanes);
            out.copy_from_slice(&lanes[..count]);
        }
    }
}
