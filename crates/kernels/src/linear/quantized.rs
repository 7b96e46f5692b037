//! Quantized weights times quantized activations.

use std::marker::PhantomData;

use super::{ActivationBlock, Activations, Portion, TILE};
use crate::dequantize::{Codes, Shape, TABLE4, shape};
use crate::matrix::{BLOCK, Packing};
use crate::simd::{Kernel, LANES, Simd, dispatch};
use crate::{DType, Isa};

/// A quantized type known at compile time.
trait Format {
    const SHAPE: Shape;
    const PACKING: Packing = Packing::of(Self::SHAPE);
}

macro_rules! formats {
    ($($name:ident),*) => {
        $(
            #[allow(non_camel_case_types, reason = "the names are the field's")]
            struct $name;

            impl Format for $name {
                const SHAPE: Shape = match shape(DType::$name) {
                    Some(shape) => shape,
                    None => panic!("a format needs a shape"),
                };
            }
        )*

        /// Multiplies one worker's share.
        pub(super) fn multiply(isa: Isa, portion: &Portion<'_>, x: Activations<'_>) {
            match portion.w.dtype() {
                $(DType::$name => dispatch(isa, Rows::<$name> { portion, x, format: PhantomData }),)*
                dtype => unreachable!("{} has no quantized kernel", dtype.name()),
            }
        }
    };
}

formats!(Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, TQ1_0, TQ2_0);

struct Rows<'a, F> {
    portion: &'a Portion<'a>,
    x: Activations<'a>,
    format: PhantomData<F>,
}

impl<F: Format> Kernel for Rows<'_, F> {
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
            match self.portion.tokens.end - token {
                3 => self.tile::<S, 3>(simd, weights, group, token),
                2 => self.tile::<S, 2>(simd, weights, group, token),
                1 => self.tile::<S, 1>(simd, weights, group, token),
                _ => {}
            }
        }
    }
}

impl<F: Format> Rows<'_, F> {
    /// 16 rows times `M` tokens, and the results stored.
    #[inline(always)]
    fn tile<S: Simd, const M: usize>(&self, simd: S, weights: &[u8], group: usize, token: usize) {
        let token_blocks = self.x.cols / BLOCK;
        let mut x = [&self.x.blocks[..0]; M];
        for (t, x) in x.iter_mut().enumerate() {
            *x = &self.x.blocks[(token + t) * token_blocks..][..token_blocks];
        }
        let sums = products::<S, F, M>(simd, weights, x);
        for (t, sum) in sums.into_iter().enumerate() {
            self.portion.store(simd, group, token + t, sum);
        }
    }
}

/// Reads vector `index` of 16 items of `N` bytes in all.
#[inline(always)]
fn vector<const N: usize>(bytes: &[u8], index: usize) -> &[u8; N] {
    let Some(vector) = bytes[index * N..].first_chunk() else { unreachable!("packed weights are whole") };
    vector
}

/// Reads 16 binary16 numbers.
#[inline(always)]
fn halves<S: Simd>(simd: S, bytes: &[u8], index: usize) -> S::F {
    let bytes: &[u8; 2 * LANES] = vector(bytes, index);
    let mut halves = [0; LANES];
    for (half, bytes) in halves.iter_mut().zip(bytes.as_chunks().0) {
        *half = u16::from_ne_bytes(*bytes);
    }
    simd.load_f16(&halves)
}

/// The dot products of 16 rows with `M` tokens.
#[inline(always)]
fn products<S: Simd, F: Format, const M: usize>(
    simd: S,
    weights: &[u8],
    x: [&[ActivationBlock]; M],
) -> [S::F; M] {
    let (shape, packing) = (F::SHAPE, F::PACKING);
    let mut sums = [simd.splat(0.0); M];
    for (index, chunk) in weights.chunks_exact(packing.stride()).enumerate() {
        let d = halves(simd, chunk, 0);
        let dmin = if shape.minimum { halves(simd, chunk, 1) } else { d };
        for sub in 0..packing.blocks {
            let block = &chunk[packing.header + sub * packing.block()..][..packing.block()];
            let mut activations = [&x[0][index * packing.blocks + sub]; M];
            for t in 1..M {
                activations[t] = &x[t][index * packing.blocks + sub];
            }
            let (scales, codes) = block.split_at(packing.scales);
            let dots = dots::<S, F, M>(simd, codes, activations);
            for t in 0..M {
                let scale = simd.splat(activations[t].scale);
                let dot = scaled::<S, F>(simd, scales, dots[t], activations[t]);
                sums[t] = simd.fma(simd.int_to_float(dot), simd.mul(d, scale), sums[t]);
                if shape.minimum {
                    let minimum = minimum::<S, F>(simd, scales, activations[t]);
                    sums[t] = simd.fnma(minimum, simd.mul(dmin, scale), sums[t]);
                }
            }
        }
    }
    sums
}

