//! The sixteen lanes as four 128-bit registers.

use std::arch::aarch64::*;
use std::arch::asm;

use super::{Kernel, LANES, Simd};

/// The tier of AArch64 with the dot products of `FEAT_DotProd` and, where `I8MM`, those of unsigned with signed bytes of
/// `FEAT_I8MM`. Made only by [`run`] and [`run_i8mm`], so whoever holds one may use those.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neon<const I8MM: bool>(());

/// Runs a kernel with the tier's features switched on for everything inlined into it.
///
/// # Safety
/// The processor must have `FEAT_DotProd`.
#[target_feature(enable = "neon,dotprod")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Neon::<false>(()))
}

/// [`run`] with `FEAT_I8MM`.
///
/// # Safety
/// The processor must have `FEAT_DotProd` and `FEAT_I8MM`.
#[target_feature(enable = "neon,dotprod,i8mm")]
pub(super) unsafe fn run_i8mm<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Neon::<true>(()))
}

/// Defines operations on each register; arguments go to the intrinsic in the order given last.
macro_rules! lanewise {
    ($($name:ident($($arg:ident),+) -> $out:ident = $intrinsic:ident($($to:ident),+);)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: Self::$out),+) -> Self::$out {
            std::array::from_fn(|quarter| {
                $(let $arg = $arg[quarter];)+
                // SAFETY: a `Neon` exists only where the processor has the features; registers only.
                unsafe { $intrinsic($($to),+) }
            })
        }
    )*};
}

