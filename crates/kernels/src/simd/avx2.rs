//! The sixteen lanes as pairs of 256-bit registers.

use std::arch::x86_64::*;

use super::{Kernel, LANES, Simd};

/// The tiers of x86-64 with AVX2, FMA and F16C, and (`VNNI`) with the byte products of AVX-VNNI. Made only by [`run`]
/// and [`run_vnni`], so whoever holds one may use those.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2<const VNNI: bool>(());

/// Runs a kernel with the tier's features switched on for everything inlined into it.
///
/// # Safety
/// The processor must have AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2::<false>(()))
}

/// As [`run`], with AVX-VNNI.
///
/// # Safety
/// The processor must have AVX2, FMA, F16C and AVX-VNNI.
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
pub(super) unsafe fn run_vnni<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2::<true>(()))
}

/// Defines lane-wise operations on both halves.
macro_rules! lanewise {
    ($($name:ident($($arg:ident),+) -> $out:ident = $intrinsic:ident;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: Self::$out),+) -> Self::$out {
            // SAFETY: an `Avx2` exists only where the processor has the features; registers only.
            unsafe { [$intrinsic($($arg[0]),+), $intrinsic($($arg[1]),+)] }
        }
    )*};
}

#[inline(always)]
pub(super) fn word(x: [i8; 4]) -> i32 {
    i32::from_ne_bytes([x[0] as u8, x[1] as u8, x[2] as u8, x[3] as u8])
}

impl<const VNNI: bool> Simd for Avx2<VNNI> {
    type F = [__m256; 2];
    type I = [__m256i; 2];
    type B = [__m256i; 2];
    /// With VNNI sums in 32 bits, without in 16, of pairs: eight pairs of 15 × 127 stay below 2^15.
    type Dot = [__m256i; 2];

