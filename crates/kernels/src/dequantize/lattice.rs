//! Types whose codes lie on a lattice: an index names a point of a codebook (`grids.rs`), signs come beside it.
//!
//! Their scales are odd halves and their magnitudes integers, so every number is `d / 8 · scale · code` with `scale` and
//! `code` in a byte: they are taken apart as the other superblocks are, all to the same shape, and no product rounds.

use super::block::half;
use super::{Codes, Parts, Shape, grids};
use crate::DType;

/// The fourth code is not used by any point.
const IQ2: [i8; 4] = [8, 25, 43, 0];
const IQ3_XXS: [i8; 8] = [4, 12, 20, 28, 36, 44, 52, 62];
/// Odd numbers, in eighths.
const IQ3_S: [i8; 8] = [8, 24, 40, 56, 72, 88, 104, 120];
/// −1, 0, 1, moved up by an eighth, in eighths.
const IQ1_UP: [i8; 4] = [-7, 1, 9, 0];
/// The same, moved down.
const IQ1_DOWN: [i8; 4] = [-9, -1, 7, 0];

/// The shape of a type with a codebook; `None` for the others.
pub(super) const fn shape(dtype: DType) -> Option<Shape> {
    match dtype {
        DType::IQ1_S
        | DType::IQ1_M
        | DType::IQ2_XXS
        | DType::IQ2_XS
        | DType::IQ2_S
        | DType::IQ3_XXS
        | DType::IQ3_S => Some(Shape {
            codes: Codes::Signed,
            sub_block: 16,
            sub_scales: true,
            minimum: false,
            offset: 0,
            unit: 0.125,
        }),
        _ => None,
    }
}

/// The codes of a point, eight of 2 bits or four of 4, each negated where its bit of `signs` is set.
fn put(point: u16, values: &[i8], signs: u8, codes: &mut [u8]) {
    let width = 16 / codes.len();
    for (at, code) in codes.iter_mut().enumerate() {
        let value = values[usize::from(point >> (width * at)) & (values.len() - 1)];
        *code = if signs >> at & 1 == 1 { -value } else { value } as u8;
    }
}

/// Eight signs of which seven are stored: their number is even.
fn even_signs(stored: u32) -> u8 {
    let seven = (stored & 127) as u8;
    seven | ((seven.count_ones() & 1) as u8) << 7
}

fn word(raw: &[u8], at: usize) -> u32 {
    u32::from(half(raw, at)) | u32::from(half(raw, at + 2)) << 16
}

fn nibble(bytes: &[u8], index: usize) -> u8 {
    bytes[index / 2] >> (4 * (index % 2)) & 15
}

/// A scale is `stored + ½` quarters, which is an odd number of eighths.
fn odd(stored: u8) -> i8 {
    2 * stored as i8 + 1
}

/// `d`; for each 32: four indices, then four times seven signs and a scale in 32 bits.
pub(super) fn iq2_xxs(raw: &[u8], parts: &mut Parts) {
    parts.d = half(raw, 0);
    for block in 0..8 {
        let at = 2 + 8 * block;
        let signs_and_scale = word(raw, at + 4);
        parts.scales[2 * block..2 * block + 2].fill(odd((signs_and_scale >> 28) as u8));
        for (index, codes) in parts.codes[32 * block..][..32].chunks_exact_mut(8).enumerate() {
            let point = grids::IQ2_XXS[usize::from(raw[at + index])];
            put(point, &IQ2, even_signs(signs_and_scale >> (7 * index)), codes);
        }
    }
}

/// `d`; for each 8: an index of 9 bits and seven signs; scales of 16 in nibbles.
pub(super) fn iq2_xs(raw: &[u8], parts: &mut Parts) {
    parts.d = half(raw, 0);
    for (index, codes) in parts.codes.chunks_exact_mut(8).enumerate() {
        let stored = half(raw, 2 + 2 * index);
        put(grids::IQ2_XS[usize::from(stored & 511)], &IQ2, even_signs(u32::from(stored >> 9)), codes);
    }
    for (sub, scale) in parts.scales.iter_mut().enumerate() {
        *scale = odd(nibble(&raw[66..74], sub));
    }
}

