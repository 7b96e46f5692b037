//! Activations as signed bytes.

use crate::linear::split;
use crate::matrix::BLOCK;
use crate::pool::share;
use crate::simd::{Kernel, Simd, dispatch};
use crate::{Isa, Pool};

/// 32 activations: `quants · scale`, quants in −127..=127, and the sums of the quants of each 16.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct ActivationBlock {
    pub(crate) quants: [i8; BLOCK],
    pub(crate) scale: f32,
    pub(crate) sums: [i16; 2],
}

impl ActivationBlock {
    const ZERO: ActivationBlock = ActivationBlock { quants: [0; BLOCK], scale: 0.0, sums: [0; 2] };
}

/// Fewer blocks than this are quantized by the calling thread alone.
const PARALLEL_BLOCKS: usize = 256;

/// Quantizes `m` tokens; `blocks` becomes `[m, cols / 32]`.
pub(super) fn quantize(isa: Isa, pool: &Pool, x: &[f32], m: usize, blocks: &mut Vec<ActivationBlock>) {
    let count = x.len() / BLOCK;
    debug_assert_eq!(x.len() % (BLOCK * m.max(1)), 0, "quantized types have whole blocks");
    blocks.clear();
    blocks.resize(count, ActivationBlock::ZERO);
    if count < PARALLEL_BLOCKS {
        return dispatch(isa, Quantize { x, blocks });
    }
    let shared = share(blocks);
    let pieces = count / (PARALLEL_BLOCKS / 4);
    pool.each(pieces, &|_, piece| {
        let mine = split(count, pieces, piece);
        let x = &x[mine.start * BLOCK..mine.end * BLOCK];
        // SAFETY: the pieces' ranges are disjoint and within `blocks`.
        let blocks = unsafe { shared.slice_mut(mine) };
        dispatch(isa, Quantize { x, blocks });
    });
}

struct Quantize<'a> {
    x: &'a [f32],
    blocks: &'a mut [ActivationBlock],
}

impl Kernel for Quantize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (x, block) in self.x.as_chunks().0.iter().zip(self.blocks) {
            quantize_block(x, block);
        }
    }
}

/// Adding and taking away 1.5 · 2²³ rounds to the nearest integer, ties to even.
const ROUNDER: f32 = 12_582_912.0;

/// Below this the inverse of the scale would be infinite; such activations are taken for 0.
const SMALLEST: f32 = 1e-36;

#[inline(always)]
fn quantize_block(x: &[f32; BLOCK], block: &mut ActivationBlock) {
    // The bits of non-negative floats order as the floats do, with infinity and NaN on top.
    let mut largest_bits = 0;
    for x in x {
        largest_bits = largest_bits.max(x.to_bits() & 0x7fff_ffff);
    }
    let largest = f32::from_bits(largest_bits);
    if !largest.is_finite() || largest < SMALLEST {
        *block = ActivationBlock::ZERO;
        block.scale = if largest.is_finite() { 0.0 } else { f32::NAN };
        return;
    }
    block.scale = largest / 127.0;
    let inverse = 127.0 / largest;
    let mut integers = [0; BLOCK];
    for (integer, x) in integers.iter_mut().zip(x) {
        *integer = (x * inverse + ROUNDER).to_bits() as i32 - ROUNDER.to_bits() as i32;
    }
    for (quant, integer) in block.quants.iter_mut().zip(integers) {
        *quant = integer as i8;
    }
    let sum = |half: &[i32]| half.iter().sum::<i32>() as i16;
    block.sums = [sum(&integers[..16]), sum(&integers[16..])];
}
