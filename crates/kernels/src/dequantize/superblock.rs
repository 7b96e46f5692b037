//! Types in superblocks of 256 with scales of sub-blocks.

use super::Parts;
use super::block::{half, nibbles};

/// Element `32 · plane + l` of each half of 128 is in bits `2 · plane` of byte `l`: `Q2_K`, `Q3_K`, `TQ2_0`.
fn two_bit_planes(bytes: &[u8], codes: &mut [u8; 256]) {
    for (half, codes) in codes.chunks_exact_mut(128).enumerate() {
        for (plane, codes) in codes.chunks_exact_mut(32).enumerate() {
            for (code, byte) in codes.iter_mut().zip(&bytes[32 * half..]) {
                *code = byte >> (2 * plane) & 3;
            }
        }
    }
}

/// 16 bytes of scale (low nibble) and minimum (high), 64 bytes of codes, `d`, `dmin`.
pub(super) fn q2_k(raw: &[u8], parts: &mut Parts) {
    for ((scale, min), byte) in parts.scales.iter_mut().zip(&mut parts.mins).zip(raw) {
        *scale = (byte & 15) as i8;
        *min = byte >> 4;
    }
    two_bit_planes(&raw[16..80], &mut parts.codes);
    parts.d = half(raw, 80);
    parts.dmin = half(raw, 82);
}

/// 32 bytes of third bits, 64 bytes of codes, 12 bytes of 6-bit scales, `d`.
pub(super) fn q3_k(raw: &[u8], parts: &mut Parts) {
    two_bit_planes(&raw[32..96], &mut parts.codes);
    for (plane, codes) in parts.codes.chunks_exact_mut(32).enumerate() {
        for (code, byte) in codes.iter_mut().zip(&raw[..32]) {
            *code |= (byte >> plane & 1) << 2;
        }
    }
    let scales = &raw[96..108];
    for sub in 0..16 {
        let low = if sub < 8 { scales[sub] & 15 } else { scales[sub - 8] >> 4 };
        let high = scales[8 + sub % 4] >> (2 * (sub / 4)) & 3;
        parts.scales[sub] = (low | high << 4) as i8 - 32;
    }
    parts.d = half(raw, 108);
}

/// 12 bytes with eight 6-bit scales and eight 6-bit minima: `Q4_K`, `Q5_K`.
fn six_bit_scales(bytes: &[u8], parts: &mut Parts) {
    for sub in 0..4 {
        let (scale, min, low) = (bytes[sub], bytes[sub + 4], bytes[sub + 8]);
        parts.scales[sub] = (scale & 63) as i8;
        parts.mins[sub] = min & 63;
        parts.scales[sub + 4] = (low & 15 | scale >> 6 << 4) as i8;
        parts.mins[sub + 4] = low >> 4 | min >> 6 << 4;
    }
}

/// `d`, `dmin`, scales, 128 bytes of nibbles.
pub(super) fn q4_k(raw: &[u8], parts: &mut Parts) {
    parts.d = half(raw, 0);
    parts.dmin = half(raw, 2);
    six_bit_scales(&raw[4..16], parts);
    for (bytes, codes) in raw[16..144].chunks_exact(32).zip(parts.codes.chunks_exact_mut(64)) {
        nibbles(bytes, codes);
    }
}

/// `d`, `dmin`, scales, 32 bytes of fifth bits, 128 bytes of nibbles.
pub(super) fn q5_k(raw: &[u8], parts: &mut Parts) {
    parts.d = half(raw, 0);
    parts.dmin = half(raw, 2);
    six_bit_scales(&raw[4..16], parts);
    for (bytes, codes) in raw[48..176].chunks_exact(32).zip(parts.codes.chunks_exact_mut(64)) {
        nibbles(bytes, codes);
    }
    for (plane, codes) in parts.codes.chunks_exact_mut(32).enumerate() {
        for (code, byte) in codes.iter_mut().zip(&raw[16..48]) {
            *code |= (byte >> plane & 1) << 4;
        }
    }
}

/// 128 bytes of nibbles, 64 bytes of upper bit pairs, 16 signed scales, `d`.
pub(super) fn q6_k(raw: &[u8], parts: &mut Parts) {
    two_bit_planes(&raw[128..192], &mut parts.codes);
    for (bytes, codes) in raw[..128].chunks_exact(64).zip(parts.codes.chunks_exact_mut(128)) {
        let (low, high) = codes.split_at_mut(64);
        for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
            *low = *low << 4 | byte & 15;
            *high = *high << 4 | byte >> 4;
        }
    }
    for (scale, &byte) in parts.scales.iter_mut().zip(&raw[192..208]) {
        *scale = byte as i8;
    }
    parts.d = half(raw, 208);
}

/// `d`, 16 bits of upper scale bits, 4 bytes of lower ones, 128 bytes of nibbles.
pub(super) fn iq4_xs(raw: &[u8], parts: &mut Parts) {
    parts.d = half(raw, 0);
    let high = half(raw, 2);
    for sub in 0..8 {
        let low = raw[4 + sub / 2] >> (4 * (sub % 2)) & 15;
        parts.scales[sub] = (low | ((high >> (2 * sub) & 3) as u8) << 4) as i8 - 32;
    }
    for (bytes, codes) in raw[8..136].chunks_exact(16).zip(parts.codes.chunks_exact_mut(32)) {
        nibbles(bytes, codes);
    }
}

/// `d` as binary32, 256 signed bytes, sums of 16 (not needed to decode).
pub(super) fn q8_k(src: &[u8], dst: &mut [f32]) {
    for (raw, out) in src.chunks_exact(292).zip(dst.chunks_exact_mut(256)) {
        let d = f32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]);
        for (out, &code) in out.iter_mut().zip(&raw[4..260]) {
            *out = d * f32::from(code as i8);
        }
    }
}

/// Digit `power` of the five ternary digits in a byte, which is a fraction of 256.
fn ternary_digit(byte: u8, power: usize) -> u8 {
    const POWERS: [u8; 5] = [1, 3, 9, 27, 81];
    let shifted = byte.wrapping_mul(POWERS[power]);
    ((u16::from(shifted) * 3) >> 8) as u8
}

/// 48 bytes of five digits, 4 bytes of four, `d`.
pub(super) fn tq1_0(raw: &[u8], parts: &mut Parts) {
    let (first, rest) = parts.codes.split_at_mut(160);
    let (second, third) = rest.split_at_mut(80);
    for (codes, bytes) in [(first, &raw[..32]), (second, &raw[32..48]), (third, &raw[48..52])] {
        for (power, codes) in codes.chunks_exact_mut(bytes.len()).enumerate() {
            for (code, &byte) in codes.iter_mut().zip(bytes) {
                *code = ternary_digit(byte, power);
            }
        }
    }
    parts.d = half(raw, 52);
}

/// 64 bytes of four codes, `d`.
pub(super) fn tq2_0(raw: &[u8], parts: &mut Parts) {
    two_bit_planes(&raw[..64], &mut parts.codes);
    parts.d = half(raw, 64);
}
