//! What can be wrong with what this crate is given.

use crate::{DType, Isa};

/// An error of the numeric kernels. None of them carries content of a tensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The type is a known GGUF type, but this operation has no code for it.
    #[error("{operation} of {} tensors is not supported; convert the model to a supported type (for example Q8_0 or Q4_K)", dtype.name())]
    Unsupported {
        /// The type met.
        dtype: DType,
        /// What was attempted: "dequantization" or "matrix multiplication".
        operation: &'static str,
    },
    /// The raw bytes are not the number that the shape asks for.
    #[error("{} data for {elements} elements must be {expected} bytes long, found {found}", dtype.name())]
    Length {
        /// The type of the data.
        dtype: DType,
        /// Elements asked for.
        elements: u64,
        /// Bytes that many elements take.
        expected: u64,
        /// Bytes given.
        found: u64,
    },
    /// The number of elements is no whole number of blocks, or its bytes do not fit in memory.
    #[error("{elements} elements of {} are no whole number of blocks of {}, or too many", dtype.name(), dtype.block_len())]
    Blocks {
        /// The type of the data.
        dtype: DType,
        /// Elements asked for: a whole tensor, or one row of it.
        elements: u64,
    },
    /// A matrix without rows or columns.
    #[error("a matrix of {rows} rows and {cols} columns has no elements")]
    Empty {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        cols: usize,
    },
    /// `PROEFTUIN_ISA` names no tier.
    #[error("PROEFTUIN_ISA is \"{name}\", which is no instruction set tier; choose one of: {choices}")]
    UnknownIsa {
        /// The value found, shortened.
        name: String,
        /// The tiers this machine can run.
        choices: String,
    },
    /// `PROEFTUIN_ISA`, or a caller, asks for a tier this machine cannot run.
    #[error("the instruction set tier {} is not available on this machine; choose one of: {choices}", isa.name())]
    UnavailableIsa {
        /// The tier asked for.
        isa: Isa,
        /// The tiers this machine can run.
        choices: String,
    },
    /// A rotary embedding that cannot be computed.
    #[error("rotary embedding: {0}")]
    Rope(&'static str),
}