    lanewise! {
        add(a, b) -> F = _mm256_add_ps;
        sub(a, b) -> F = _mm256_sub_ps;
        mul(a, b) -> F = _mm256_mul_ps;
        div(a, b) -> F = _mm256_div_ps;
        fma(a, b, c) -> F = _mm256_fmadd_ps;
        fnma(a, b, c) -> F = _mm256_fnmadd_ps;
        max(a, b) -> F = _mm256_max_ps;
        min(a, b) -> F = _mm256_min_ps;
        int_sub(a, b) -> I = _mm256_sub_epi32;
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        // SAFETY: as for every operation here: the token proves the features.
        unsafe { [_mm256_set1_ps(value); 2] }
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        // SAFETY: 16 floats are readable at `from`; unaligned loads.
        unsafe { [_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))] }
    }
    #[inline(always)]
    fn store(self, value: Self::F, to: &mut [f32; LANES]) {
        // SAFETY: 16 floats are writable at `to`; unaligned stores.
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), value[0]);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), value[1]);
        }
    }
    #[inline(always)]
    fn load_f16(self, from: &[u16; LANES]) -> Self::F {
        let from = from.as_ptr().cast::<__m128i>();
        // SAFETY: 16 halves, two registers of 8, are readable at `from`; unaligned loads.
        unsafe { [_mm256_cvtph_ps(_mm_loadu_si128(from)), _mm256_cvtph_ps(_mm_loadu_si128(from.add(1)))] }
    }
    #[inline(always)]
    fn store_f16(self, value: Self::F, to: &mut [u16; LANES]) {
        for (value, to) in value.into_iter().zip(to.as_chunks_mut::<8>().0) {
            // SAFETY: 8 halves are writable at `to`; unaligned store.
            unsafe {
                let halves = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value);
                _mm_storeu_si128(to.as_mut_ptr().cast(), halves);
            }
        }
    }
    #[inline(always)]
    fn store_i8(self, value: Self::F, to: &mut [i8; LANES]) {
        // SAFETY: 16 bytes are writable at `to`; unaligned store.
        unsafe {
            // Packing works in halves of 128 bits: the middle quarters change places.
            let words = _mm256_packs_epi32(_mm256_cvtps_epi32(value[0]), _mm256_cvtps_epi32(value[1]));
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
            let bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(to.as_mut_ptr().cast(), bytes);
        }
    }
    #[inline(always)]
    fn load_bf16(self, from: &[u16; LANES]) -> Self::F {
        let from = from.as_ptr().cast::<__m128i>();
        // SAFETY: 16 numbers, two registers of 8, are readable at `from`; unaligned loads.
        unsafe {
            let low = _mm256_cvtepu16_epi32(_mm_loadu_si128(from));
            let high = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.add(1)));
            [
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(low)),
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(high)),
            ]
        }
    }
    #[inline(always)]
    fn scale_by_power(self, value: Self::F, n: Self::F) -> Self::F {
        let mut out = value;
        for (out, n) in out.iter_mut().zip(n) {
            // SAFETY: the token proves the features; registers only.
            unsafe {
                let bias = _mm256_set1_epi32(127);
                let n = _mm256_cvttps_epi32(n);
                let half = _mm256_srai_epi32::<1>(n);
                let first = _mm256_slli_epi32::<23>(_mm256_add_epi32(half, bias));
                let second = _mm256_slli_epi32::<23>(_mm256_add_epi32(_mm256_sub_epi32(n, half), bias));
                *out = _mm256_mul_ps(*out, _mm256_castsi256_ps(first));
                *out = _mm256_mul_ps(*out, _mm256_castsi256_ps(second));
            }
        }
        out
    }
    #[inline(always)]
    fn sum(self, value: Self::F) -> f32 {
        // SAFETY: the token proves the features; registers only.
        unsafe {
            let eight = _mm256_add_ps(value[0], value[1]);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    fn largest(self, value: Self::F) -> f32 {
        // SAFETY: the token proves the features; registers only.
        unsafe {
            let eight = _mm256_max_ps(value[0], value[1]);
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    fn int_splat(self, value: i32) -> Self::I {
        // SAFETY: the token proves the features; registers only.
        unsafe { [_mm256_set1_epi32(value); 2] }
    }
    #[inline(always)]
    fn int_load_i8(self, from: &[u8; LANES]) -> Self::I {
        // SAFETY: 16 bytes are readable at `from`; unaligned load.
        unsafe {
            let all = _mm_loadu_si128(from.as_ptr().cast());
            [_mm256_cvtepi8_epi32(all), _mm256_cvtepi8_epi32(_mm_srli_si128::<8>(all))]
        }
    }
    #[inline(always)]
    fn int_load_u8(self, from: &[u8; LANES]) -> Self::I {
        // SAFETY: 16 bytes are readable at `from`; unaligned load.
        unsafe {
            let all = _mm_loadu_si128(from.as_ptr().cast());
            [_mm256_cvtepu8_epi32(all), _mm256_cvtepu8_epi32(_mm_srli_si128::<8>(all))]
        }
    }
    #[inline(always)]
    fn int_to_float(self, value: Self::I) -> Self::F {
        // SAFETY: the token proves the features; registers only.
        unsafe { [_mm256_cvtepi32_ps(value[0]), _mm256_cvtepi32_ps(value[1])] }
    }
    #[inline(always)]
    fn bytes(self, from: &[u8; 64]) -> Self::B {
        let from = from.as_ptr().cast::<__m256i>();
        // SAFETY: 64 bytes, two registers, are readable at `from`; unaligned loads.
        unsafe { [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))] }
    }
    #[inline(always)]
    fn low_nibbles(self, bytes: Self::B) -> Self::B {
        // SAFETY: the token proves the features; registers only.
        unsafe {
            let mask = _mm256_set1_epi8(15);
            [_mm256_and_si256(bytes[0], mask), _mm256_and_si256(bytes[1], mask)]
        }
    }
    #[inline(always)]
    fn high_nibbles(self, bytes: Self::B) -> Self::B {
        // SAFETY: the token proves the features; registers only.
        unsafe { self.low_nibbles([_mm256_srli_epi16::<4>(bytes[0]), _mm256_srli_epi16::<4>(bytes[1])]) }
    }
    #[inline(always)]
    fn join(self, low: Self::B, high: Self::B, left: i32, mask: u8) -> Self::B {
        let mut out = low;
        for (out, high) in out.iter_mut().zip(high) {
            // SAFETY: the token proves the features; registers only.
            unsafe {
                let count = _mm_cvtsi32_si128(left.abs());
                let high =
                    if left >= 0 { _mm256_sll_epi16(high, count) } else { _mm256_srl_epi16(high, count) };
                *out = _mm256_or_si256(*out, _mm256_and_si256(high, _mm256_set1_epi8(mask as i8)));
            }
        }
        out
    }
    #[inline(always)]
    fn look_up(self, table: &[u8; 16], bytes: Self::B) -> Self::B {
        // SAFETY: 16 bytes are readable at `table`; the rest is registers.
        unsafe {
            let table = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast()));
            [_mm256_shuffle_epi8(table, bytes[0]), _mm256_shuffle_epi8(table, bytes[1])]
        }
    }
    #[inline(always)]
    fn dot_zero(self) -> Self::Dot {
        self.int_splat(0)
    }
    #[inline(always)]
    fn dot_nibbles(self, dot: Self::Dot, weights: Self::B, x: [i8; 4]) -> Self::Dot {
        if VNNI {
            return self.dot_bytes(dot, weights, x);
        }
        // SAFETY: the token proves the features; registers only.
        unsafe {
            let x = _mm256_set1_epi32(word(x));
            [
                _mm256_add_epi16(dot[0], _mm256_maddubs_epi16(weights[0], x)),
                _mm256_add_epi16(dot[1], _mm256_maddubs_epi16(weights[1], x)),
            ]
        }
    }
    #[inline(always)]
    fn dot_sum(self, dot: Self::Dot) -> Self::I {
        if VNNI { dot } else { self.add_pairs(self.int_splat(0), dot) }
    }
    #[inline(always)]
    fn dot_six_bits(self, sum: Self::I, weights: Self::B, x: [i8; 4]) -> Self::I {
        if VNNI {
            return self.dot_bytes(sum, weights, x);
        }
        // SAFETY: the token proves the features; registers only. Two products of 63 × 127 fit 16 bits.
        unsafe {
            let x = _mm256_set1_epi32(word(x));
            let pairs = [_mm256_maddubs_epi16(weights[0], x), _mm256_maddubs_epi16(weights[1], x)];
            self.add_pairs(sum, pairs)
        }
    }
    #[inline(always)]
    fn dot_eight_bits(self, sum: Self::I, weights: Self::B, x: [i8; 4]) -> Self::I {
        if VNNI {
            return self.dot_bytes(sum, weights, x);
        }
        // SAFETY: the token proves the features; registers only. Without its bias a weight is signed; the sign moves
        // to the activation, which is never −128; two products of 128 × 127 fit 16 bits.
        unsafe {
            let x = _mm256_set1_epi32(word(x));
            let bias = _mm256_set1_epi8(-128);
            let [a, b] = [_mm256_xor_si256(weights[0], bias), _mm256_xor_si256(weights[1], bias)];
            let a = _mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(x, a));
            let b = _mm256_maddubs_epi16(_mm256_abs_epi8(b), _mm256_sign_epi8(x, b));
            self.add_pairs(sum, [a, b])
        }
    }
    const EIGHT_BITS_BIAS: i32 = if VNNI { 128 } else { 0 };
    const GROUPS: usize = 1;
    const QUERIES: usize = 2;
}

impl<const VNNI: bool> Avx2<VNNI> {
    /// Adds the sums of neighbouring 16-bit numbers.
    #[inline(always)]
    fn add_pairs(self, sum: [__m256i; 2], dot: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the token proves the features; registers only.
        unsafe {
            let ones = _mm256_set1_epi16(1);
            [
                _mm256_add_epi32(sum[0], _mm256_madd_epi16(dot[0], ones)),
                _mm256_add_epi32(sum[1], _mm256_madd_epi16(dot[1], ones)),
            ]
        }
    }
    /// Unsigned times signed bytes, four to a lane; with VNNI only.
    #[inline(always)]
    fn dot_bytes(self, sum: [__m256i; 2], weights: [__m256i; 2], x: [i8; 4]) -> [__m256i; 2] {
        // SAFETY: called where `VNNI` is set, and a token with it proves AVX-VNNI; registers only.
        unsafe {
            let x = _mm256_set1_epi32(word(x));
            [_mm256_dpbusd_avx_epi32(sum[0], weights[0], x), _mm256_dpbusd_avx_epi32(sum[1], weights[1], x)]
        }
    }
}
