//! From stored blocks to numbers: the scalar specification.

mod block;
mod grids;
mod lattice;
mod superblock;

use crate::half::{bf16_to_f32, f16_to_f32};
use crate::{DType, Error};

pub(crate) use block::{TABLE4, as_q4_0};

/// How the codes of a type become numbers: `d · unit · scale · (code − offset) − dmin · min`, where `scale` and `min` are
/// those of the code's sub-block and 1 in types without superblocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) codes: Codes,
    /// Columns that share a scale: 16 or 32.
    pub(crate) sub_block: usize,
    /// Whether there are scales (and minima) of sub-blocks beside `d`.
    pub(crate) sub_scales: bool,
    /// Whether there is a minimum.
    pub(crate) minimum: bool,
    pub(crate) offset: i32,
    /// A power of two.
    pub(crate) unit: f32,
}

/// What a code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codes {
    /// 0..16.
    Nibble,
    /// An index into [`TABLE4`].
    Table,
    /// 0..32.
    FiveBits,
    /// 0..64.
    SixBits,
    /// −128..128.
    Signed,
}

/// One block, taken apart.
pub(crate) struct Parts {
    pub(crate) codes: [u8; 256],
    /// Binary16.
    pub(crate) d: u16,
    /// Binary16.
    pub(crate) dmin: u16,
    pub(crate) scales: [i8; 16],
    pub(crate) mins: [u8; 16],
}

impl Parts {
    pub(crate) const fn new() -> Parts {
        Parts { codes: [0; 256], d: 0, dmin: 0, scales: [1; 16], mins: [1; 16] }
    }
}

/// The shape of a type that is made of blocks with a binary16 scale; `None` for the others.
pub(crate) const fn shape(dtype: DType) -> Option<Shape> {
    use Codes::{FiveBits, Nibble, Signed, SixBits, Table};
    let (codes, sub_block, sub_scales, minimum, offset) = match dtype {
        DType::Q4_0 => (Nibble, 32, false, false, 8),
        DType::Q4_1 => (Nibble, 32, false, true, 0),
        DType::Q5_0 => (FiveBits, 32, false, false, 16),
        DType::Q5_1 => (FiveBits, 32, false, true, 0),
        DType::Q8_0 => (Signed, 32, false, false, 0),
        DType::Q2_K => (Nibble, 16, true, true, 0),
        DType::Q3_K => (Nibble, 16, true, false, 4),
        DType::Q4_K => (Nibble, 32, true, true, 0),
        DType::Q5_K => (FiveBits, 32, true, true, 0),
        DType::Q6_K => (SixBits, 16, true, false, 32),
        DType::IQ4_NL => (Table, 32, false, false, 0),
        DType::IQ4_XS => (Table, 32, true, false, 0),
        DType::TQ1_0 | DType::TQ2_0 => (Nibble, 32, true, false, 1),
        _ => return lattice::shape(dtype),
    };
    Some(Shape { codes, sub_block, sub_scales, minimum, offset, unit: 1.0 })
}

/// Takes one block of a type with a [`shape`] apart; `raw` is exactly one block.
pub(crate) fn take_apart(dtype: DType, raw: &[u8], parts: &mut Parts) {
    match dtype {
        DType::Q4_0 | DType::IQ4_NL => block::q4_0(raw, parts),
        DType::Q4_1 => block::q4_1(raw, parts),
        DType::Q5_0 => block::q5_0(raw, parts),
        DType::Q5_1 => block::q5_1(raw, parts),
        DType::Q8_0 => block::q8_0(raw, parts),
        DType::Q2_K => superblock::q2_k(raw, parts),
        DType::Q3_K => superblock::q3_k(raw, parts),
        DType::Q4_K => superblock::q4_k(raw, parts),
        DType::Q5_K => superblock::q5_k(raw, parts),
        DType::Q6_K => superblock::q6_k(raw, parts),
        DType::IQ4_XS => superblock::iq4_xs(raw, parts),
        DType::TQ1_0 => superblock::tq1_0(raw, parts),
        DType::TQ2_0 => superblock::tq2_0(raw, parts),
        DType::IQ1_S => lattice::iq1_s(raw, parts),
        DType::IQ1_M => lattice::iq1_m(raw, parts),
        DType::IQ2_XXS => lattice::iq2_xxs(raw, parts),
        DType::IQ2_XS => lattice::iq2_xs(raw, parts),
        DType::IQ2_S => lattice::iq2_s(raw, parts),
        DType::IQ3_XXS => lattice::iq3_xxs(raw, parts),
        DType::IQ3_S => lattice::iq3_s(raw, parts),
        _ => unreachable!("{} has no shape", dtype.name()),
    }
}

