//! From stored blocks to numbers: the scalar specification.

use crate::{DType, Error};

/// Decodes `src` into as many floats as `dst` holds.
///
/// # Errors
/// [`Error::Unsupported`] for a type without a decoder, [`Error::Blocks`] and [`Error::Length`] where the lengths do
/// not belong together.
pub fn dequantize(dtype: DType, src: &[u8], dst: &mut [f32]) -> Result<(), Error> {
    let _ = (src, dst);
    Err(Error::Unsupported { dtype, operation: "dequantization" })
}
