//! Decoders against an independent reference, and packing against the decoders.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops where it fails"
)]

use std::path::Path;

use kernels::{DType, Error, Matrix, Packer, Pool, Scratch, dequantize, linear};

const DECODED: &[DType] = &[
    DType::F16,
    DType::BF16,
    DType::Q4_0,
    DType::Q4_1,
    DType::Q5_0,
    DType::Q5_1,
    DType::Q8_0,
    DType::Q8_1,
    DType::Q2_K,
    DType::Q3_K,
    DType::Q4_K,
    DType::Q5_K,
    DType::Q6_K,
    DType::Q8_K,
    DType::IQ4_NL,
    DType::IQ4_XS,
    DType::TQ1_0,
    DType::TQ2_0,
    DType::MXFP4,
    DType::NVFP4,
    DType::IQ1_S,
    DType::IQ1_M,
    DType::IQ2_XXS,
    DType::IQ2_XS,
    DType::IQ2_S,
    DType::IQ3_XXS,
    DType::IQ3_S,
    DType::Q1_0,
    DType::Q2_0,
];

const INTEGERS: &[DType] = &[DType::I8, DType::I16, DType::I32, DType::I64];

/// Random blocks and the reference's numbers.
fn golden(dtype: DType) -> (Vec<u8>, Vec<f32>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let read = |kind| std::fs::read(folder.join(format!("{}.{kind}", dtype.name()))).unwrap();
    let numbers = read("f32").as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    (read("raw"), numbers)
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

#[test]
fn decoders_equal_the_reference() {
    for &dtype in DECODED {
        let (raw, expected) = golden(dtype);
        let mut found = vec![f32::NAN; expected.len()];
        dequantize(dtype, &raw, &mut found).unwrap();
        assert_eq!(bits(&found), bits(&expected), "{}", dtype.name());
    }
    let raw: Vec<u8> = [1.5f32, -0.0, f32::MAX].iter().flat_map(|number| number.to_le_bytes()).collect();
    let mut found = [0.0; 3];
    dequantize(DType::F32, &raw, &mut found).unwrap();
    assert_eq!(bits(&found), bits(&[1.5, -0.0, f32::MAX]));
}

#[test]
fn plain_numbers_decode_to_the_nearest_float() {
    let decode = |dtype, raw: &[u8]| {
        let mut found = [0.0; 2];
        dequantize(dtype, raw, &mut found).unwrap();
        found
    };
    let doubles = [0.1f64, -1e300].map(f64::to_le_bytes);
    assert_eq!(decode(DType::F64, doubles.as_flattened()), [0.1, f32::NEG_INFINITY]);
    assert_eq!(decode(DType::I8, &[0x80, 127]), [-128.0, 127.0]);
    assert_eq!(
        decode(DType::I16, [i16::MIN, 12_345].map(i16::to_le_bytes).as_flattened()),
        [-32_768.0, 12_345.0]
    );
    let above = [(1 << 24) + 1, -(1 << 24) - 3].map(i32::to_le_bytes);
    assert_eq!(decode(DType::I32, above.as_flattened()), [16_777_216.0, -16_777_220.0]);
    assert_eq!(
        decode(DType::I64, [i64::MIN, 7].map(i64::to_le_bytes).as_flattened()),
        [-(2f32.powi(63)), 7.0]
    );
}

#[test]
fn a_packed_row_equals_the_decoded_one() {
    for &dtype in DECODED {
        let (block, _) = golden(dtype);
        let (rows, cols) = (19, 512);
        let raw: Vec<u8> = (0..rows)
            .flat_map(|row| {
                let mut block = block.clone();
                block.rotate_left(row % 2 * dtype.block_bytes());
                block
            })
            .collect();
        let matrix = Matrix::pack(dtype, rows, cols, &raw).unwrap();
        assert_eq!((matrix.rows(), matrix.cols()), (rows, cols));
        assert!(matrix.bytes() >= raw.len());
        for (row, raw) in raw.chunks_exact(block.len()).enumerate() {
            let (mut found, mut expected) = (vec![0.0; cols], vec![0.0; cols]);
            matrix.row(row, &mut found);
            dequantize(dtype, raw, &mut expected).unwrap();
            assert_eq!(bits(&found), bits(&expected), "{} row {row}", dtype.name());
        }
    }
}

#[test]
fn rows_that_come_in_pieces_are_packed_as_those_that_come_at_once() {
    let (pool, cols) = (Pool::new(3), 512);
    for &dtype in DECODED {
        let row = dtype.bytes_for(cols as u64).unwrap() as usize;
        let raw: Vec<u8> = golden(dtype).0.iter().copied().cycle().take(64 * row).collect();
        let whole = Matrix::pack(dtype, 53, cols, &raw[..53 * row]).unwrap();
        let mut packer = Packer::new(dtype, 53, cols).unwrap();
        for rows in [0..32, 32..48, 48..53] {
            // Neither half a group nor half a row nor more than is left, and no harm from having tried.
            for wrong in [row * 5 - 1, row * 8, row * 64] {
                assert!(
                    matches!(packer.pack(&pool, &raw[..wrong]), Err(Error::Length { .. })),
                    "{}",
                    dtype.name()
                );
            }
            packer.pack(&pool, &raw[rows.start * row..rows.end * row]).unwrap();
        }
        let pieces = packer.finish().unwrap();
        assert_eq!((pieces.bytes(), pieces.dtype()), (whole.bytes(), whole.dtype()));
        let (mut found, mut expected) = (vec![0.0; cols], vec![0.0; cols]);
        for row in 0..53 {
            pieces.row(row, &mut found);
            whole.row(row, &mut expected);
            assert_eq!(bits(&found), bits(&expected), "{} row {row}", dtype.name());
        }
        let mut missing = Packer::new(dtype, 53, cols).unwrap();
        missing.pack(&pool, &raw[..48 * row]).unwrap();
        assert!(matches!(missing.finish(), Err(Error::Length { .. })), "{}", dtype.name());
    }
}

#[test]
fn ids_names_and_sizes_agree() {
    for &dtype in DType::ALL {
        assert_eq!(DType::from_gguf_id(dtype.gguf_id()), Some(dtype));
        assert_eq!(dtype.bytes_for(3 * dtype.block_len() as u64), Some(3 * dtype.block_bytes() as u64));
        assert_eq!(dtype.bytes_for(0), Some(0));
        if dtype.block_len() > 1 {
            assert_eq!(dtype.bytes_for(dtype.block_len() as u64 + 1), None);
        }
    }
    assert_eq!(DType::F64.bytes_for(u64::MAX), None);
    for withdrawn in [4, 5, 31, 32, 33, 36, 37, 38, 43, u32::MAX] {
        assert_eq!(DType::from_gguf_id(withdrawn), None, "{withdrawn}");
    }
}

/// Activations that quantize to themselves, so that every kind of product is of the numbers as they are.
fn whole_activations(cols: usize) -> Vec<f32> {
    let whole =
        |column: usize| if column.is_multiple_of(32) { 127.0 } else { (column * 37 % 255) as f32 - 127.0 };
    (0..cols).map(whole).collect()
}

#[test]
fn every_type_has_the_product_of_its_numbers_or_is_refused_by_name() {
    let (pool, mut scratch) = (Pool::new(2), Scratch::new());
    let x = whole_activations(512);
    for &dtype in DType::ALL {
        let raw = match dtype {
            DType::F32 => golden(DType::Q6_K).1.iter().flat_map(|number| number.to_le_bytes()).collect(),
            DType::F64 => {
                golden(DType::Q6_K).1.iter().flat_map(|&number| f64::from(number).to_le_bytes()).collect()
            }
            _ if INTEGERS.contains(&dtype) => vec![1; dtype.bytes_for(512).unwrap() as usize],
            _ => golden(dtype).0,
        };
        let packed = Matrix::pack(dtype, 1, 512, &raw);
        if INTEGERS.contains(&dtype) {
            let error = packed.unwrap_err();
            assert!(matches!(error, Error::Unsupported { .. }), "{error}");
            assert!(error.to_string().contains(dtype.name()), "{error}");
            continue;
        }
        let mut numbers = vec![0.0; 512];
        dequantize(dtype, &raw, &mut numbers).unwrap();
        let terms = || numbers.iter().zip(&x).map(|(&w, &x)| f64::from(w) * f64::from(x));
        let (sum, magnitude) = (terms().sum::<f64>(), terms().map(f64::abs).sum::<f64>());
        let mut out = [f32::NAN];
        linear(&pool, &packed.unwrap(), &x, 1, &mut out, &mut scratch);
        let error = (f64::from(out[0]) - sum).abs();
        assert!(error <= 1e-5 * magnitude, "{}: {} for {sum}", dtype.name(), out[0]);
    }
}

#[test]
fn wrong_lengths_and_shapes_are_errors() {
    let mut out = vec![0.0; 64];
    assert!(matches!(dequantize(DType::Q4_0, &[0; 35], &mut out), Err(Error::Length { expected: 36, .. })));
    assert!(matches!(dequantize(DType::Q4_K, &[0; 36], &mut out), Err(Error::Blocks { .. })));
    assert!(matches!(Matrix::pack(DType::Q4_1, 2, 48, &[0; 60]), Err(Error::Blocks { .. })));
    assert!(matches!(Matrix::pack(DType::Q4_1, 2, 32, &[0; 39]), Err(Error::Length { .. })));
    assert!(matches!(Matrix::pack(DType::F32, 0, 32, &[]), Err(Error::Empty { .. })));
    assert!(matches!(Matrix::pack(DType::F32, usize::MAX, usize::MAX, &[]), Err(Error::Blocks { .. })));
}
