//! Quantized weights times quantized activations.

use std::marker::PhantomData;

use super::{ActivationBlock, Activations, Portion};
use crate::dequantize::{Codes, Shape, TABLE4, shape};
use crate::matrix::{BLOCK, Packing};
use crate::memory::prefetch;
use crate::simd::{Kernel, LANES, Simd, dispatch, load_halves};
use crate::{DType, Isa};

/// A quantized type known at compile time.
trait Format {
    const SHAPE: Shape;
    const PACKING: Packing = Packing::of(Self::SHAPE);
}

macro_rules! formats {
    ($($name:ident $(| $same:ident)*),*) => {
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
                $(DType::$name $(| DType::$same)* => dispatch(isa, Rows::<$name> { portion, x, format: PhantomData }),)*
                dtype => unreachable!("{} has no quantized kernel", dtype.name()),
            }
        }
    };
}

// Types of one shape share one kernel.
formats!(
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
    IQ4_NL,
    IQ4_XS,
    TQ1_0 | TQ2_0,
    IQ1_S | IQ1_M | IQ2_XXS | IQ2_XS | IQ2_S | IQ3_XXS | IQ3_S
);

/// Tokens whose sums are kept while the columns of some rows pass by.
const SPAN: usize = 64;

/// Chunks of 4 columns in a block of 32.
const CHUNKS: usize = BLOCK / 4;

struct Rows<'a, F> {
    portion: &'a Portion<'a>,
    x: Activations<'a>,
    format: PhantomData<F>,
}

impl<F: Format> Kernel for Rows<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let groups = self.portion.groups.clone();
        let mut group = groups.start;
        // One token's weights are best read as one stream.
        while S::GROUPS == 2 && self.portion.tokens.len() > 1 && group + 2 <= groups.end {
            self.groups::<S, 2>(simd, group);
            group += 2;
        }
        for group in group..groups.end {
            self.groups::<S, 1>(simd, group);
        }
    }
}

impl<F: Format> Rows<'_, F> {
    /// `G` groups of 16 rows times all tokens.
    #[inline(always)]
    fn groups<S: Simd, const G: usize>(&self, simd: S, group: usize) {
        let mut weights = [self.portion.w.group(group); G];
        for g in 1..G {
            weights[g] = self.portion.w.group(group + g);
        }
        let tokens = self.portion.tokens.clone();
        let mut start = tokens.start;
        while start < tokens.end {
            let count = SPAN.min(tokens.end - start);
            // With a count known to the compiler the sums stay in registers.
            match count {
                1 => self.span::<S, G, 1>(simd, weights, group, start, 1),
                2 => self.span::<S, G, 2>(simd, weights, group, start, 2),
                3..=8 => self.span::<S, G, 8>(simd, weights, group, start, count),
                _ => self.span::<S, G, SPAN>(simd, weights, group, start, count),
            }
            start += count;
        }
    }

    /// `G` groups of 16 rows times `count` tokens (at most `N`), and the results stored. Each block of weights is decoded once;
    /// each (row, token) has one chain of sums, block by block.
    #[inline(always)]
    fn span<S: Simd, const G: usize, const N: usize>(
        &self,
        simd: S,
        weights: [&[u8]; G],
        group: usize,
        start: usize,
        count: usize,
    ) {
        let packing = F::PACKING;
        let mut sums = [[simd.splat(0.0); G]; N];
        let chunks = weights[0].len() / packing.stride();
        for chunk in 0..chunks {
            for weights in weights {
                ahead(weights, chunk * packing.stride(), packing.stride(), G);
            }
            for sub in 0..packing.blocks {
                // Arrays of vectors are filled by loops: a closure would not inherit the tier's features.
                let mut blocks = [WeightBlock::zero(simd); G];
                for g in 0..G {
                    let chunk = &weights[g][chunk * packing.stride()..][..packing.stride()];
                    blocks[g] = WeightBlock::decode::<F>(simd, chunk, sub);
                }
                let index = chunk * packing.blocks + sub;
                let x = &self.x.blocks[index * self.x.tokens + start..][..count];
                for (sums, x) in sums.iter_mut().zip(x) {
                    add_products::<S, F, G>(simd, &blocks, x, sums);
                }
            }
        }
        for token in 0..count {
            for g in 0..G {
                self.portion.store(simd, group + g, start + token, sums[token][g]);
            }
        }
    }
}