/// `d`; for each 8: the low byte of an index; all signs; the upper 2 bits of the indices; scales of 16 in nibbles.
pub(super) fn iq2_s(raw: &[u8], parts: &mut Parts) {
    parts.d = half(raw, 0);
    for (index, codes) in parts.codes.chunks_exact_mut(8).enumerate() {
        let high = raw[66 + index / 4] >> (2 * (index % 4)) & 3;
        let point = grids::IQ2_S[usize::from(high) << 8 | usize::from(raw[2 + index])];
        put(point, &IQ2, raw[34 + index], codes);
    }
    for (sub, scale) in parts.scales.iter_mut().enumerate() {
        *scale = odd(nibble(&raw[74..82], sub));
    }
}

/// `d`; for each 4 an index; for each 32: four times seven signs and a scale in 32 bits, which counts quarters.
pub(super) fn iq3_xxs(raw: &[u8], parts: &mut Parts) {
    parts.d = half(raw, 0);
    for block in 0..8 {
        let signs_and_scale = word(raw, 66 + 4 * block);
        parts.scales[2 * block..2 * block + 2].fill(2 * odd((signs_and_scale >> 28) as u8));
        for (index, codes) in parts.codes[32 * block..][..32].chunks_exact_mut(4).enumerate() {
            let point = grids::IQ3_XXS[usize::from(raw[2 + 8 * block + index])];
            let signs = even_signs(signs_and_scale >> (7 * (index / 2)));
            put(point, &IQ3_XXS, signs >> (4 * (index % 2)), codes);
        }
    }
}

/// `d`; for each 4: the low byte of an index; the ninth bits; all signs; scales of 32 in nibbles.
pub(super) fn iq3_s(raw: &[u8], parts: &mut Parts) {
    parts.d = half(raw, 0);
    for (index, codes) in parts.codes.chunks_exact_mut(4).enumerate() {
        let high = raw[66 + index / 8] >> (index % 8) & 1;
        let point = grids::IQ3_S[usize::from(high) << 8 | usize::from(raw[2 + index])];
        put(point, &IQ3_S, nibble(&raw[74..106], index), codes);
    }
    for (sub, scale) in parts.scales.iter_mut().enumerate() {
        *scale = odd(nibble(&raw[106..110], sub / 2));
    }
}

/// A point of three values, moved down where `down`.
fn put_ternary(low: u8, high: u16, down: bool, codes: &mut [u8]) {
    let point = grids::IQ1[usize::from(high & 7) << 8 | usize::from(low)];
    put(point, if down { &IQ1_DOWN } else { &IQ1_UP }, 0, codes);
}

/// `d`; for each 8: the low byte of an index; for each 32 in 16 bits: the upper 3 bits of four indices, a scale of 3
/// bits and which way to move.
pub(super) fn iq1_s(raw: &[u8], parts: &mut Parts) {
    parts.d = half(raw, 0);
    for (index, codes) in parts.codes.chunks_exact_mut(8).enumerate() {
        let stored = half(raw, 34 + 2 * (index / 4));
        parts.scales[index / 2] = odd((stored >> 12 & 7) as u8);
        put_ternary(raw[2 + index], stored >> (3 * (index % 4)), stored >> 15 == 1, codes);
    }
}

/// For each 8: the low byte of an index; then 4 bits: its upper 3 and which way to move; then 16 scales of 3 bits, four
/// to 16 bits, whose upper 4 bits together are `d`.
pub(super) fn iq1_m(raw: &[u8], parts: &mut Parts) {
    parts.d = 0;
    for quarter in 0..4 {
        let stored = half(raw, 48 + 2 * quarter);
        parts.d |= (stored >> 12) << (4 * quarter);
        for (sub, scale) in parts.scales[4 * quarter..][..4].iter_mut().enumerate() {
            *scale = odd((stored >> (3 * sub) & 7) as u8);
        }
    }
    for (index, codes) in parts.codes.chunks_exact_mut(8).enumerate() {
        let stored = nibble(&raw[32..48], index);
        put_ternary(raw[index], u16::from(stored), stored >> 3 == 1, codes);
    }
}
