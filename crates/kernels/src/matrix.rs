//! Weight matrices in the packed form the kernels read.
//!
//! Rows are taken 16 at a time (the last group is filled with rows of zeros). Within a group, of quantized types:
//! for each 32 or 256 columns the 16 binary16 `d`, then the 16 `dmin` where the type has minima; then for each 32
//! columns the 16 scales and 16 minima of each sub-block where the type has them, then the codes, 64 bytes at a time:
//! a *chunk*, 4 columns of 16 rows. Nibbles hold columns 0..16 in their low and 16..32 in their high halves; the fifth
//! bits follow in 64 bytes (bit `c` of a byte is chunk `c`'s), or the upper two of six bits in twice 64 (bits `2c` and up).
//! Signed codes are stored with 128 added. Float types lie column by column, 16 rows to a column.

use std::ops::Range;

use crate::dequantize::{Codes, Parts, Shape, check_length, number, shape, take_apart};
use crate::half::{bf16_to_f32, f16_to_f32};
use crate::simd::LANES;
use crate::{DType, Error, Memory, Pool, slow_path};
use std::sync::OnceLock;

/// Rows that are packed together.
pub const ROW_GROUP: usize = LANES;

/// Columns in a block.
pub(crate) const BLOCK: usize = 32;

/// Where things are in a packed group of a quantized type; all in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packing {
    /// Blocks of 32 columns that share `d`: 1 or 8.
    pub(crate) blocks: usize,
    /// `d` and `dmin`.
    pub(crate) header: usize,
    /// Sub-blocks in a block of 32 columns: 1 or 2.
    pub(crate) subs: usize,
    /// Scales and minima of one block of 32 columns.
    pub(crate) scales: usize,
    /// Codes of one block of 32 columns.
    pub(crate) codes: usize,
}

impl Packing {
    pub(crate) const fn of(shape: Shape) -> Packing {
        let vectors = if shape.minimum { 2 } else { 1 };
        let subs = BLOCK / shape.sub_block;
        let (blocks, scales) = if shape.sub_scales { (8, LANES * subs * vectors) } else { (1, 0) };
        let codes = match shape.codes {
            Codes::Nibble | Codes::Table => LANES * BLOCK / 2,
            Codes::FiveBits => LANES * BLOCK / 2 + LANES * BLOCK / 8,
            Codes::SixBits => LANES * BLOCK / 2 + LANES * BLOCK / 4,
            Codes::Signed => LANES * BLOCK,
        };
        Packing { blocks, header: 2 * LANES * vectors, subs, scales, codes }
    }

    /// One block of 32 columns.
    pub(crate) const fn block(&self) -> usize {
        self.scales + self.codes
    }

    /// The columns that share `d`.
    pub(crate) const fn stride(&self) -> usize {
        self.header + self.blocks * self.block()
    }
}

/// A weight matrix `[rows, cols]`, packed in groups of 16 rows. Owns its copy; the bytes it came from are not kept.
#[derive(Debug)]
pub struct Matrix {
    dtype: DType,
    rows: usize,
    cols: usize,
    group_bytes: usize,
    packed: Memory,
}

impl Matrix {
    /// Packs a row-major GGUF tensor: F32, F16, BF16, `Q4_0` to `Q8_0`, `Q2_K` to `Q6_K`, `IQ*` and `TQ*`.
    /// Types of 4 bits and more keep their size (scales of sub-blocks take a byte each); types of less than 4 bits
    /// take 4, or 8 where their codes are points of a lattice (`IQ1_*` to `IQ3_*`). The other types are rewritten first,
    /// without loss, as one of these: `Q1_0` and `Q2_0` as `Q4_0`, NVFP4 as F16, MXFP4 as BF16, `Q8_1` and `Q8_K` as F32,
    /// and F64 rounded to F32.
    /// Integers are not weights.
    ///
    /// # Errors
    /// When the type has no kernel, a row is no whole number of blocks, `raw` has another length than the shape
    /// asks for, or `PROEFTUIN_ISA` cannot be obeyed.
    pub fn pack(dtype: DType, rows: usize, cols: usize, raw: &[u8]) -> Result<Matrix, Error> {
        if let Some(elements @ 1..) = (rows as u64).checked_mul(cols as u64) {
            check_length(dtype, elements, raw.len())?;
        }
        let mut packer = Packer::new(dtype, rows, cols)?;
        packer.pack(&Pool::new(1), raw)?;
        packer.finish()
    }

