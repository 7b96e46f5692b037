//! Operations whose every case the kernels' own tests do not reach, against their definitions.

use super::*;
use crate::half::{f16_to_f32, f32_to_f16};

fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.iter().copied().filter(|isa| isa.is_available())
}

struct Halves([f32; LANES]);

impl Kernel for Halves {
    type Output = [u16; LANES];

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> [u16; LANES] {
        let mut halves = [0; LANES];
        simd.store_f16(simd.load(&self.0), &mut halves);
        halves
    }
}

#[test]
fn halves_are_stored_to_nearest_even_on_every_tier() {
    let edges =
        [f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), f32::from_bits(0x7fc1_2345), 65_519.9, 65_520.0];
    let halves = (0..=u16::MAX).map(f16_to_f32).filter(|value| value.is_finite());
    let ties = halves.clone().map(|value| value + (f16_to_f32(f32_to_f16(value) ^ 1) - value) / 2.0);
    let near =
        ties.flat_map(|tie| [-1, 0, 1].map(|step| f32::from_bits(tie.to_bits().wrapping_add_signed(step))));
    let signed = edges.into_iter().flat_map(|edge| [edge, -edge, 1.0 / edge]);
    let numbers: Vec<f32> = near.chain(halves).chain(signed).chain([f32::INFINITY; LANES]).collect();
    for isa in available() {
        for lanes in numbers.as_chunks().0 {
            let found = dispatch(isa, Halves(*lanes));
            assert_eq!(found, lanes.map(f32_to_f16), "{} {lanes:?}", isa.name());
        }
    }
}

struct Join {
    low: [u8; 64],
    high: [u8; 64],
    left: i32,
    mask: u8,
}

impl Kernel for Join {
    /// The joined bytes, those at the same place of each lane together.
    type Output = [[f32; LANES]; 4];

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Self::Output {
        let joined = simd.join(simd.bytes(&self.low), simd.bytes(&self.high), self.left, self.mask);
        let mut out = [[0.0; LANES]; 4];
        for (byte, out) in out.iter_mut().enumerate() {
            let mut one = [0; 4];
            one[byte] = 1;
            let start = simd.int_splat(128 - S::EIGHT_BITS_BIAS);
            simd.store(simd.int_to_float(simd.dot_eight_bits(start, joined, one)), out);
        }
        out
    }
}

#[test]
fn bits_are_joined_within_their_byte_on_every_tier() {
    let five_bits = (-3..=4).map(|left| (left, 0x10));
    let six_bits = [4, 2, 0, -2].map(|left| (left, 0x30));
    for (left, mask) in five_bits.chain(six_bits) {
        let low: [u8; 64] = std::array::from_fn(|byte| byte as u8 & 15 | (byte as u8 & 0x20) << 2);
        let high: [u8; 64] = std::array::from_fn(|byte| (byte as u8).wrapping_mul(0x9d) ^ 0x5a);
        let joined = |byte: usize| low[byte] | (u32::from(high[byte]) << 8 >> (8 - left)) as u8 & mask;
        for isa in available() {
            let found = dispatch(isa, Join { low, high, left, mask });
            for (byte, found) in found.iter().enumerate() {
                let expected: [f32; LANES] = std::array::from_fn(|lane| f32::from(joined(4 * lane + byte)));
                assert_eq!(*found, expected, "{} left {left}", isa.name());
            }
        }
    }
}