/// Adds to each of four integers the products of four pairs of bytes: with `sdot` both are signed, with `usdot` the
/// weights are unsigned. The compiler's intrinsics for these are not stable yet.
macro_rules! dot {
    ($instruction:literal, $sum:expr, $weights:expr, $x:expr) => {{
        let x = i32::from_le_bytes($x.map(i8::cast_unsigned));
        std::array::from_fn(|quarter| {
            let (mut sum, weights): (int32x4_t, uint8x16_t) = ($sum[quarter], $weights[quarter]);
            // SAFETY: the token proves that the processor has the instruction; it works on registers only.
            unsafe {
                asm!(
                    concat!($instruction, " {sum:v}.4s, {weights:v}.16b, {x:v}.16b"),
                    sum = inout(vreg) sum,
                    weights = in(vreg) weights,
                    x = in(vreg) vdupq_n_s32(x),
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
            sum
        })
    }};
}

impl<const I8MM: bool> Simd for Neon<I8MM> {
    type F = [float32x4_t; 4];
    type I = [int32x4_t; 4];
    type B = [uint8x16_t; 4];
    type Dot = [int32x4_t; 4];

    lanewise! {
        add(a, b) -> F = vaddq_f32(a, b);
        sub(a, b) -> F = vsubq_f32(a, b);
        mul(a, b) -> F = vmulq_f32(a, b);
        div(a, b) -> F = vdivq_f32(a, b);
        fma(a, b, c) -> F = vfmaq_f32(c, a, b);
        fnma(a, b, c) -> F = vfmsq_f32(c, a, b);
        max(a, b) -> F = larger(a, b);
        min(a, b) -> F = smaller(a, b);
        int_sub(a, b) -> I = vsubq_s32(a, b);
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        // SAFETY: as for every operation here: the token proves the features.
        unsafe { [vdupq_n_f32(value); 4] }
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        // SAFETY: each of the four quarters of `from` has 4 readable floats.
        quarters(from, |from| unsafe { vld1q_f32(from) })
    }
    #[inline(always)]
    fn store(self, value: Self::F, to: &mut [f32; LANES]) {
        for (value, to) in value.into_iter().zip(to.as_chunks_mut::<4>().0) {
            // SAFETY: 4 floats are writable at `to`.
            unsafe { vst1q_f32(to.as_mut_ptr(), value) }
        }
    }
    #[inline(always)]
    fn load_f16(self, from: &[u16; LANES]) -> Self::F {
        // SAFETY: each of the four quarters of `from` has 4 readable halves.
        quarters(from, |from| unsafe { vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from))) })
    }
    #[inline(always)]
    fn store_f16(self, value: Self::F, to: &mut [u16; LANES]) {
        for (value, to) in value.into_iter().zip(to.as_chunks_mut::<4>().0) {
            // SAFETY: 4 halves are writable at `to`; the token proves the features.
            unsafe { vst1_u16(to.as_mut_ptr(), vreinterpret_u16_f16(vcvt_f16_f32(value))) }
        }
    }
    #[inline(always)]
    fn store_i8(self, value: Self::F, to: &mut [i8; LANES]) {
        let mut integers = [0; LANES];
        for (value, to) in value.into_iter().zip(integers.as_chunks_mut::<4>().0) {
            // SAFETY: 4 integers are writable at `to`; the token proves the features.
            unsafe { vst1q_s32(to.as_mut_ptr(), vcvtq_s32_f32(value)) }
        }
        *to = integers.map(|integer| integer as i8);
    }
    #[inline(always)]
    fn load_bf16(self, from: &[u16; LANES]) -> Self::F {
        // SAFETY: each of the four quarters of `from` has 4 readable numbers.
        quarters(from, |from| unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(from))) })
    }
    #[inline(always)]
    fn scale_by_power(self, value: Self::F, n: Self::F) -> Self::F {
        std::array::from_fn(|quarter| {
            // SAFETY: the token proves the features; registers only.
            unsafe {
                let bias = vdupq_n_s32(127);
                let n = vcvtq_s32_f32(n[quarter]);
                let half = vshrq_n_s32::<1>(n);
                let first = vshlq_n_s32::<23>(vaddq_s32(half, bias));
                let second = vshlq_n_s32::<23>(vaddq_s32(vsubq_s32(n, half), bias));
                let value = vmulq_f32(value[quarter], vreinterpretq_f32_s32(first));
                vmulq_f32(value, vreinterpretq_f32_s32(second))
            }
        })
    }
    #[inline(always)]
    fn sum(self, value: Self::F) -> f32 {
        // SAFETY: the token proves the features; registers only.
        unsafe {
            let four = vaddq_f32(vaddq_f32(value[0], value[2]), vaddq_f32(value[1], value[3]));
            let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
            vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two)
        }
    }
    #[inline(always)]
    fn largest(self, value: Self::F) -> f32 {
        // SAFETY: the token proves the features; registers only.
        unsafe {
            let four = larger(larger(value[0], value[2]), larger(value[1], value[3]));
            let two = larger(four, vextq_f32::<2>(four, four));
            vgetq_lane_f32::<0>(larger(two, vextq_f32::<1>(two, two)))
        }
    }
    #[inline(always)]
    fn int_splat(self, value: i32) -> Self::I {
        // SAFETY: the token proves the features; registers only.
        unsafe { [vdupq_n_s32(value); 4] }
    }
    #[inline(always)]
    fn int_load_i8(self, from: &[u8; LANES]) -> Self::I {
        // SAFETY: 16 bytes are readable at `from`; the rest is registers.
        unsafe {
            let bytes = vld1q_s8(from.as_ptr().cast());
            let (low, high) = (vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes));
            let low = [vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low)];
            [low[0], low[1], vmovl_s16(vget_low_s16(high)), vmovl_high_s16(high)]
        }
    }
    #[inline(always)]
    fn int_load_u8(self, from: &[u8; LANES]) -> Self::I {
        // SAFETY: 16 bytes are readable at `from`; the rest is registers.
        unsafe {
            let bytes = vld1q_u8(from.as_ptr());
            let (low, high) = (vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes));
            let low = [vmovl_u16(vget_low_u16(low)), vmovl_high_u16(low)];
            let high = [vmovl_u16(vget_low_u16(high)), vmovl_high_u16(high)];
            [low[0], low[1], high[0], high[1]].map(|quarter| vreinterpretq_s32_u32(quarter))
        }
    }
    #[inline(always)]
    fn int_to_float(self, value: Self::I) -> Self::F {
        // SAFETY: the token proves the features; registers only.
        value.map(|value| unsafe { vcvtq_f32_s32(value) })
    }
    #[inline(always)]
    fn bytes(self, from: &[u8; 64]) -> Self::B {
        // SAFETY: each of the four quarters of `from` has 16 readable bytes.
        quarters(from, |from| unsafe { vld1q_u8(from) })
    }
    #[inline(always)]
    fn low_nibbles(self, bytes: Self::B) -> Self::B {
        // SAFETY: the token proves the features; registers only.
        bytes.map(|bytes| unsafe { vandq_u8(bytes, vdupq_n_u8(15)) })
    }
    #[inline(always)]
    fn high_nibbles(self, bytes: Self::B) -> Self::B {
        // SAFETY: the token proves the features; registers only.
        bytes.map(|bytes| unsafe { vshrq_n_u8::<4>(bytes) })
    }
    #[inline(always)]
    fn join(self, low: Self::B, high: Self::B, left: i32, mask: u8) -> Self::B {
        std::array::from_fn(|quarter| {
            // SAFETY: the token proves the features; registers only. A negative count shifts right.
            unsafe {
                let high = vshlq_u8(high[quarter], vdupq_n_s8(left as i8));
                vorrq_u8(low[quarter], vandq_u8(high, vdupq_n_u8(mask)))
            }
        })
    }
    #[inline(always)]
    fn look_up(self, table: &[u8; 16], bytes: Self::B) -> Self::B {
        // SAFETY: 16 bytes are readable at `table`; the rest is registers.
        bytes.map(|bytes| unsafe { vqtbl1q_u8(vld1q_u8(table.as_ptr()), bytes) })
    }
    #[inline(always)]
    fn dot_zero(self) -> Self::Dot {
        self.int_splat(0)
    }
    #[inline(always)]
    fn dot_nibbles(self, dot: Self::Dot, weights: Self::B, x: [i8; 4]) -> Self::Dot {
        self.dot_six_bits(dot, weights, x)
    }
    #[inline(always)]
    fn dot_sum(self, dot: Self::Dot) -> Self::I {
        dot
    }
    #[inline(always)]
    fn dot_six_bits(self, sum: Self::I, weights: Self::B, x: [i8; 4]) -> Self::I {
        // Below 128 an unsigned byte is a signed one.
        if I8MM { dot!("usdot", sum, weights, x) } else { dot!("sdot", sum, weights, x) }
    }
    #[inline(always)]
    fn dot_eight_bits(self, sum: Self::I, weights: Self::B, x: [i8; 4]) -> Self::I {
        if I8MM {
            return dot!("usdot", sum, weights, x);
        }
        // SAFETY: the token proves the features; registers only. Without its bias a weight is signed.
        let signed = weights.map(|weights| unsafe { veorq_u8(weights, vdupq_n_u8(0x80)) });
        dot!("sdot", sum, signed, x)
    }
    const EIGHT_BITS_BIAS: i32 = if I8MM { 128 } else { 0 };
    const GROUPS: usize = 1;
    const QUERIES: usize = 2;
}

/// Applies `load` to the start of each quarter of `from`.
#[inline(always)]
fn quarters<T, const N: usize, V>(from: &[T; N], load: impl Fn(*const T) -> V) -> [V; 4] {
    std::array::from_fn(|quarter| load(from[quarter * (N / 4)..(quarter + 1) * (N / 4)].as_ptr()))
}

/// `a` where `a > b`, else `b`.
///
/// # Safety
/// The processor must have NEON.
#[inline(always)]
unsafe fn larger(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    // SAFETY: registers only.
    unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
}

/// `a` where `a < b`, else `b`.
///
/// # Safety
/// As for [`larger`].
#[inline(always)]
unsafe fn smaller(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    // SAFETY: registers only.
    unsafe { vbslq_f32(vcltq_f32(a, b), a, b) }
}
