//! What must hold for any bytes at all, under the fuzzer and in the ordinary tests.

use kernels::{DType, Matrix, dequantize};

/// The first byte chooses a type, the second rows, the next two columns; the rest is the tensor. As it is, it is decoded
/// and packed or refused; repeated to the length that the shape asks for, it is refused only where a row is no whole
/// number of blocks or the type is one of integers, and a packed row is the decoded one.
pub fn holds(bytes: &[u8]) {
    let Some((&[kind, rows, low, high], raw)) = bytes.split_first_chunk() else { return };
    let dtype = DType::ALL[usize::from(kind) % DType::ALL.len()];
    let (rows, cols) = (usize::from(rows % 40), usize::from(u16::from_le_bytes([low, high]) % 1100));
    let mut numbers = vec![0.0; rows * cols];
    let _ = dequantize(dtype, raw, &mut numbers);
    let _ = Matrix::pack(dtype, rows, cols, raw);

    let whole = dtype.bytes_for(cols as u64);
    let length = whole.map_or(raw.len(), |row| row as usize * rows);
    let raw: Vec<u8> = raw.iter().copied().chain([0]).cycle().take(length).collect();
    let integers = matches!(dtype, DType::I8 | DType::I16 | DType::I32 | DType::I64);
    let packed = Matrix::pack(dtype, rows, cols, &raw);
    assert_eq!(packed.is_ok(), whole.is_some() && rows * cols > 0 && !integers, "{}", dtype.name());
    let Ok(matrix) = packed else { return };
    dequantize(dtype, &raw, &mut numbers).unwrap();
    let mut row = vec![0.0; cols];
    for (index, expected) in numbers.chunks_exact(cols).enumerate() {
        matrix.row(index, &mut row);
        let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
        assert!(row.iter().zip(expected).all(same), "{} row {index}", dtype.name());
    }
}
