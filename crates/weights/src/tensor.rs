//! Where a tensor lies in its file, and the rules every layout must keep.

use std::collections::HashSet;

use crate::DType;
use crate::error::{Fault, printable};

/// One tensor of a model file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Row-major shape: `[rows, cols]` for a matrix (GGUF's order reversed). Empty for a scalar.
    pub shape: Vec<u64>,
    /// Element type.
    pub dtype: DType,
    /// First byte, from the start of the file.
    pub offset: u64,
    /// Size in bytes.
    pub bytes: u64,
}

/// Size in bytes of a tensor of this shape, or why there can be none.
pub(crate) fn bytes_of(name: &str, dtype: DType, shape: &[u64]) -> Result<u64, Fault> {
    let overflow = || Fault::new(format!("tensor {}: its size overflows", printable(name)));
    let elements =
        shape.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim)).ok_or_else(overflow)?;
    let cols = shape.last().copied().unwrap_or(1);
    let block = u64::try_from(dtype.block_len()).map_err(|_| overflow())?;
    if block == 0 || cols % block != 0 {
        return Err(Fault::new(format!(
            "tensor {}: rows of {cols} elements cannot be {}, whose blocks have {block}",
            printable(name),
            dtype.name()
        )));
    }
    dtype.bytes_for(elements).ok_or_else(overflow)
}

/// Sorts tensors as they lie in the file and refuses doubled names, overlaps and anything outside
/// `data_start..file_bytes`.
pub(crate) fn arrange(tensors: &mut [TensorInfo], data_start: u64, file_bytes: u64) -> Result<(), Fault> {
    tensors.sort_by_key(|tensor| (tensor.offset, tensor.bytes));
    let mut names = HashSet::with_capacity(tensors.len());
    let mut end = data_start;
    for tensor in tensors.iter() {
        let name = || printable(&tensor.name);
        if !names.insert(tensor.name.as_str()) {
            return Err(Fault::new(format!("tensor {} is there twice", name())));
        }
        if tensor.offset < end {
            return Err(Fault::new(format!(
                "tensor {} starts at byte {}, inside what ends at {end}",
                name(),
                tensor.offset
            )));
        }
        end = tensor
            .offset
            .checked_add(tensor.bytes)
            .filter(|end| *end <= file_bytes)
            .ok_or_else(|| Fault::new(format!("tensor {} reaches past the end of the file", name())))?;
    }
    Ok(())
}
