//! Products against binary64 sums over the same numbers, and against themselves.

use super::*;
use crate::{DType, dequantize};

const QUANTIZED: &[DType] = &[
    DType::Q4_0,
    DType::Q4_1,
    DType::Q5_0,
    DType::Q5_1,
    DType::Q8_0,
    DType::Q2_K,
    DType::Q3_K,
    DType::Q4_K,
    DType::Q5_K,
    DType::Q6_K,
    DType::IQ4_NL,
    DType::IQ4_XS,
    DType::TQ1_0,
    DType::TQ2_0,
    DType::IQ1_S,
    DType::IQ1_M,
    DType::IQ2_XXS,
    DType::IQ2_XS,
    DType::IQ2_S,
    DType::IQ3_XXS,
    DType::IQ3_S,
];
const FLOATS: &[DType] = &[DType::F32, DType::F16, DType::BF16];

struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 16
    }

    fn float(&mut self) -> f32 {
        (self.word() & 0xff_ffff) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// Where the binary16 numbers of a block are.
fn halves_at(dtype: DType) -> &'static [usize] {
    match dtype {
        DType::Q4_1 | DType::Q5_1 | DType::Q4_K | DType::Q5_K => &[0, 2],
        DType::Q2_K => &[80, 82],
        DType::Q3_K => &[108],
        DType::Q6_K => &[208],
        DType::TQ1_0 => &[52],
        DType::TQ2_0 => &[64],
        DType::IQ1_M => &[],
        _ => &[0],
    }
}

/// Writes the binary16 numbers of a block.
fn set_halves(dtype: DType, block: &mut [u8], mut half: impl FnMut() -> u16) {
    for &at in halves_at(dtype) {
        block[at..at + 2].copy_from_slice(&half().to_le_bytes());
    }
    if dtype == DType::IQ1_M {
        // Its scale is in the upper four bits of each of the last four 16-bit words.
        let half = half();
        for word in 0..4 {
            let upper = &mut block[49 + 2 * word];
            *upper = *upper & 15 | ((half >> (4 * word) & 15) as u8) << 4;
        }
    }
}

/// Random weights. `extreme` scales go from subnormal to the largest binary16 numbers.
fn weights(random: &mut Random, dtype: DType, rows: usize, cols: usize, extreme: bool) -> Vec<u8> {
    let count = rows * cols;
    match dtype {
        DType::F32 => (0..count).flat_map(|_| random.float().to_le_bytes()).collect(),
        DType::F16 => (0..count).flat_map(|_| crate::f32_to_f16(random.float()).to_le_bytes()).collect(),
        DType::BF16 => {
            (0..count).flat_map(|_| ((random.float().to_bits() >> 16) as u16).to_le_bytes()).collect()
        }
        _ => {
            let bytes = dtype.bytes_for(count as u64).unwrap() as usize;
            let mut raw: Vec<u8> = (0..bytes).map(|_| random.word() as u8).collect();
            for block in raw.chunks_mut(dtype.block_bytes()) {
                set_halves(dtype, block, || {
                    let exponent = if extreme { random.word() % 31 } else { 8 + random.word() % 4 };
                    (exponent << 10 | random.word() & 0x83ff) as u16
                });
            }
            raw
        }
    }
}

/// Random activations; `extreme` ones differ by many orders of magnitude from block to block.
fn activations(random: &mut Random, count: usize, extreme: bool) -> Vec<f32> {
    let mut scale = 1.0;
    let draw = |at: usize| {
        if extreme && at.is_multiple_of(32) {
            scale = 10f32.powi((random.word() % 40) as i32 - 20);
        }
        random.float() * scale
    };
    (0..count).map(draw).collect()
}

fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.iter().copied().filter(|isa| isa.is_available())
}