    /// Rows: the length of an output.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns: the length of an input.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The type it is packed as: the one it came in, or what that was rewritten as.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Bytes of memory it holds.
    pub fn bytes(&self) -> usize {
        self.packed.len()
    }

    /// Where it lies.
    pub(crate) fn addresses(&self) -> Range<usize> {
        let start = self.packed.as_ptr().addr();
        start..start + self.packed.len()
    }

    /// Groups of 16 rows, the last one filled up.
    pub(crate) fn groups(&self) -> usize {
        self.rows.div_ceil(LANES)
    }

    /// One group of 16 rows.
    pub(crate) fn group(&self, index: usize) -> &[u8] {
        &self.packed[index * self.group_bytes..(index + 1) * self.group_bytes]
    }

    /// Writes row `index`, dequantized, to `out` (`[cols]`): the embedding of a token. Equal to what
    /// [`crate::dequantize`] gives.
    ///
    /// # Panics
    /// When `index` is no row, or `out` is not `cols` long.
    pub fn row(&self, index: usize, out: &mut [f32]) {
        assert!(index < self.rows, "row {index} of a matrix of {} rows", self.rows);
        assert_eq!(out.len(), self.cols, "row: output length");
        let (group, lane) = (self.group(index / LANES), index % LANES);
        match (shape(self.dtype), self.dtype) {
            (Some(shape), _) => unpack_row(shape, group, lane, out),
            (None, DType::F32) => {
                for (column, out) in group.as_chunks::<{ 4 * LANES }>().0.iter().zip(out) {
                    *out = f32::from_le_bytes(column.as_chunks().0[lane]);
                }
            }
            (None, dtype) => {
                let decode = if dtype == DType::F16 { f16_to_f32 } else { bf16_to_f32 };
                for (column, out) in group.as_chunks::<{ 2 * LANES }>().0.iter().zip(out) {
                    *out = decode(u16::from_le_bytes(column.as_chunks().0[lane]));
                }
            }
        }
    }
}

/// A matrix on its way from a file: packs rows as they come, so that the file's form of them is never there as a whole.
#[derive(Debug)]
pub struct Packer {
    /// The type the rows come in.
    dtype: DType,
    matrix: Matrix,
    /// Rows that have come.
    rows: usize,
}

impl Packer {
    /// Makes room for a matrix of the types and shapes that [`Matrix::pack`] takes. Memory is taken as rows come.
    ///
    /// # Errors
    /// Those of [`Matrix::pack`], but for the length.
    pub fn new(dtype: DType, rows: usize, cols: usize) -> Result<Packer, Error> {
        crate::isa()?;
        if rows == 0 || cols == 0 {
            return Err(Error::Empty { rows, cols });
        }
        let too_many = || Error::Blocks { dtype, elements: cols as u64 };
        let elements = (rows as u64).checked_mul(cols as u64).ok_or_else(too_many)?;
        let carrier = slow_path::carrier(dtype);
        for dtype in [dtype, carrier] {
            dtype.bytes_for(cols as u64).and_then(|_| dtype.bytes_for(elements)).ok_or_else(too_many)?;
        }
        let group_bytes = group_bytes(carrier, cols)?;
        let bytes = rows.div_ceil(LANES).checked_mul(group_bytes).ok_or_else(too_many)?;
        let packed = Memory::zeroed(bytes);
        let matrix = Matrix { dtype: carrier, rows, cols, group_bytes, packed };
        Ok(Packer { dtype, matrix, rows: 0 })
    }

