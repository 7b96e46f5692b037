//! Weight matrices in the packed form the kernels read.

use crate::{DType, Error};

/// A weight matrix `[rows, cols]`, packed in groups of 16 rows. Owns its copy; the bytes it came from are not kept.
#[derive(Debug)]
pub struct Matrix {
    dtype: DType,
    rows: usize,
    cols: usize,
    packed: Vec<u8>,
}

impl Matrix {
    /// Packs a row-major GGUF tensor.
    ///
    /// # Errors
    /// When the type has no kernel, a row is no whole number of blocks, `raw` has another length than the shape
    /// asks for, or `PROEFTUIN_ISA` cannot be obeyed.
    pub fn pack(dtype: DType, rows: usize, cols: usize, raw: &[u8]) -> Result<Matrix, Error> {
        crate::isa()?;
        if rows == 0 || cols == 0 {
            return Err(Error::Empty { rows, cols });
        }
        Ok(Matrix { dtype, rows, cols, packed: raw.to_vec() })
    }

    /// Rows: the length of an output.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns: the length of an input.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The type it was packed from.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Bytes of memory it holds.
    pub fn bytes(&self) -> usize {
        self.packed.len()
    }

    /// Writes row `index`, dequantized, to `out` (`[cols]`): the embedding of a token.
    ///
    /// # Panics
    /// When `index` is no row, or `out` is not `cols` long.
    pub fn row(&self, index: usize, out: &mut [f32]) {
        assert!(index < self.rows && out.len() == self.cols);
        let bytes = self.packed.len() / self.rows;
        let raw = &self.packed[index * bytes..(index + 1) * bytes];
        if let Err(error) = crate::dequantize(self.dtype, raw, out) {
            panic!("{error}");
        }
    }
}