/// Bytes between what is computed with and what is asked for. The processor's own prefetching ends at every 4 KiB.
const AHEAD: usize = 3 << 10;

/// Asks for the cache lines that follow `stride` bytes at `start` of a group at a distance. After the end of a group comes
/// the one that is `groups` further on.
#[inline(always)]
fn ahead(weights: &[u8], start: usize, stride: usize, groups: usize) {
    let mut at = start + AHEAD;
    if at >= weights.len() {
        at += (groups - 1) * weights.len();
    }
    for line in 0..stride.div_ceil(64) {
        prefetch(weights.as_ptr().wrapping_add(at + 64 * line));
    }
}

/// 32 columns of 16 rows, decoded for the registers.
#[derive(Clone, Copy)]
struct WeightBlock<S: Simd> {
    /// Unsigned codes.
    codes: [S::B; CHUNKS],
    /// `d · scale` of each sub-block.
    scales: [S::F; 2],
    /// `dmin · min` of each sub-block.
    mins: [S::F; 2],
}

impl<S: Simd> WeightBlock<S> {
    #[inline(always)]
    fn zero(simd: S) -> Self {
        let none = simd.bytes(&[0; 64]);
        WeightBlock { codes: [none; CHUNKS], scales: [simd.splat(0.0); 2], mins: [simd.splat(0.0); 2] }
    }

    /// Decodes block `sub` of a packed chunk.
    #[inline(always)]
    fn decode<F: Format>(simd: S, chunk: &[u8], sub: usize) -> Self {
        let (shape, packing) = (F::SHAPE, F::PACKING);
        let block = &chunk[packing.header + sub * packing.block()..][..packing.block()];
        let (small_scales, codes) = block.split_at(packing.scales);
        let mut d = halves(simd, chunk, 0);
        if shape.unit != 1.0 {
            d = simd.mul(d, simd.splat(shape.unit));
        }
        let dmin = if shape.minimum { halves(simd, chunk, 1) } else { d };
        let (mut scales, mut mins) = ([d; 2], [dmin; 2]);
        if shape.sub_scales {
            for sub in 0..packing.subs {
                let scale = simd.int_to_float(simd.int_load_i8(vector(small_scales, sub)));
                scales[sub] = simd.mul(d, scale);
                if shape.minimum {
                    let min = simd.int_load_u8(vector(small_scales, packing.subs + sub));
                    mins[sub] = simd.mul(dmin, simd.int_to_float(min));
                }
            }
        }
        WeightBlock { codes: codes_of::<S, F>(simd, codes), scales, mins }
    }
}

/// The 32 codes of 16 rows as bytes.
#[inline(always)]
fn codes_of<S: Simd, F: Format>(simd: S, packed: &[u8]) -> [S::B; CHUNKS] {
    let mut codes = [simd.bytes(vector(packed, 0)); CHUNKS];
    if F::SHAPE.codes == Codes::Signed {
        for chunk in 1..CHUNKS {
            codes[chunk] = simd.bytes(vector(packed, chunk));
        }
        return codes;
    }
    for chunk in 0..CHUNKS / 2 {
        let both = simd.bytes(vector(packed, chunk));
        codes[chunk] = simd.low_nibbles(both);
        codes[chunk + CHUNKS / 2] = simd.high_nibbles(both);
    }
    for chunk in 0..CHUNKS {
        let (quarter, half) = (chunk as i32 % 4, chunk / 4);
        codes[chunk] = match F::SHAPE.codes {
            Codes::FiveBits => simd.join(codes[chunk], simd.bytes(vector(packed, 4)), 4 - chunk as i32, 0x10),
            Codes::SixBits => {
                simd.join(codes[chunk], simd.bytes(vector(packed, 4 + half)), 4 - 2 * quarter, 0x30)
            }
            Codes::Table => simd.look_up(&BIASED_TABLE4, codes[chunk]),
            Codes::Nibble | Codes::Signed => codes[chunk],
        };
    }
    codes
}

