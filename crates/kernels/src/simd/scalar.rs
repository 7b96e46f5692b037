//! The specification of the sixteen lanes, in plain Rust.

use super::{LANES, Simd};
use crate::half::{bf16_to_f32, f16_to_f32, f32_to_f16};

/// The tier that needs nothing of the processor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scalar;

#[inline(always)]
fn map<A: Copy, B>(a: [A; LANES], f: impl Fn(A) -> B) -> [B; LANES] {
    std::array::from_fn(|lane| f(a[lane]))
}

#[inline(always)]
fn zip<A: Copy, B: Copy, C>(a: [A; LANES], b: [B; LANES], f: impl Fn(A, B) -> C) -> [C; LANES] {
    std::array::from_fn(|lane| f(a[lane], b[lane]))
}

/// Folds the upper half onto the lower, four times over.
#[inline(always)]
fn fold(mut value: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            value[lane] = f(value[lane], value[lane + width]);
        }
        width /= 2;
    }
    value[0]
}

#[inline(always)]
fn dot4(sum: [i32; LANES], weight: impl Fn(usize) -> i32, x: [i8; 4]) -> [i32; LANES] {
    std::array::from_fn(|lane| {
        (0..4).fold(sum[lane], |sum, byte| sum + weight(4 * lane + byte) * i32::from(x[byte]))
    })
}

impl Simd for Scalar {
    type F = [f32; LANES];
    type I = [i32; LANES];
    type B = [u8; 64];
    type Dot = [i32; LANES];

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        [value; LANES]
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        *from
    }
    #[inline(always)]
    fn store(self, value: Self::F, to: &mut [f32; LANES]) {
        *to = value;
    }
    #[inline(always)]
    fn load_f16(self, from: &[u16; LANES]) -> Self::F {
        map(*from, f16_to_f32)
    }
    #[inline(always)]
    fn store_f16(self, value: Self::F, to: &mut [u16; LANES]) {
        *to = map(value, f32_to_f16);
    }
    #[inline(always)]
    fn store_i8(self, value: Self::F, to: &mut [i8; LANES]) {
        *to = map(value, |value| value as i8);
    }
    #[inline(always)]
    fn load_bf16(self, from: &[u16; LANES]) -> Self::F {
        map(*from, bf16_to_f32)
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }
    #[inline(always)]
    fn fnma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        std::array::from_fn(|lane| (-a[lane]).mul_add(b[lane], c[lane]))
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn scale_by_power(self, value: Self::F, n: Self::F) -> Self::F {
        zip(value, n, |value, n| {
            let n = n as i32;
            let half = n >> 1;
            let power = |n: i32| f32::from_bits(((n + 127) << 23) as u32);
            value * power(half) * power(n - half)
        })
    }
    #[inline(always)]
    fn sum(self, value: Self::F) -> f32 {
        fold(value, |a, b| a + b)
    }
    #[inline(always)]
    fn largest(self, value: Self::F) -> f32 {
        fold(value, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn int_splat(self, value: i32) -> Self::I {
        [value; LANES]
    }
    #[inline(always)]
    fn int_sub(self, a: Self::I, b: Self::I) -> Self::I {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn int_load_i8(self, from: &[u8; LANES]) -> Self::I {
        map(*from, |byte| i32::from(byte as i8))
    }
    #[inline(always)]
    fn int_load_u8(self, from: &[u8; LANES]) -> Self::I {
        map(*from, i32::from)
    }
    #[inline(always)]
    fn int_to_float(self, value: Self::I) -> Self::F {
        map(value, |value| value as f32)
    }
    #[inline(always)]
    fn bytes(self, from: &[u8; 64]) -> Self::B {
        *from
    }
    #[inline(always)]
    fn low_nibbles(self, bytes: Self::B) -> Self::B {
        bytes.map(|byte| byte & 15)
    }
    #[inline(always)]
    fn high_nibbles(self, bytes: Self::B) -> Self::B {
        bytes.map(|byte| byte >> 4)
    }
    #[inline(always)]
    fn join(self, low: Self::B, high: Self::B, left: i32, mask: u8) -> Self::B {
        std::array::from_fn(|byte| {
            let high = if left >= 0 { high[byte] << left } else { high[byte] >> -left };
            low[byte] | high & mask
        })
    }
    #[inline(always)]
    fn look_up(self, table: &[u8; 16], bytes: Self::B) -> Self::B {
        bytes.map(|byte| table[usize::from(byte & 15)])
    }
    #[inline(always)]
    fn dot_zero(self) -> Self::Dot {
        [0; LANES]
    }
    #[inline(always)]
    fn dot_nibbles(self, dot: Self::Dot, weights: Self::B, x: [i8; 4]) -> Self::Dot {
        dot4(dot, |byte| i32::from(weights[byte]), x)
    }
    #[inline(always)]
    fn dot_sum(self, dot: Self::Dot) -> Self::I {
        dot
    }
    #[inline(always)]
    fn dot_six_bits(self, sum: Self::I, weights: Self::B, x: [i8; 4]) -> Self::I {
        dot4(sum, |byte| i32::from(weights[byte]), x)
    }
    #[inline(always)]
    fn dot_eight_bits(self, sum: Self::I, weights: Self::B, x: [i8; 4]) -> Self::I {
        dot4(sum, |byte| i32::from(weights[byte]) - 128, x)
    }
    const EIGHT_BITS_BIAS: i32 = 0;
    const GROUPS: usize = 1;
    const QUERIES: usize = 1;
}