fn product(isa: Isa, threads: usize, w: &Matrix, x: &[f32], m: usize) -> Vec<f32> {
    let (pool, mut scratch) = (Pool::new(threads), Scratch::new());
    let mut out = vec![f32::NAN; m * w.rows()];
    let product = Product { weight: w, out: &mut out, accumulate: false };
    linear_on(isa, &pool, &mut [product], Input::Plain(x), m, &mut scratch);
    out
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// One token's activations as blocks.
fn quantized(isa: Isa, pool: &Pool, x: &[f32]) -> Vec<ActivationBlock> {
    let mut scratch = Scratch::new();
    let needs = Needs { blocks: true, floats: false };
    prepare(isa, pool, Input::Plain(x), (1, x.len()), needs, &mut scratch);
    scratch.activations
}

/// The activations that a product sees: quantized ones for quantized weights.
fn seen(dtype: DType, x: &[f32]) -> Vec<f64> {
    if FLOATS.contains(&dtype) {
        return x.iter().map(|&x| f64::from(x)).collect();
    }
    let blocks = quantized(Isa::Scalar, &Pool::new(1), x);
    let number = |block: &ActivationBlock| block.quants.map(|q| f64::from(q) * f64::from(block.scale));
    blocks.iter().flat_map(number).collect()
}

/// Every (token, row) within 1e-5 of the sum in binary64, relative to the sum of magnitudes.
fn assert_close(dtype: DType, cols: usize, raw: &[u8], x: &[f32], out: &[f32]) {
    let rows = raw.len() / dtype.bytes_for(cols as u64).unwrap() as usize;
    let mut numbers = vec![0.0; rows * cols];
    dequantize(dtype, raw, &mut numbers).unwrap();
    for (x, out) in x.chunks(cols).zip(out.chunks(rows)) {
        let x = seen(dtype, x);
        for (row, out) in numbers.chunks(cols).zip(out) {
            let terms = || row.iter().zip(&x).map(|(w, x)| f64::from(*w) * x);
            let (sum, magnitude) = (terms().sum::<f64>(), terms().map(f64::abs).sum::<f64>());
            let error = (f64::from(*out) - sum).abs();
            assert!(error <= 1e-5 * magnitude + 1e-37, "{} {cols}: {out} for {sum}", dtype.name());
        }
    }
}

/// Columns and rows: one block, an odd number of them, and real models' widths; rows that fill no group of 16.
const SHAPES: [(usize, usize); 5] = [(32, 7), (96, 16), (576, 35), (1536, 17), (4096, 19)];

#[test]
fn every_product_is_near_the_exact_one_and_the_same_for_every_m_and_tier() {
    let mut random = Random(42);
    for &dtype in QUANTIZED.iter().chain(FLOATS) {
        for (cols, rows) in SHAPES {
            let Some(_) = dtype.bytes_for(cols as u64) else { continue };
            let raw = weights(&mut random, dtype, rows, cols, false);
            let w = Matrix::pack(dtype, rows, cols, &raw).unwrap();
            let x = activations(&mut random, 40 * cols, false);
            let all = product(Isa::Scalar, 2, &w, &x, 40);
            assert_close(dtype, cols, &raw, &x, &all);
            // Wide matrices are slow to try: around each number of tokens that the kernels treat as its own.
            let counts = (1..=40).filter(|m| cols < 4096 || [1, 2, 3, 8, 9, 25, 40].contains(m));
            for (isa, m) in counts.flat_map(|m| available().map(move |isa| (isa, m))) {
                let what = || format!("{} {} {cols} m {m}", dtype.name(), isa.name());
                let first = product(isa, 1 + m % 2, &w, &x[..m * cols], m);
                assert_eq!(bits(&first), bits(&all[..m * rows]), "{}", what());
                // And as the last of the tokens: another place in the tile.
                let last = product(isa, 1, &w, &x[(40 - m) * cols..], m);
                assert_eq!(bits(&last), bits(&all[(40 - m) * rows..]), "{}", what());
            }
        }
    }
}

#[test]
fn extreme_scales_stay_near_the_exact_product() {
    let mut random = Random(7);
    for &dtype in QUANTIZED {
        for (cols, rows) in SHAPES {
            let Some(_) = dtype.bytes_for(cols as u64) else { continue };
            let raw = weights(&mut random, dtype, rows, cols, true);
            let w = Matrix::pack(dtype, rows, cols, &raw).unwrap();
            let x = activations(&mut random, 9 * cols, true);
            let scalar = product(Isa::Scalar, 1, &w, &x, 9);
            assert_close(dtype, cols, &raw, &x, &scalar);
            for (isa, m) in available().flat_map(|isa| [1, 2, 9].map(|m| (isa, m))) {
                let some = product(isa, 1, &w, &x[..m * cols], m);
                assert_eq!(bits(&some), bits(&scalar[..m * rows]), "{} {}", dtype.name(), isa.name());
            }
        }
    }
}

#[test]
fn tiers_and_threads_do_not_change_a_bit() {
    let mut random = Random(99);
    for &dtype in QUANTIZED.iter().chain(FLOATS) {
        for (cols, rows, m) in [(256, 67, 1), (512, 33, 6), (768, 100, 23)] {
            let raw = weights(&mut random, dtype, rows, cols, false);
            let w = Matrix::pack(dtype, rows, cols, &raw).unwrap();
            let x = activations(&mut random, m * cols, false);
            let scalar = product(Isa::Scalar, 1, &w, &x, m);
            for isa in available() {
                for threads in 1..=4 {
                    let other = product(isa, threads, &w, &x, m);
                    assert_eq!(bits(&other), bits(&scalar), "{} {} {threads}", dtype.name(), isa.name());
                }
            }
        }
    }
}

/// All weights at the end of their range against all activations at theirs: no sum may saturate.
#[test]
fn the_largest_codes_do_not_overflow() {
    for &dtype in QUANTIZED {
        for byte in [0x00, 0x7f, 0x80, 0xff] {
            let (rows, cols) = (16, 256);
            let mut raw = vec![byte; dtype.bytes_for((rows * cols) as u64).unwrap() as usize];
            for block in raw.chunks_mut(dtype.block_bytes()) {
                set_halves(dtype, block, || 0x3c00);
            }
            let w = Matrix::pack(dtype, rows, cols, &raw).unwrap();
            for x in [1.0, -1.0] {
                let x = vec![x; cols];
                let scalar = product(Isa::Scalar, 1, &w, &x, 1);
                assert_close(dtype, cols, &raw, &x, &scalar);
                for isa in available() {
                    assert_eq!(bits(&product(isa, 1, &w, &x, 1)), bits(&scalar), "{}", dtype.name());
                }
            }
        }
    }
}

#[test]
fn a_group_gives_what_its_members_give() {
    let mut random = Random(5);
    let (cols, m) = (576, 5);
    let x = activations(&mut random, m * cols, false);
    let matrices: Vec<_> = [(DType::Q4_1, 37), (DType::F16, 20), (DType::Q8_0, 16)]
        .into_iter()
        .map(|(dtype, rows)| {
            Matrix::pack(dtype, rows, cols, &weights(&mut random, dtype, rows, cols, false)).unwrap()
        })
        .collect();
    for threads in 1..=4 {
        let (pool, mut scratch) = (Pool::new(threads), Scratch::new());
        let mut outs: Vec<_> = matrices.iter().map(|w| vec![f32::NAN; m * w.rows()]).collect();
        let mut products: Vec<_> = matrices
            .iter()
            .zip(&mut outs)
            .map(|(weight, out)| Product { weight, out, accumulate: false })
            .collect();
        linear_group(&pool, &mut products, Input::Plain(&x), m, &mut scratch);
        for (w, out) in matrices.iter().zip(&outs) {
            assert_eq!(bits(out), bits(&product(Isa::Scalar, 1, w, &x, m)));
        }
    }
}

#[test]
fn activations_are_within_half_a_step_and_what_is_not_finite_shows() {
    let mut random = Random(3);
    let pool = Pool::new(3);
    let mut x = activations(&mut random, 32 * 700, true);
    x[3] = 0.0;
    for isa in available() {
        let blocks = quantized(isa, &pool, &x);
        for (x, block) in x.chunks(32).zip(&blocks) {
            let sums = block.quants.as_chunks::<16>().0;
            let [first, second] =
                [sums[0], sums[1]].map(|half| half.iter().map(|&q| i32::from(q)).sum::<i32>());
            assert_eq!(block.sums, [first + second, first]);
            assert_eq!(block.scaled_sum, block.scale * (first + second) as f32);
            for (&x, &quant) in x.iter().zip(&block.quants) {
                let error = (f64::from(x) - f64::from(quant) * f64::from(block.scale)).abs();
                assert!(error <= 0.500_01 * f64::from(block.scale), "{x}");
            }
        }
    }
    let raw = weights(&mut random, DType::Q4_1, 16, 64, false);
    let w = Matrix::pack(DType::Q4_1, 16, 64, &raw).unwrap();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut x = vec![1.0; 64];
        x[40] = bad;
        for isa in available() {
            assert!(product(isa, 1, &w, &x, 1).iter().all(|out| out.is_nan()));
        }
    }
    for isa in available() {
        assert!(product(isa, 1, &w, &[1e-40; 64], 1).iter().all(|&out| out == 0.0));
    }
}

#[test]
#[should_panic(expected = "input length")]
fn a_wrong_shape_stops() {
    let w = Matrix::pack(DType::F32, 1, 2, &[0; 8]).unwrap();
    product(Isa::Scalar, 1, &w, &[0.0; 3], 1);
}
