//! The sixteen lanes as one 512-bit register.

use std::arch::x86_64::*;

use super::avx2::word;
use super::{Kernel, LANES, Simd};

/// The tier of x86-64 with AVX-512 F, BW, VL and VNNI. Made only by [`run`], so whoever holds one may use those.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512(());

/// Runs a kernel with the tier's features switched on for everything inlined into it.
///
/// # Safety
/// The processor must have AVX-512 F, BW, VL and VNNI, and what every such processor has: AVX2, FMA and F16C.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512(()))
}

/// Defines lane-wise operations.
macro_rules! lanewise {
    ($($name:ident($($arg:ident),+) -> $out:ident = $intrinsic:ident;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: Self::$out),+) -> Self::$out {
            // SAFETY: an `Avx512` exists only where the processor has the features; registers only.
            unsafe { $intrinsic($($arg),+) }
        }
    )*};
}

impl Simd for Avx512 {
    type F = __m512;
    type I = __m512i;
    type B = __m512i;
    type Dot = __m512i;

    lanewise! {
        add(a, b) -> F = _mm512_add_ps;
        sub(a, b) -> F = _mm512_sub_ps;
        mul(a, b) -> F = _mm512_mul_ps;
        div(a, b) -> F = _mm512_div_ps;
        fma(a, b, c) -> F = _mm512_fmadd_ps;
        fnma(a, b, c) -> F = _mm512_fnmadd_ps;
        max(a, b) -> F = _mm512_max_ps;
        min(a, b) -> F = _mm512_min_ps;
        int_sub(a, b) -> I = _mm512_sub_epi32;
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        // SAFETY: as for every operation here: the token proves the features.
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        // SAFETY: 16 floats are readable at `from`; unaligned load.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, value: Self::F, to: &mut [f32; LANES]) {
        // SAFETY: 16 floats are writable at `to`; unaligned store.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), value) }
    }
    #[inline(always)]
    fn load_f16(self, from: &[u16; LANES]) -> Self::F {
        // SAFETY: 16 halves are readable at `from`; unaligned load.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast())) }
    }
    #[inline(always)]
    fn store_f16(self, value: Self::F, to: &mut [u16; LANES]) {
        // SAFETY: 16 halves are writable at `to`; unaligned store.
        unsafe {
            let halves = _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value);
            _mm256_storeu_si256(to.as_mut_ptr().cast(), halves);
        }
    }
    #[inline(always)]
    fn store_i8(self, value: Self::F, to: &mut [i8; LANES]) {
        // SAFETY: 16 bytes are writable at `to`; unaligned store.
        unsafe {
            let bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(value));
            _mm_storeu_si128(to.as_mut_ptr().cast(), bytes);
        }
    }
    #[inline(always)]
    fn load_bf16(self, from: &[u16; LANES]) -> Self::F {
        // SAFETY: 16 numbers are readable at `from`; unaligned load.
        unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        }
    }
    #[inline(always)]
    fn scale_by_power(self, value: Self::F, n: Self::F) -> Self::F {
        // SAFETY: the token proves the features; registers only.
        unsafe {
            let bias = _mm512_set1_epi32(127);
            let n = _mm512_cvttps_epi32(n);
            let half = _mm512_srai_epi32::<1>(n);
            let first = _mm512_slli_epi32::<23>(_mm512_add_epi32(half, bias));
            let second = _mm512_slli_epi32::<23>(_mm512_add_epi32(_mm512_sub_epi32(n, half), bias));
            let value = _mm512_mul_ps(value, _mm512_castsi512_ps(first));
            _mm512_mul_ps(value, _mm512_castsi512_ps(second))
        }
    }
    #[inline(always)]
    fn sum(self, value: Self::F) -> f32 {
        // SAFETY: the token proves the features; registers only.
        unsafe {
            let [low, high] = halves(value);
            let eight = _mm256_add_ps(low, high);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    fn largest(self, value: Self::F) -> f32 {
        // SAFETY: the token proves the features; registers only.
        unsafe {
            let [low, high] = halves(value);
            let eight = _mm256_max_ps(low, high);
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    fn int_splat(self, value: i32) -> Self::I {
        // SAFETY: the token proves the features; registers only.
        unsafe { _mm512_set1_epi32(value) }
    }
    #[inline(always)]
    fn int_load_i8(self, from: &[u8; LANES]) -> Self::I {
        // SAFETY: 16 bytes are readable at `from`; unaligned load.
        unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(from.as_ptr().cast())) }
    }
    #[inline(always)]
    fn int_load_u8(self, from: &[u8; LANES]) -> Self::I {
        // SAFETY: 16 bytes are readable at `from`; unaligned load.
        unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(from.as_ptr().cast())) }
    }
    #[inline(always)]
    fn int_to_float(self, value: Self::I) -> Self::F {
        // SAFETY: the token proves the features; registers only.
        unsafe { _mm512_cvtepi32_ps(value) }
    }
    #[inline(always)]
    fn bytes(self, from: &[u8; 64]) -> Self::B {
        // Not `_mm512_loadu_si512`: with debug assertions it checks its pointer, and the loop then calls it.
        // SAFETY: any 64 bytes are a vector.
        unsafe { std::mem::transmute(*from) }
    }
    #[inline(always)]
    fn low_nibbles(self, bytes: Self::B) -> Self::B {
        // SAFETY: the token proves the features; registers only.
        unsafe { _mm512_and_si512(bytes, _mm512_set1_epi8(15)) }
    }
    #[inline(always)]
    fn high_nibbles(self, bytes: Self::B) -> Self::B {
        // SAFETY: the token proves the features; registers only.
        unsafe { self.low_nibbles(_mm512_srli_epi16::<4>(bytes)) }
    }
    #[inline(always)]
    fn join(self, low: Self::B, high: Self::B, left: i32, mask: u8) -> Self::B {
        // SAFETY: the token proves the features; registers only.
        unsafe {
            let count = _mm_cvtsi32_si128(left.abs());
            let high = if left >= 0 { _mm512_sll_epi16(high, count) } else { _mm512_srl_epi16(high, count) };
            _mm512_or_si512(low, _mm512_and_si512(high, _mm512_set1_epi8(mask as i8)))
        }
    }
    #[inline(always)]
    fn look_up(self, table: &[u8; 16], bytes: Self::B) -> Self::B {
        // SAFETY: 16 bytes are readable at `table`; the rest is registers.
        unsafe {
            let table = _mm512_broadcast_i32x4(_mm_loadu_si128(table.as_ptr().cast()));
            _mm512_shuffle_epi8(table, bytes)
        }
    }
    #[inline(always)]
    fn dot_zero(self) -> Self::Dot {
        self.int_splat(0)
    }
    #[inline(always)]
    fn dot_nibbles(self, dot: Self::Dot, weights: Self::B, x: [i8; 4]) -> Self::Dot {
        // SAFETY: the token proves the features; registers only. Four products of a byte each never saturate.
        unsafe { _mm512_dpbusd_epi32(dot, weights, _mm512_set1_epi32(word(x))) }
    }
    #[inline(always)]
    fn dot_sum(self, dot: Self::Dot) -> Self::I {
        dot
    }
    #[inline(always)]
    fn dot_six_bits(self, sum: Self::I, weights: Self::B, x: [i8; 4]) -> Self::I {
        self.dot_nibbles(sum, weights, x)
    }
    #[inline(always)]
    fn dot_eight_bits(self, sum: Self::I, weights: Self::B, x: [i8; 4]) -> Self::I {
        self.dot_nibbles(sum, weights, x)
    }
    const EIGHT_BITS_BIAS: i32 = 128;
    const GROUPS: usize = 2;
    const QUERIES: usize = 4;
}

/// The lower and the upper eight lanes.
#[inline(always)]
fn halves(value: __m512) -> [__m256; 2] {
    // SAFETY: called from within the tier alone; registers only.
    unsafe {
        let upper = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(value));
        [_mm512_castps512_ps256(value), _mm256_castpd_ps(upper)]
    }
}
