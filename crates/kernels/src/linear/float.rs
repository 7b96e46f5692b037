//! F32, F16 and BF16 weights times binary32 activations.

use super::{Activations, Portion};
use crate::simd::{Kernel, LANES, Simd, dispatch};
use crate::{DType, Isa};

/// Tokens that one pass over a group of rows serves.
const TILE: usize = 4;

/// Multiplies one worker's share.
pub(super) fn multiply(isa: Isa, portion: &Portion<'_>, x: Activations<'_>) {
    match portion.w.dtype() {
        DType::F32 => dispatch(isa, Rows::<F32> { portion, x, number: F32 }),
        DType::F16 => dispatch(isa, Rows::<F16> { portion, x, number: F16 }),
        DType::BF16 => dispatch(isa, Rows::<BF16> { portion, x, number: BF16 }),
        dtype => unreachable!("{} is no float type", dtype.name()),
    }
}

/// A float type as 16 rows of one column.
trait Number: Copy {
    const BYTES: usize;
    fn load<S: Simd>(self, simd: S, column: &[u8]) -> S::F;
}

#[derive(Clone, Copy)]
struct F32;
#[derive(Clone, Copy)]
struct F16;
#[derive(Clone, Copy)]
struct BF16;

#[inline(always)]
fn shorts(column: &[u8]) -> [u16; LANES] {
    let mut shorts = [0; LANES];
    for (short, bytes) in shorts.iter_mut().zip(column.as_chunks().0) {
        *short = u16::from_le_bytes(*bytes);
    }
    shorts
}

impl Number for F32 {
    const BYTES: usize = 4;
    #[inline(always)]
    fn load<S: Simd>(self, simd: S, column: &[u8]) -> S::F {
        let mut floats = [0.0; LANES];
        for (float, bytes) in floats.iter_mut().zip(column.as_chunks().0) {
            *float = f32::from_le_bytes(*bytes);
        }
        simd.load(&floats)
    }
}

impl Number for F16 {
    const BYTES: usize = 2;
    #[inline(always)]
    fn load<S: Simd>(self, simd: S, column: &[u8]) -> S::F {
        simd.load_f16(&shorts(column))
    }
}

impl Number for BF16 {
    const BYTES: usize = 2;
    #[inline(always)]
    fn load<S: Simd>(self, simd: S, column: &[u8]) -> S::F {
        simd.load_bf16(&shorts(column))
    }
}

struct Rows<'a, N> {
    portion: &'a Portion<'a>,
    x: Activations<'a>,
    number: N,
}

impl<N: Number> Kernel for Rows<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for group in self.portion.groups.clone() {
            let weights = self.portion.w.group(group);
            let mut token = self.portion.tokens.start;
            while token + TILE <= self.portion.tokens.end {
                self.tile::<S, TILE>(simd, weights, group, token);
                token += TILE;
            }
            for token in token..self.portion.tokens.end {
                self.tile::<S, 1>(simd, weights, group, token);
            }
        }
    }
}

impl<N: Number> Rows<'_, N> {
    /// 16 rows times `M` tokens: one chain per row and token, column by column.
    #[inline(always)]
    fn tile<S: Simd, const M: usize>(&self, simd: S, weights: &[u8], group: usize, token: usize) {
        let cols = self.x.cols;
        let mut x = [&self.x.floats[..0]; M];
        for (t, x) in x.iter_mut().enumerate() {
            *x = &self.x.floats[(token + t) * cols..][..cols];
        }
        let mut sums = [simd.splat(0.0); M];
        for (index, column) in weights.chunks_exact(N::BYTES * LANES).take(cols).enumerate() {
            let column = self.number.load(simd, column);
            for t in 0..M {
                sums[t] = simd.fma(column, simd.splat(x[t][index]), sums[t]);
            }
        }
        for (t, sum) in sums.into_iter().enumerate() {
            self.portion.store(simd, group, token + t, sum);
        }
    }
}
