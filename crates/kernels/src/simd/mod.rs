//! Sixteen lanes: the few operations every kernel is written with, once per tier.
//!
//! A kernel is a [`Kernel`] whose `run` is inlined into one function per tier ([`dispatch`]), so each piece of
//! mathematics is written once. [`Scalar`] says what each operation means; the other tiers give the same bits.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

pub(crate) use scalar::Scalar;

use crate::Isa;

/// Lanes of a vector, and rows of a packed group.
pub(crate) const LANES: usize = 16;

/// Operations on 16 lanes. Floats are binary32 and round to nearest even; nothing is fused unless it says so.
pub(crate) trait Simd: Copy {
    /// 16 floats.
    type F: Copy;
    /// 16 signed 32-bit integers.
    type I: Copy;
    /// 64 bytes: 16 lanes of 4.
    type B: Copy;
    /// Sums of byte products, before [`Simd::dot_sum`].
    type Dot: Copy;

    fn splat(self, value: f32) -> Self::F;
    fn load(self, from: &[f32; LANES]) -> Self::F;
    fn store(self, value: Self::F, to: &mut [f32; LANES]);
    /// Loads binary16 numbers.
    fn load_f16(self, from: &[u16; LANES]) -> Self::F;
    /// Stores as binary16, to nearest even.
    fn store_f16(self, value: Self::F, to: &mut [u16; LANES]);
    /// Stores integral numbers in −128..=127 as bytes.
    fn store_i8(self, value: Self::F, to: &mut [i8; LANES]);
    /// Loads bfloat16 numbers.
    fn load_bf16(self, from: &[u16; LANES]) -> Self::F;
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a × b + c`, rounded once.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `c − a × b`, rounded once.
    fn fnma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `a` where `a > b`, else `b`.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a` where `a < b`, else `b`.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// `2^n × value` for integral `n` in −252..=254, as two exact or once rounded products.
    fn scale_by_power(self, value: Self::F, n: Self::F) -> Self::F;
    /// Sum of the lanes: halves added, four times over.
    fn sum(self, value: Self::F) -> f32;
    /// Largest lane, by halves as in [`Simd::max`].
    fn largest(self, value: Self::F) -> f32;

    fn int_splat(self, value: i32) -> Self::I;
    fn int_sub(self, a: Self::I, b: Self::I) -> Self::I;
    fn int_load_i8(self, from: &[u8; LANES]) -> Self::I;
    fn int_load_u8(self, from: &[u8; LANES]) -> Self::I;
    /// To float, to nearest even.
    fn int_to_float(self, value: Self::I) -> Self::F;

    fn bytes(self, from: &[u8; 64]) -> Self::B;
    fn low_nibbles(self, bytes: Self::B) -> Self::B;
    fn high_nibbles(self, bytes: Self::B) -> Self::B;
    /// Sets the bits of `mask` in each byte of `low` from `high`, shifted left by `left` (right where negative) within
    /// 16 bits; what `mask` keeps must come from the same byte.
    fn join(self, low: Self::B, high: Self::B, left: i32, mask: u8) -> Self::B;
    /// Replaces each byte (0..16) by the entry of the table.
    fn look_up(self, table: &[u8; 16], bytes: Self::B) -> Self::B;

    fn dot_zero(self) -> Self::Dot;
    /// Adds, per lane, the products of the lane's four bytes (each at most 15) with the four of `x` (not −128).
    /// At most eight of these between `dot_zero` and `dot_sum`.
    fn dot_nibbles(self, dot: Self::Dot, weights: Self::B, x: [i8; 4]) -> Self::Dot;
    fn dot_sum(self, dot: Self::Dot) -> Self::I;
    /// As `dot_nibbles`, for bytes of at most 63, straight into integers.
    fn dot_six_bits(self, sum: Self::I, weights: Self::B, x: [i8; 4]) -> Self::I;
    /// As `dot_nibbles`, for any byte `w`, taken as `w − 128 + EIGHT_BITS_BIAS`, straight into integers.
    fn dot_eight_bits(self, sum: Self::I, weights: Self::B, x: [i8; 4]) -> Self::I;
    /// What `dot_eight_bits` adds to each weight: 128 where the instructions multiply unsigned by signed bytes without
    /// saturation, 0 where they do not.
    const EIGHT_BITS_BIAS: i32;
    /// Groups of 16 rows that share one pass over the activations: as many as the registers hold.
    const GROUPS: usize;
    /// Queries that share one pass over a page: as many as the registers hold, 1 to 4.
    const QUERIES: usize;
}

/// A piece of mathematics, written over any tier.
pub(crate) trait Kernel {
    type Output;
    /// Implementations are `#[inline(always)]`, closures within them too.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Loads binary16 numbers from the bytes of this machine's order, however they are aligned.
#[inline(always)]
pub(crate) fn load_halves<S: Simd>(simd: S, bytes: &[[u8; 2]; LANES]) -> S::F {
    let mut halves = [0; LANES];
    for (half, bytes) in halves.iter_mut().zip(bytes) {
        *half = u16::from_ne_bytes(*bytes);
    }
    simd.load_f16(&halves)
}

/// Runs a kernel on a tier.
#[inline]
pub(crate) fn dispatch<K: Kernel>(isa: Isa, kernel: K) -> K::Output {
    match isa {
        Isa::Scalar => kernel.run(Scalar),
        // An `Isa` other than `Scalar` reaches this crate's kernels only through `isa()` or `Isa::require`, which asked
        // the processor.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => {
            // SAFETY: as above.
            unsafe { avx2::run(kernel) }
        }
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni => {
            // SAFETY: as above.
            unsafe { avx2::run_vnni(kernel) }
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => {
            // SAFETY: as above.
            unsafe { avx512::run(kernel) }
        }
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::AvxVnni | Isa::Avx512Vnni => kernel.run(Scalar),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => {
            // SAFETY: as above.
            unsafe { neon::run(kernel) }
        }
        #[cfg(target_arch = "aarch64")]
        Isa::NeonI8mm => {
            // SAFETY: as above.
            unsafe { neon::run_i8mm(kernel) }
        }
        #[cfg(not(target_arch = "aarch64"))]
        Isa::Neon | Isa::NeonI8mm => kernel.run(Scalar),
    }
}

#[cfg(test)]
mod tests;