/// The number a code stands for; the products round as written.
#[inline(always)]
pub(crate) fn number(shape: Shape, code: u8, d: f32, dmin: f32, scale: i8, min: u8) -> f32 {
    let code = match shape.codes {
        Codes::Nibble | Codes::FiveBits | Codes::SixBits => i32::from(code) - shape.offset,
        Codes::Table => i32::from(TABLE4[usize::from(code & 15)]),
        Codes::Signed => i32::from(code as i8),
    };
    let product = d * f32::from(scale) * code as f32;
    if shape.minimum { product - dmin * f32::from(min) } else { product }
}

/// Checks that `found` bytes are `elements` elements of `dtype`.
pub(crate) fn check_length(dtype: DType, elements: u64, found: usize) -> Result<(), Error> {
    let expected = dtype.bytes_for(elements).ok_or(Error::Blocks { dtype, elements })?;
    if expected != found as u64 {
        return Err(Error::Length { dtype, elements, expected, found: found as u64 });
    }
    Ok(())
}

/// Decodes `src` into as many floats as `dst` holds. F64 and integers of more than 24 bits are rounded to nearest even;
/// every other type has a number of its own precision in binary32.
///
/// # Errors
/// [`Error::Blocks`] and [`Error::Length`] where the lengths do not belong together, [`Error::Unsupported`] for a type
/// without a decoder: there is none today.
pub fn dequantize(dtype: DType, src: &[u8], dst: &mut [f32]) -> Result<(), Error> {
    check_length(dtype, dst.len() as u64, src.len())?;
    match dtype {
        DType::F32 => each::<4>(src, dst, f32::from_le_bytes),
        DType::F16 => each::<2>(src, dst, |bytes| f16_to_f32(u16::from_le_bytes(bytes))),
        DType::BF16 => each::<2>(src, dst, |bytes| bf16_to_f32(u16::from_le_bytes(bytes))),
        DType::F64 => each::<8>(src, dst, |bytes| f64::from_le_bytes(bytes) as f32),
        DType::I8 => each::<1>(src, dst, |bytes| f32::from(i8::from_le_bytes(bytes))),
        DType::I16 => each::<2>(src, dst, |bytes| f32::from(i16::from_le_bytes(bytes))),
        DType::I32 => each::<4>(src, dst, |bytes| i32::from_le_bytes(bytes) as f32),
        DType::I64 => each::<8>(src, dst, |bytes| i64::from_le_bytes(bytes) as f32),
        DType::Q8_1 => block::q8_1(src, dst),
        DType::Q8_K => superblock::q8_k(src, dst),
        DType::MXFP4 => block::mxfp4(src, dst),
        DType::NVFP4 => block::nvfp4(src, dst),
        DType::Q1_0 | DType::Q2_0 => {
            let mut rewritten = Vec::new();
            let blocks = src.chunks_exact(dtype.block_bytes());
            for (raw, out) in blocks.zip(dst.chunks_exact_mut(dtype.block_len())) {
                rewritten.clear();
                as_q4_0(dtype, raw, &mut rewritten);
                dequantize(DType::Q4_0, &rewritten, out)?;
            }
        }
        _ => {
            let shape = shape(dtype).ok_or(Error::Unsupported { dtype, operation: "dequantization" })?;
            let mut parts = Parts::new();
            let blocks = src.chunks_exact(dtype.block_bytes());
            for (raw, out) in blocks.zip(dst.chunks_exact_mut(dtype.block_len())) {
                take_apart(dtype, raw, &mut parts);
                put_together(shape, &parts, out);
            }
        }
    }
    Ok(())
}

fn put_together(shape: Shape, parts: &Parts, out: &mut [f32]) {
    let (d, dmin) = (f16_to_f32(parts.d) * shape.unit, f16_to_f32(parts.dmin));
    for (sub, out) in out.chunks_mut(shape.sub_block).enumerate() {
        let codes = &parts.codes[sub * shape.sub_block..];
        for (out, &code) in out.iter_mut().zip(codes) {
            *out = number(shape, code, d, dmin, parts.scales[sub], parts.mins[sub]);
        }
    }
}

fn each<const N: usize>(src: &[u8], dst: &mut [f32], decode: impl Fn([u8; N]) -> f32) {
    for (bytes, out) in src.as_chunks::<N>().0.iter().zip(dst) {
        *out = decode(*bytes);
    }
}