/// The integer dot products of one block of 32 columns, by sub-block (the second is 0 where there is one).
#[inline(always)]
fn dots<S: Simd, F: Format, const M: usize>(
    simd: S,
    codes: &[u8],
    x: [&ActivationBlock; M],
) -> [[S::I; 2]; M] {
    let zero = simd.int_splat(0);
    let mut sums = [[zero; 2]; M];
    let quants = |t: usize, chunk: usize| -> [i8; 4] { x[t].quants.as_chunks().0[chunk] };
    match F::SHAPE.codes {
        Codes::Nibble => {
            let mut low = [simd.dot_zero(); M];
            let mut high = [simd.dot_zero(); M];
            for chunk in 0..4 {
                let bytes = simd.bytes(vector(codes, chunk));
                let (low_bytes, high_bytes) = (simd.low_nibbles(bytes), simd.high_nibbles(bytes));
                for t in 0..M {
                    low[t] = simd.dot_nibbles(low[t], low_bytes, quants(t, chunk));
                    let onto = if F::PACKING.subs == 2 { &mut high[t] } else { &mut low[t] };
                    *onto = simd.dot_nibbles(*onto, high_bytes, quants(t, chunk + 4));
                }
            }
            for t in 0..M {
                sums[t][0] = simd.dot_sum(low[t]);
                if F::PACKING.subs == 2 {
                    sums[t][1] = simd.dot_sum(high[t]);
                }
            }
        }
        Codes::Table => {
            for chunk in 0..4 {
                let bytes = simd.bytes(vector(codes, chunk));
                let low = simd.look_up(&TABLE4, simd.low_nibbles(bytes));
                let high = simd.look_up(&TABLE4, simd.high_nibbles(bytes));
                for t in 0..M {
                    sums[t][0] = simd.dot_signed(sums[t][0], low, quants(t, chunk));
                    sums[t][0] = simd.dot_signed(sums[t][0], high, quants(t, chunk + 4));
                }
            }
        }
        Codes::Unsigned | Codes::Signed => {
            for chunk in 0..8 {
                let bytes = simd.bytes(vector(codes, chunk));
                let sub = if F::PACKING.subs == 2 { chunk / 4 } else { 0 };
                for t in 0..M {
                    sums[t][sub] = match F::SHAPE.codes {
                        Codes::Unsigned => simd.dot_unsigned(sums[t][sub], bytes, quants(t, chunk)),
                        _ => simd.dot_signed(sums[t][sub], bytes, quants(t, chunk)),
                    };
                }
            }
        }
    }
    sums
}

/// The sum over sub-blocks of `scale · Σ (code − offset) · quant`, in integers.
#[inline(always)]
fn scaled<S: Simd, F: Format>(simd: S, scales: &[u8], dots: [S::I; 2], x: &ActivationBlock) -> S::I {
    let (shape, packing) = (F::SHAPE, F::PACKING);
    let mut total = simd.int_splat(0);
    for sub in 0..packing.subs {
        let mut dot = dots[sub];
        if shape.offset != 0 {
            dot = simd.int_sub(dot, simd.int_splat(shape.offset * quant_sum(packing.subs, sub, x)));
        }
        if shape.sub_scales {
            dot = simd.int_mul(dot, simd.int_load_i8(vector(scales, sub)));
        }
        total = simd.int_add(total, dot);
    }
    total
}

/// The sum over sub-blocks of `min · Σ quant`.
#[inline(always)]
fn minimum<S: Simd, F: Format>(simd: S, scales: &[u8], x: &ActivationBlock) -> S::F {
    let packing = F::PACKING;
    if !F::SHAPE.sub_scales {
        return simd.splat(quant_sum(1, 0, x) as f32);
    }
    let mut total = simd.int_splat(0);
    for sub in 0..packing.subs {
        let sum = simd.int_splat(quant_sum(packing.subs, sub, x));
        let min = simd.int_load_u8(vector(scales, packing.subs + sub));
        total = simd.int_add(total, simd.int_mul(sum, min));
    }
    simd.int_to_float(total)
}

/// The sum of the quants of sub-block `sub` of `subs`.
#[inline(always)]
fn quant_sum(subs: usize, sub: usize, x: &ActivationBlock) -> i32 {
    if subs == 2 { i32::from(x.sums[sub]) } else { i32::from(x.sums[0]) + i32::from(x.sums[1]) }
}
