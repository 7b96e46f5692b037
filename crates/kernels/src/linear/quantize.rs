//! Activations on their way into a product: what is computed from the tokens' rows, and the signed bytes it becomes.

use super::Input;
use crate::elementwise::{gate_mul_row, rms_norm_row};
use crate::matrix::BLOCK;
use crate::pool::{ALONE, Shared, share, split};
use crate::simd::{Kernel, LANES, Simd, dispatch};
use crate::{Isa, Pool, Scratch};

/// 32 activations of one token: `quants · scale`, quants in −127..=127.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct ActivationBlock {
    pub(crate) quants: [i8; BLOCK],
    pub(crate) scale: f32,
    /// `scale · Σ quants`.
    pub(crate) scaled_sum: f32,
    /// `Σ quants` of all 32 and of the first 16.
    pub(crate) sums: [i32; 2],
}

impl ActivationBlock {
    /// Nothing.
    pub(crate) const ZERO: ActivationBlock =
        ActivationBlock { quants: [0; BLOCK], scale: 0.0, scaled_sum: 0.0, sums: [0; 2] };
}

/// What the products of a call need of the activations.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    /// Some weights are quantized.
    pub(super) blocks: bool,
    /// Some are not.
    pub(super) floats: bool,
}

/// Prepares `m` tokens of `cols` numbers: `scratch.activations` becomes `[cols / 32, m]`, `scratch.floats` `[m, cols]`,
/// as far as they are needed. Plain floats are not copied.
pub(super) fn prepare(
    isa: Isa,
    pool: &Pool,
    input: Input<'_>,
    (m, cols): (usize, usize),
    needs: Needs,
    scratch: &mut Scratch,
) {
    let floats_len = if matches!(input, Input::Plain(_)) {
        0
    } else if needs.floats {
        m * cols
    } else {
        // One row for each thread.
        pool.threads() * cols
    };
    if scratch.floats.len() < floats_len {
        scratch.floats.resize(floats_len, 0.0);
    }
    if needs.blocks {
        debug_assert_eq!(cols % BLOCK, 0, "quantized types have whole blocks");
        scratch.activations.resize(m * cols / BLOCK, ActivationBlock::ZERO);
    }
    let rows = share(&mut scratch.floats);
    let blocks = share(&mut scratch.activations);
    let pieces = if m * cols < ALONE { 1 } else { m.min(4 * pool.threads()) };
    pool.each(pieces, &|worker, piece| {
        let tokens = split(m, pieces, piece);
        dispatch(
            isa,
            Prepare { input, shape: (m, cols), needs, tokens, worker, rows: &rows, blocks: &blocks },
        );
    });
}

struct Prepare<'a> {
    input: Input<'a>,
    shape: (usize, usize),
    needs: Needs,
    tokens: std::ops::Range<usize>,
    worker: usize,
    rows: &'a Shared<'a, f32>,
    blocks: &'a Shared<'a, ActivationBlock>,
}

impl Kernel for Prepare<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (m, cols) = self.shape;
        for token in self.tokens.clone() {
            let own = token * cols..(token + 1) * cols;
            let place =
                if self.needs.floats { own.clone() } else { self.worker * cols..(self.worker + 1) * cols };
            // SAFETY: a token is in one piece alone; where rows are not kept, the row is this worker's own.
            let row = |place| unsafe { self.rows.slice_mut(place) };
            let x: &[f32] = match self.input {
                Input::Plain(x) => &x[own],
                Input::RmsNorm { x, weight, eps } => {
                    let out = row(place);
                    rms_norm_row(simd, &x[own], weight, eps, out);
                    out
                }
                Input::GateMul { activation, gate, up } => {
                    let out = row(place);
                    gate_mul_row(simd, activation, &gate[own.clone()], &up[own], out);
                    out
                }
            };
            if self.needs.blocks {
                for (index, x) in x.as_chunks().0.iter().enumerate() {
                    let at = index * m + token;
                    // SAFETY: every token has its own place in each row of blocks, and is in one piece alone.
                    let block = unsafe { self.blocks.slice_mut(at..at + 1) };
                    quantize_block(simd, x, &mut block[0]);
                }
            }
        }
    }
}

/// Adding and taking away 1.5 · 2²³ rounds to the nearest integer, ties to even.
const ROUNDER: f32 = 12_582_912.0;

/// Below this the inverse of the scale would be infinite; such activations are taken for 0.
const SMALLEST: f32 = 1e-36;

#[inline(always)]
fn quantize_block<S: Simd>(simd: S, x: &[f32; BLOCK], block: &mut ActivationBlock) {
    let [low, high] = x.as_chunks::<LANES>().0 else { unreachable!("32 is twice 16") };
    let (low, high) = (simd.load(low), simd.load(high));
    // Zero times what is no finite number is no number.
    let zero = simd.splat(0.0);
    if simd.sum(simd.fma(low, zero, simd.mul(high, zero))).is_nan() {
        *block = ActivationBlock { scale: f32::NAN, scaled_sum: f32::NAN, ..ActivationBlock::ZERO };
        return;
    }
    let (low_size, high_size) = (simd.max(low, simd.sub(zero, low)), simd.max(high, simd.sub(zero, high)));
    let largest = simd.largest(simd.max(low_size, high_size));
    if largest < SMALLEST {
        *block = ActivationBlock::ZERO;
        return;
    }
    let (inverse, rounder) = (simd.splat(127.0 / largest), simd.splat(ROUNDER));
    let low = simd.sub(simd.add(simd.mul(low, inverse), rounder), rounder);
    let high = simd.sub(simd.add(simd.mul(high, inverse), rounder), rounder);
    let [low_quants, high_quants] = block.quants.as_chunks_mut::<LANES>().0 else {
        unreachable!("32 is twice 16")
    };
    simd.store_i8(low, low_quants);
    simd.store_i8(high, high_quants);
    // Sums of small integers are exact in any order.
    let (first, second) = (simd.sum(low), simd.sum(high));
    block.scale = largest / 127.0;
    block.sums = [(first + second) as i32, first as i32];
    block.scaled_sum = block.scale * (first + second);
}