    /// Packs the next rows on the pool's threads. `raw` is `[rows, cols]` in the file's type: a multiple of 16 rows, or all
    /// that are left.
    ///
    /// # Errors
    /// [`Error::Length`] when `raw` is anything else.
    pub fn pack(&mut self, pool: &Pool, raw: &[u8]) -> Result<(), Error> {
        let Packer { dtype, matrix: Matrix { dtype: carrier, cols, group_bytes, .. }, .. } = *self;
        let row_bytes = self.bytes_of(1);
        let left = self.matrix.rows - self.rows;
        let rows = raw.len() / row_bytes;
        if rows != left && !(rows < left && rows.is_multiple_of(LANES)) || raw.len() != rows * row_bytes {
            return Err(self.length(left, raw.len()));
        }
        let carrier_bytes = carrier.bytes_for(cols as u64).unwrap_or(0) as usize;
        let first = self.rows / LANES * group_bytes;
        let packed = &mut self.matrix.packed[first..][..rows.div_ceil(LANES) * group_bytes];
        let fault = OnceLock::new();
        pool.each_row(packed, group_bytes, &|group, packed| {
            let raw = &raw[group * LANES * row_bytes..];
            let raw = &raw[..raw.len().min(LANES * row_bytes)];
            match (slow_path::carried(dtype, raw), shape(carrier)) {
                (Ok(raw), Some(shape)) => pack_blocks(carrier, shape, &raw, carrier_bytes, packed),
                (Ok(raw), None) => pack_columns(carrier.block_bytes(), &raw, carrier_bytes, packed),
                (Err(error), _) => drop(fault.set(error)),
            }
        });
        self.rows += rows;
        fault.into_inner().map_or(Ok(()), Err)
    }

    /// The matrix.
    ///
    /// # Errors
    /// [`Error::Length`] when rows are missing.
    pub fn finish(self) -> Result<Matrix, Error> {
        if self.rows < self.matrix.rows {
            return Err(self.length(self.matrix.rows, self.bytes_of(self.rows)));
        }
        Ok(self.matrix)
    }

    /// Bytes of so many rows in the file's type; `new` has seen that those of all rows can be counted.
    fn bytes_of(&self, rows: usize) -> usize {
        self.dtype.bytes_for((rows * self.matrix.cols) as u64).unwrap_or(0) as usize
    }

    fn length(&self, rows: usize, found: usize) -> Error {
        let elements = (rows * self.matrix.cols) as u64;
        let expected = self.bytes_of(rows) as u64;
        Error::Length { dtype: self.dtype, elements, expected, found: found as u64 }
    }
}

/// Bytes of a packed group of 16 rows.
fn group_bytes(dtype: DType, cols: usize) -> Result<usize, Error> {
    match (shape(dtype), dtype) {
        (Some(shape), _) => {
            let packing = Packing::of(shape);
            Ok(cols / (BLOCK * packing.blocks) * packing.stride())
        }
        (None, DType::F32 | DType::F16 | DType::BF16) => Ok(cols * LANES * dtype.block_bytes()),
        _ => Err(Error::Unsupported { dtype, operation: "matrix multiplication" }),
    }
}

/// Packs up to 16 rows of plain numbers of `width` bytes.
fn pack_columns(width: usize, raw: &[u8], row_bytes: usize, packed: &mut [u8]) {
    for (lane, row) in raw.chunks_exact(row_bytes).enumerate() {
        for (number, column) in row.chunks_exact(width).zip(packed.chunks_exact_mut(width * LANES)) {
            column[lane * width..(lane + 1) * width].copy_from_slice(number);
        }
    }
}

/// Packs up to 16 rows of blocks.
fn pack_blocks(dtype: DType, shape: Shape, raw: &[u8], row_bytes: usize, packed: &mut [u8]) {
    let packing = Packing::of(shape);
    let mut parts = Parts::new();
    for (lane, row) in raw.chunks_exact(row_bytes).enumerate() {
        let blocks = row.chunks_exact(dtype.block_bytes());
        for (raw, packed) in blocks.zip(packed.chunks_exact_mut(packing.stride())) {
            take_apart(dtype, raw, &mut parts);
            let (header, blocks) = packed.split_at_mut(packing.header);
            header[2 * lane..2 * lane + 2].copy_from_slice(&parts.d.to_ne_bytes());
            if shape.minimum {
                let at = 2 * (LANES + lane);
                header[at..at + 2].copy_from_slice(&parts.dmin.to_ne_bytes());
            }
            for (index, block) in blocks.chunks_exact_mut(packing.block()).enumerate() {
                pack_block(shape, &packing, &parts, index, lane, block);
            }
        }
    }
}