/// [`TABLE4`] with 128 added.
const BIASED_TABLE4: [u8; 16] = {
    let mut table = [0; 16];
    let mut index = 0;
    while index < 16 {
        table[index] = (TABLE4[index] as u8) ^ 0x80;
        index += 1;
    }
    table
};

/// Adds the products of one block of `G` groups with one token: for each sub-block `scale · Σ (code − offset) · x`, then
/// less `min · Σ x`.
#[inline(always)]
fn add_products<S: Simd, F: Format, const G: usize>(
    simd: S,
    blocks: &[WeightBlock<S>; G],
    x: &ActivationBlock,
    sums: &mut [S::F; G],
) {
    let (shape, subs) = (F::SHAPE, F::PACKING.subs);
    let wide = matches!(shape.codes, Codes::Signed | Codes::Table);
    let offset = shape.offset + if wide { S::EIGHT_BITS_BIAS } else { 0 };
    let scale = simd.splat(x.scale);
    for sub in 0..subs {
        let sum_of_quants = match (subs, sub) {
            (2, 0) => x.sums[1],
            (2, _) => x.sums[0] - x.sums[1],
            _ => x.sums[0],
        };
        let dots = dots::<S, F, G>(simd, blocks, x, sub);
        for g in 0..G {
            let mut dot = dots[g];
            if offset != 0 {
                dot = simd.int_sub(dot, simd.int_splat(offset * sum_of_quants));
            }
            let scale = simd.mul(blocks[g].scales[sub], scale);
            sums[g] = simd.fma(simd.int_to_float(dot), scale, sums[g]);
            if shape.minimum {
                let scaled = if subs == 2 { x.scale * sum_of_quants as f32 } else { x.scaled_sum };
                sums[g] = simd.fnma(blocks[g].mins[sub], simd.splat(scaled), sums[g]);
            }
        }
    }
}

/// The integer dot products of sub-block `sub` of `G` groups with one token.
#[inline(always)]
fn dots<S: Simd, F: Format, const G: usize>(
    simd: S,
    blocks: &[WeightBlock<S>; G],
    x: &ActivationBlock,
    sub: usize,
) -> [S::I; G] {
    let subs = F::PACKING.subs;
    let chunks = sub * (CHUNKS / subs)..(sub + 1) * (CHUNKS / subs);
    let quants = x.quants.as_chunks().0;
    if F::SHAPE.codes == Codes::Nibble {
        let mut dots = [simd.dot_zero(); G];
        for chunk in chunks {
            for g in 0..G {
                dots[g] = simd.dot_nibbles(dots[g], blocks[g].codes[chunk], quants[chunk]);
            }
        }
        let mut sums = [simd.int_splat(0); G];
        for g in 0..G {
            sums[g] = simd.dot_sum(dots[g]);
        }
        return sums;
    }
    let mut dots = [simd.int_splat(0); G];
    for chunk in chunks {
        for g in 0..G {
            let codes = blocks[g].codes[chunk];
            dots[g] = match F::SHAPE.codes {
                Codes::Signed | Codes::Table => simd.dot_eight_bits(dots[g], codes, quants[chunk]),
                _ => simd.dot_six_bits(dots[g], codes, quants[chunk]),
            };
        }
    }
    dots
}

/// Reads vector `index` of `N` bytes.
#[inline(always)]
fn vector<const N: usize>(bytes: &[u8], index: usize) -> &[u8; N] {
    let Some(vector) = bytes[index * N..].first_chunk() else { unreachable!("packed weights are whole") };
    vector
}

/// Reads 16 binary16 numbers.
#[inline(always)]
fn halves<S: Simd>(simd: S, bytes: &[u8], index: usize) -> S::F {
    let Some(halves) = bytes.as_chunks().0[index * LANES..].first_chunk() else {
        unreachable!("packed weights are whole")
    };
    load_halves(simd, halves)
}
