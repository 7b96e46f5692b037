//! Products of the types that have a decoder and no packed form of their own: correct, not fast.
//!
//! Their rows are rewritten, 16 at a time while a matrix is packed, in the smallest type that has a packed form and
//! holds each of their numbers exactly; the products are then those of that type.

use std::borrow::Cow;

use crate::dequantize::as_q4_0;
use crate::half::f32_to_f16;
use crate::{DType, Error, dequantize};

/// The type whose packed form holds the numbers of `dtype`: itself where it has one, or where it cannot be packed.
///
/// - `Q1_0`, `Q2_0`: −1 to 2 times a binary16 number are also codes of `Q4_0`.
/// - NVFP4: E2M1 times UE4M3 has 6 bits and lies within binary16.
/// - MXFP4: E2M1 has 2 bits, but its scale the range of binary32: bfloat16.
/// - `Q8_1`, `Q8_K`: a product of more than 11 bits needs binary32.
/// - F64 is the one that is rounded: products are of binary32.
pub(crate) const fn carrier(dtype: DType) -> DType {
    match dtype {
        DType::Q1_0 | DType::Q2_0 => DType::Q4_0,
        DType::NVFP4 => DType::F16,
        DType::MXFP4 => DType::BF16,
        DType::Q8_1 | DType::Q8_K | DType::F64 => DType::F32,
        itself => itself,
    }
}

/// Whole blocks of `dtype` as those of its [`carrier`].
///
/// # Errors
/// Those of [`dequantize`].
pub(crate) fn carried(dtype: DType, raw: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    let carrier = carrier(dtype);
    if carrier == dtype {
        return Ok(Cow::Borrowed(raw));
    }
    let blocks = raw.len() / dtype.block_bytes();
    let mut out =
        Vec::with_capacity(blocks * dtype.block_len() / carrier.block_len() * carrier.block_bytes());
    if carrier == DType::Q4_0 {
        for raw in raw.chunks_exact(dtype.block_bytes()) {
            as_q4_0(dtype, raw, &mut out);
        }
        return Ok(Cow::Owned(out));
    }
    let mut numbers = vec![0.0; blocks * dtype.block_len()];
    dequantize(dtype, raw, &mut numbers)?;
    match carrier {
        DType::F16 => out.extend(numbers.iter().flat_map(|&number| f32_to_f16(number).to_le_bytes())),
        DType::BF16 => {
            out.extend(numbers.iter().flat_map(|number| ((number.to_bits() >> 16) as u16).to_le_bytes()));
        }
        _ => out.extend(numbers.iter().flat_map(|number| number.to_le_bytes())),
    }
    Ok(Cow::Owned(out))
}
