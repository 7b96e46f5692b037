//! Matrix products of weights with a few or many tokens.

mod float;
mod quantize;
mod quantized;
#[cfg(test)]
mod tests;

use std::ops::Range;

use quantize::{Needs, prepare};

pub(crate) use quantize::ActivationBlock;

use crate::dequantize::shape;
use crate::matrix::BLOCK;
use crate::pool::{Shared, share, split};
use crate::simd::{LANES, Simd};
use crate::{Activation, Isa, Matrix, Pool, Scratch};

/// Pieces of a product for each thread to claim: a few, so that a thread which the system holds up is not waited for.
const PIECES: usize = 8;

/// The same for one or two tokens: reading is all there is to do, and a piece taken from another thread starts it anew.
const FEW_TOKENS_PIECES: usize = 4;

/// Bytes of activations that are to stay in a cache while all rows pass by.
const ACTIVATION_BYTES: usize = 1 << 20;

/// What the tokens of a product are, each row of it a token. Computed on the way into the product.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// The rows as they are, `[m, cols]`.
    Plain(&'a [f32]),
    /// [`crate::rms_norm`] of the rows.
    RmsNorm {
        /// `[m, cols]`.
        x: &'a [f32],
        /// `[cols]`.
        weight: &'a [f32],
        /// Added to the mean square.
        eps: f32,
    },
    /// [`crate::gate_mul`] of the rows.
    GateMul {
        /// Of the gate.
        activation: Activation,
        /// `[m, cols]`.
        gate: &'a [f32],
        /// `[m, cols]`.
        up: &'a [f32],
    },
}

/// One of the matrices that take the same input, and where its results go.
#[derive(Debug)]
pub struct Product<'a> {
    /// `[rows, cols]`.
    pub weight: &'a Matrix,
    /// `[m, rows]`.
    pub out: &'a mut [f32],
    /// Adds the results to what `out` holds (the residual connection) instead of replacing it.
    pub accumulate: bool,
}

/// `out[t, r] = Σ_c w[r, c] · x[t, c]` for `m` tokens: `x` is `[m, cols]`, `out` `[m, rows]`.
///
/// For quantized weights each 32 activations are quantized to signed bytes; products within a (sub-)block are summed in
/// integers, blocks in one ascending chain of fused multiply-adds. For F32, F16 and BF16 weights activations stay
/// binary32 and the chain ascends column by column. The result of a (row, token) does not depend on `m`, the number
/// of threads or the instruction set tier. Activations that are not finite give NaN.
///
/// # Panics
/// When a length does not fit the shape.
pub fn linear(pool: &Pool, w: &Matrix, x: &[f32], m: usize, out: &mut [f32], scratch: &mut Scratch) {
    let product = Product { weight: w, out, accumulate: false };
    linear_group(pool, &mut [product], Input::Plain(x), m, scratch);
}

/// [`linear`] of the same tokens with several matrices of equal `cols` (such as Q, K and V): the activations are
/// prepared once and the threads meet once.
///
/// # Panics
/// When a length does not fit the shape.
pub fn linear_group(
    pool: &Pool,
    products: &mut [Product<'_>],
    input: Input<'_>,
    m: usize,
    scratch: &mut Scratch,
) {
    linear_on(crate::isa::current(), pool, products, input, m, scratch);
}

/// [`linear_group`] on a given tier.
pub(crate) fn linear_on(
    isa: Isa,
    pool: &Pool,
    products: &mut [Product<'_>],
    input: Input<'_>,
    m: usize,
    scratch: &mut Scratch,
) {
    let ends = products.first().zip(products.last());
    let Some((first, last)) = ends.map(|(first, last)| (first.weight, last.weight)) else { return };
    let cols = first.cols();
    // Matrices of one group are loaded one after the other, and so mostly lie.
    pool.read_ahead(scratch.order.after(first.addresses().start..last.addresses().end));
    input.check(m, cols);
    for Product { weight, out, .. } in products.iter() {
        assert_eq!(weight.cols(), cols, "linear: matrices of one group take the same columns");
        let rows = weight.rows();
        assert_eq!(out.len(), m * rows, "linear: output length for {m} tokens of {rows} rows");
    }
    let quantized = |product: &Product<'_>| shape(product.weight.dtype()).is_some();
    let needs = Needs { blocks: products.iter().any(quantized), floats: !products.iter().all(quantized) };
    prepare(isa, pool, input, (m, cols), needs, scratch);
    let floats = match input {
        Input::Plain(x) => x,
        _ => &scratch.floats,
    };
    let activations = Activations { floats, blocks: &scratch.activations, cols, tokens: m };
    let outputs: Vec<_> =
        products.iter_mut().map(|product| (product.weight, share(product.out), product.accumulate)).collect();
    let groups: usize = outputs.iter().map(|(w, ..)| w.groups()).sum();
    // Rows are handed out two groups at a time, as the widest tier takes them.
    let pairs = groups.div_ceil(2);
    let pieces = pairs.min(pool.threads() * if m <= 2 { FEW_TOKENS_PIECES } else { PIECES });
    pool.each(pieces, &|_, piece| {
        let mine = split(pairs, pieces, piece);
        let mine = 2 * mine.start..groups.min(2 * mine.end);
        for tokens in token_spans(m, cols) {
            let mut first = 0;
            for (w, out, accumulate) in &outputs {
                let start = mine.start.clamp(first, first + w.groups()) - first;
                let end = mine.end.clamp(first, first + w.groups()) - first;
                first += w.groups();
                if start < end {
                    let tokens = tokens.clone();
                    let share = Portion { w, groups: start..end, tokens, out, accumulate: *accumulate };
                    share.multiply(isa, activations);
                }
            }
        }
    });
}

impl Input<'_> {
    fn check(&self, m: usize, cols: usize) {
        let check = |x: &[f32]| {
            assert_eq!(x.len(), m * cols, "linear: input length for {m} tokens of {cols} columns")
        };
        match self {
            Input::Plain(x) => check(x),
            Input::RmsNorm { x, weight, .. } => {
                check(x);
                assert_eq!(weight.len(), cols, "linear: one norm weight a column");
            }
            Input::GateMul { gate, up, .. } => {
                check(gate);
                check(up);
            }
        }
    }
}

/// Cuts tokens into spans whose activations fit [`ACTIVATION_BYTES`].
fn token_spans(m: usize, cols: usize) -> impl Iterator<Item = Range<usize>> {
    let token_bytes = cols / BLOCK * size_of::<ActivationBlock>();
    let span = (ACTIVATION_BYTES / token_bytes.max(1)).max(16);
    (0..m).step_by(span).map(move |start| start..m.min(start + span))
}

/// What the products read: the tokens as they came and, where some weights are quantized, as blocks.
#[derive(Debug, Clone, Copy)]
struct Activations<'a> {
    floats: &'a [f32],
    /// `[cols / 32, tokens]`.
    blocks: &'a [ActivationBlock],
    cols: usize,
    tokens: usize,
}

/// One piece of a product.
struct Portion<'a> {
    w: &'a Matrix,
    groups: Range<usize>,
    tokens: Range<usize>,
    out: &'a Shared<'a, f32>,
    accumulate: bool,
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
        let Ok(out) = <&mut [f32; LANES]>::try_from(&mut *out) else {
            let mut lanes = [0.0; LANES];
            simd.store(value, &mut lanes);
            for (out, value) in out.iter_mut().zip(lanes) {
                *out = if self.accumulate { *out + value } else { value };
            }
            return;
        };
        let value = if self.accumulate { simd.add(simd.load(out), value) } else { value };
        simd.store(value, out);
    }
}
