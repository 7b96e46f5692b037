//! Prints what the matrix products reach on this machine: `cargo run --release -p kernels --example speed [threads]`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an example that prints"
)]

use std::time::{Duration, Instant};

use kernels::{DType, Matrix, Pool, Scratch, isa, linear};

const TYPES: &[DType] = &[
    DType::F16,
    DType::Q8_0,
    DType::Q4_0,
    DType::Q4_1,
    DType::Q5_0,
    DType::Q5_1,
    DType::IQ4_NL,
    DType::Q2_K,
    DType::Q3_K,
    DType::Q4_K,
    DType::Q5_K,
    DType::Q6_K,
    DType::IQ4_XS,
];

/// The best of several runs: the machine's noise only ever adds.
fn best(mut run: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed());
    }
    best
}

fn main() {
    let threads = std::env::args().nth(1).map_or(2, |threads| threads.parse().unwrap());
    let pool = Pool::new(threads);
    llama(&pool);
    println!("tier {}, {} threads; 16400 x 1536", isa().unwrap().name(), pool.threads());
    println!("type     bits/weight  GB/s at 1 token   GMAC/s at 1, 4, 128 tokens");
    let (rows, cols) = (16400, 1536);
    let mut scratch = Scratch::new();
    for &dtype in TYPES {
        let bytes = dtype.bytes_for((rows * cols) as u64).unwrap() as usize;
        let w = Matrix::pack(dtype, rows, cols, &vec![0x11; bytes]).unwrap();
        let mut rates = Vec::new();
        for m in [1, 4, 128] {
            let x = vec![0.5; m * cols];
            let mut out = vec![0.0; m * rows];
            let time = best(|| linear(&pool, &w, &x, m, &mut out, &mut scratch)).as_secs_f64();
            rates.push((w.bytes() as f64 / time / 1e9, (m * rows * cols) as f64 / time / 1e9));
        }
        let bits = w.bytes() as f64 * 8.0 / (rows * cols) as f64;
        let products: Vec<_> = rates.iter().map(|(_, products)| format!("{products:6.1}")).collect();
        println!(
            "{:8} {bits:6.2} {:14.1}         {}",
            dtype.name(),
            rates.first().unwrap().0,
            products.join(" ")
        );
    }
}

/// The products of one token of a small Llama (SmolLM2-135M: 30 layers, 576 wide, Q4_1, Q8_0 head).
fn llama(pool: &Pool) {
    let pack = |dtype: DType, rows: usize, cols: usize| {
        let bytes = dtype.bytes_for((rows * cols) as u64).unwrap() as usize;
        Matrix::pack(dtype, rows, cols, &vec![0x11; bytes]).unwrap()
    };
    let shapes = [(960, 576), (576, 576), (3072, 576), (576, 1536)];
    let layers: Vec<_> =
        (0..30).flat_map(|_| shapes.map(|(rows, cols)| pack(DType::Q4_1, rows, cols))).collect();
    let head = pack(DType::Q8_0, 49152, 576);
    let bytes: usize = layers.iter().chain([&head]).map(Matrix::bytes).sum();
    let mut scratch = Scratch::new();
    let x = vec![0.5; 512 * 1536];
    let mut out = vec![0.0; 512 * 49152];
    for m in [1, 2, 4, 8, 64, 512] {
        let time = best(|| {
            for w in &layers {
                linear(pool, w, &x[..m * w.cols()], m, &mut out[..m * w.rows()], &mut scratch);
            }
            // A prefill needs the logits of its last token only.
            let logits = if m > 8 { 1 } else { m };
            linear(pool, &head, &x[..logits * 576], logits, &mut out[..logits * 49152], &mut scratch);
        });
        let seconds = time.as_secs_f64();
        println!(
            "SmolLM2-135M products, {m:3} tokens at once: {:8.1} tokens/s, {:5.1} GB/s",
            m as f64 / seconds,
            bytes as f64 / seconds / 1e9
        );
    }
}