/// Packs block `index` of a taken apart block as row `lane`.
fn pack_block(shape: Shape, packing: &Packing, parts: &Parts, index: usize, lane: usize, block: &mut [u8]) {
    let (scales, packed) = block.split_at_mut(packing.scales);
    if shape.sub_scales {
        for sub in 0..packing.subs {
            scales[sub * LANES + lane] = parts.scales[index * packing.subs + sub] as u8;
            if shape.minimum {
                scales[(packing.subs + sub) * LANES + lane] = parts.mins[index * packing.subs + sub];
            }
        }
    }
    let Some(codes) = parts.codes[index * BLOCK..].first_chunk() else { unreachable!("blocks are whole") };
    pack_codes(shape.codes, codes, lane, packed);
}

/// Packs 32 codes as row `lane`.
#[inline(always)]
fn pack_codes(kind: Codes, codes: &[u8; BLOCK], lane: usize, packed: &mut [u8]) {
    let columns = codes.as_chunks::<4>().0;
    let place = |chunk: usize| 64 * chunk + 4 * lane;
    if kind == Codes::Signed {
        for (chunk, columns) in columns.iter().enumerate() {
            packed[place(chunk)..][..4].copy_from_slice(&columns.map(|code| code ^ 0x80));
        }
        return;
    }
    for chunk in 0..4 {
        for byte in 0..4 {
            packed[place(chunk) + byte] = columns[chunk][byte] & 15 | columns[chunk + 4][byte] << 4;
        }
    }
    for (chunk, columns) in columns.iter().enumerate() {
        for (byte, code) in columns.iter().enumerate() {
            match kind {
                Codes::FiveBits => packed[place(4) + byte] |= (code >> 4) << chunk,
                Codes::SixBits => packed[place(4 + chunk / 4) + byte] |= (code >> 4) << (2 * (chunk % 4)),
                Codes::Nibble | Codes::Table | Codes::Signed => {}
            }
        }
    }
}

/// Code `column` of row `lane`: the inverse of [`pack_codes`].
fn unpack_code(kind: Codes, packed: &[u8], lane: usize, column: usize) -> u8 {
    let (chunk, byte) = (column / 4, 4 * lane + column % 4);
    if kind == Codes::Signed {
        return packed[64 * chunk + byte] ^ 0x80;
    }
    let nibble = packed[64 * (chunk % 4) + byte] >> (4 * (chunk / 4)) & 15;
    match kind {
        Codes::FiveBits => nibble | (packed[256 + byte] >> chunk & 1) << 4,
        Codes::SixBits => nibble | (packed[256 + 64 * (chunk / 4) + byte] >> (2 * (chunk % 4)) & 3) << 4,
        Codes::Nibble | Codes::Table | Codes::Signed => nibble,
    }
}

/// Decodes one row of a packed group.
fn unpack_row(shape: Shape, group: &[u8], lane: usize, out: &mut [f32]) {
    let packing = Packing::of(shape);
    let half = |bytes: &[u8], vector: usize| {
        let at = 2 * (vector * LANES + lane);
        f16_to_f32(u16::from_ne_bytes([bytes[at], bytes[at + 1]]))
    };
    let strides = group.chunks_exact(packing.stride());
    for (packed, out) in strides.zip(out.chunks_exact_mut(BLOCK * packing.blocks)) {
        let (header, blocks) = packed.split_at(packing.header);
        let d = half(header, 0) * shape.unit;
        let dmin = if shape.minimum { half(header, 1) } else { 0.0 };
        for (block, out) in blocks.chunks_exact(packing.block()).zip(out.chunks_exact_mut(BLOCK)) {
            let (scales, codes) = block.split_at(packing.scales);
            for (column, out) in out.iter_mut().enumerate() {
                let sub = column / shape.sub_block;
                let scale = if shape.sub_scales { scales[sub * LANES + lane] as i8 } else { 1 };
                let min = if shape.sub_scales && shape.minimum {
                    scales[(packing.subs + sub) * LANES + lane]
                } else {
                    1
                };
                let code = unpack_code(shape.codes, codes, lane, column);
                *out = number(shape, code, d, dmin, scale, min);
            }
        }
    }
}
