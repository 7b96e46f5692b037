//! Types in blocks of 32 with a scale of their own.

use super::Parts;
use crate::DType;
use crate::half::f16_to_f32;

/// The numbers of `IQ4_NL` and `IQ4_XS` (llama.cpp, `ggml-common.h`): denser near 0, as weights are.
pub(crate) const TABLE4: [i8; 16] =
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// Twice the numbers of E2M1 (OCP Microscaling Formats 1.0).
const E2M1_DOUBLED: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

#[inline(always)]
pub(super) fn half(raw: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([raw[at], raw[at + 1]])
}

/// 16 bytes to 32 nibbles: the low ones first.
#[inline(always)]
pub(super) fn nibbles(bytes: &[u8], codes: &mut [u8]) {
    let (low, high) = codes.split_at_mut(bytes.len());
    for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
        *low = byte & 15;
        *high = byte >> 4;
    }
}

/// `d`, 16 bytes of nibbles. Also `IQ4_NL`.
pub(super) fn q4_0(raw: &[u8], parts: &mut Parts) {
    parts.d = half(raw, 0);
    nibbles(&raw[2..18], &mut parts.codes[..32]);
}

/// The minimum is stored with the sign it is added with.
fn scale_and_minimum(raw: &[u8], parts: &mut Parts) {
    parts.d = half(raw, 0);
    parts.dmin = half(raw, 2) ^ 0x8000;
}

/// `d`, `m`, 16 bytes of nibbles.
pub(super) fn q4_1(raw: &[u8], parts: &mut Parts) {
    scale_and_minimum(raw, parts);
    nibbles(&raw[4..20], &mut parts.codes[..32]);
}

/// 4 bytes of fifth bits, 16 bytes of nibbles.
fn five_bits(raw: &[u8], codes: &mut [u8]) {
    nibbles(&raw[4..20], codes);
    let high = u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]);
    for (bit, code) in codes.iter_mut().enumerate() {
        *code |= ((high >> bit & 1) as u8) << 4;
    }
}

/// `d`, fifth bits, nibbles.
pub(super) fn q5_0(raw: &[u8], parts: &mut Parts) {
    parts.d = half(raw, 0);
    five_bits(&raw[2..22], &mut parts.codes[..32]);
}

/// `d`, `m`, fifth bits, nibbles.
pub(super) fn q5_1(raw: &[u8], parts: &mut Parts) {
    scale_and_minimum(raw, parts);
    five_bits(&raw[4..24], &mut parts.codes[..32]);
}

/// `d`, 32 signed bytes.
pub(super) fn q8_0(raw: &[u8], parts: &mut Parts) {
    parts.d = half(raw, 0);
    parts.codes[..32].copy_from_slice(&raw[2..34]);
}

/// `d`, scaled sum (not needed to decode), 32 signed bytes.
pub(super) fn q8_1(src: &[u8], dst: &mut [f32]) {
    for (raw, out) in src.chunks_exact(36).zip(dst.chunks_exact_mut(32)) {
        let d = f16_to_f32(half(raw, 0));
        for (out, &code) in out.iter_mut().zip(&raw[4..]) {
            *out = d * f32::from(code as i8);
        }
    }
}

/// An exponent byte, 16 bytes of nibbles. The scale is halved because the table is doubled.
pub(super) fn mxfp4(src: &[u8], dst: &mut [f32]) {
    let mut codes = [0; 32];
    for (raw, out) in src.chunks_exact(17).zip(dst.chunks_exact_mut(32)) {
        let exponent = u32::from(raw[0]);
        let bits = if exponent < 2 { 0x0020_0000 << exponent } else { (exponent - 1) << 23 };
        let d = f32::from_bits(bits);
        nibbles(&raw[1..], &mut codes);
        for (out, code) in out.iter_mut().zip(codes) {
            *out = d * f32::from(E2M1_DOUBLED[usize::from(code)]);
        }
    }
}

/// The value of an unsigned E4M3 number (OCP 8-bit Floating Point, with the sign left out), halved because the table is
/// doubled. What would be NaN is 0, as the format's author has it.
fn half_e4m3(bits: u8) -> f32 {
    let (exponent, fraction) = (u32::from(bits >> 3 & 15), f32::from(bits & 7));
    match (bits, exponent) {
        (0x7f, _) => 0.0,
        (_, 0) => fraction / 1024.0,
        _ => (8.0 + fraction) * f32::from_bits((exponent + 127 - 11) << 23),
    }
}

/// Four scales of 16, four times 8 bytes of nibbles.
pub(super) fn nvfp4(src: &[u8], dst: &mut [f32]) {
    let mut codes = [0; 16];
    for (raw, out) in src.chunks_exact(36).zip(dst.chunks_exact_mut(64)) {
        let (scales, bytes) = raw.split_at(4);
        for (sub, out) in out.chunks_exact_mut(16).enumerate() {
            let d = half_e4m3(scales[sub]);
            nibbles(&bytes[8 * sub..8 * sub + 8], &mut codes);
            for (out, code) in out.iter_mut().zip(codes) {
                *out = d * f32::from(E2M1_DOUBLED[usize::from(code)]);
            }
        }
    }
}

/// Appends the `Q4_0` blocks of the same numbers as one block of `Q1_0` (−1, 1) or `Q2_0` (−1, 0, 1, 2): `d`, then
/// codes of 1 or 2 bits in ascending order.
pub(crate) fn as_q4_0(dtype: DType, raw: &[u8], out: &mut Vec<u8>) {
    let (d, codes) = raw.split_at(2);
    let code = |column: usize| match dtype {
        DType::Q1_0 => 7 + (codes[column / 8] >> (column % 8) & 1) * 2,
        DType::Q2_0 => 7 + (codes[column / 4] >> (2 * (column % 4)) & 3),
        _ => unreachable!("{} is not of 1 or 2 bits", dtype.name()),
    };
    for first in (0..dtype.block_len()).step_by(32) {
        out.extend_from_slice(d);
        out.extend((first..first + 16).map(|column| code(column) | code(column + 16) << 4));
    }
}
