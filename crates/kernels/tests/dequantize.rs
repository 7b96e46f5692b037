//! Decoders against an independent reference, and packing against the decoders.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops where it fails"
)]

use std::path::Path;

use kernels::{DType, Error, Matrix, dequantize};

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
];

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
        let matrix = match Matrix::pack(dtype, rows, cols, &raw) {
            Ok(matrix) => matrix,
            Err(error) => {
                assert!(matches!(dtype, DType::Q8_1 | DType::Q8_K | DType::MXFP4), "{error}");
                assert!(error.to_string().contains(dtype.name()), "{error}");
                continue;
            }
        };
        assert_eq!((matrix.rows(), matrix.cols(), matrix.dtype()), (rows, cols, dtype));
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

#[test]
fn what_cannot_be_decoded_is_refused_by_name() {
    let mut out = vec![0.0; 256];
    for &dtype in DType::ALL.iter().filter(|dtype| !DECODED.contains(dtype) && **dtype != DType::F32) {
        let raw = vec![0; dtype.bytes_for(256).unwrap() as usize];
        let error = dequantize(dtype, &raw, &mut out).unwrap_err();
        assert!(
            matches!(error, Error::Unsupported { .. }) && error.to_string().contains(dtype.name()),
            "{error}"
        );
        assert!(matches!(Matrix::pack(dtype, 1, 256, &raw), Err(Error::Unsupported { .. })));
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
