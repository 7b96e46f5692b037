//! Each operation of the two backends against the other, on random numbers.

use super::{AttentionShape, Backend, Candle, Cpu, Input, Product};
use crate::model::{Batch, BatchSlice};
use kernels::{Activation, DType, KvType, Pairing, RopeFrequencies};
use proptest::prelude::*;

/// Numbers in ±1 from a seed.
fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// A batch of slices (start, len), with pages dealt out in no particular order.
fn batch(slices: &[(usize, usize)]) -> (Batch, usize) {
    let mut pages: Vec<u32> = (0..64).map(|page| (page * 29) % 64).collect();
    let mut made = Batch::default();
    for &(start, len) in slices {
        let block_table = pages.split_off(pages.len() - (start + len).div_ceil(32));
        made.tokens.extend(std::iter::repeat_n(0, len));
        made.slices.push(BatchSlice { start, len, block_table, logits: 1 });
    }
    (made, 64)
}

/// Every operation on numbers that come in as an embedding table; all results, one after the other.
struct Trial<B: Backend> {
    backend: B,
    results: Vec<Vec<f32>>,
}

impl<B: Backend> Trial<B> {
    fn new(backend: B) -> Self {
        Trial { backend, results: Vec::new() }
    }

    fn matrix(&mut self, seed: u64, rows: usize, cols: usize) -> B::Matrix {
        let raw: Vec<u8> = numbers(seed, rows * cols).into_iter().flat_map(f32::to_le_bytes).collect();
        let mut packer = self.backend.packer(DType::F32, rows, cols).unwrap();
        self.backend.pack(&mut packer, &raw).unwrap();
        self.backend.matrix(packer).unwrap()
    }

    fn activations(&mut self, seed: u64, rows: usize, cols: usize) -> B::Activations {
        let table = self.matrix(seed, rows, cols);
        let mut out = B::Activations::default();
        self.backend.embed(&table, &(0..rows as u32).collect::<Vec<_>>(), &mut out).unwrap();
        out
    }

    fn keep(&mut self, mut x: B::Activations) {
        self.results.push(self.backend.read(&mut x).unwrap().to_vec());
    }

    fn elementwise(&mut self, seed: u64, rows: usize, cols: usize) {
        let mut x = self.activations(seed, rows, cols);
        let y = self.activations(seed + 1, rows, cols);
        let weight = self.backend.vector(numbers(seed + 2, cols)).unwrap();
        let mut out = B::Activations::default();
        self.backend.rms_norm(&x, &weight, 1e-5, &mut out).unwrap();
        self.keep(out);
        let head_weight = self.backend.vector(numbers(seed + 5, cols / 2)).unwrap();
        let mut out = B::Activations::default();
        self.backend.rms_norm(&x, &head_weight, 1e-5, &mut out).unwrap();
        self.backend.scale(&mut out, 1.7).unwrap();
        self.backend.add_bias(&mut out, &weight).unwrap();
        self.keep(out);
        self.backend.add(&mut x, &y).unwrap();
        let mut selected = B::Activations::default();
        self.backend.select(&x, &[rows - 1, 0], &mut selected).unwrap();
        self.keep(selected);
        let (w, v) = (self.matrix(seed + 3, 7, cols), self.matrix(seed + 4, 33, cols));
        for input in 0..4 {
            let (mut a, mut b) = (B::Activations::default(), self.activations(seed + 6, rows, 33));
            let input = match input {
                0 => Input::Plain(&y),
                1 => Input::RmsNorm { x: &x, weight: &weight, eps: 1e-5 },
                2 => Input::GateMul { activation: Activation::Silu, gate: &x, up: &y },
                _ => Input::GateMul { activation: Activation::GeluTanh, gate: &x, up: &y },
            };
            let products = [(&w, &mut a, false), (&v, &mut b, true)];
            let mut products = products.map(|(weight, out, accumulate)| Product { weight, out, accumulate });
            self.backend.linear(input, &mut products).unwrap();
            self.keep(a);
            self.keep(b);
        }
        self.keep(x);
    }

    fn rope(&mut self, seed: u64, pairing: Pairing, rotary_dims: usize, slices: &[(usize, usize)]) {
        let (batch, _) = batch(slices);
        let factors: Vec<f32> = (0..rotary_dims / 2).map(|i| 1.0 + i as f32 / 4.0).collect();
        let frequencies = RopeFrequencies::new(rotary_dims, 10000.0, 0.5, Some(&factors)).unwrap();
        let mut x = self.activations(seed, batch.tokens.len(), 3 * 16);
        let mut rotation = B::Rotation::default();
        self.backend.rotate_to(&frequencies, &batch, &mut rotation).unwrap();
        self.backend.rope(pairing, 16, &rotation, &mut x).unwrap();
        self.keep(x);
    }

    /// Stores everything before each slice first, as an earlier batch, and wipes a page that is not used.
    fn attention(&mut self, seed: u64, shape: &AttentionShape, slices: &[(usize, usize)]) {
        let (now, pages) = batch(slices);
        let mut before = Batch::default();
        for slice in now.slices.iter().filter(|slice| slice.start > 0) {
            before.tokens.extend(std::iter::repeat_n(0, slice.start));
            before.slices.push(BatchSlice { start: 0, len: slice.start, ..slice.clone() });
        }
        let width = shape.num_kv_heads * shape.head_dim;
        let mut cache = self.backend.cache(shape, pages).unwrap();
        for (seed, batch) in [(seed, &before), (seed + 2, &now)] {
            if !batch.tokens.is_empty() {
                let k = self.activations(seed, batch.tokens.len(), width);
                let v = self.activations(seed + 1, batch.tokens.len(), width);
                self.backend.store(shape, &mut cache, batch, &k, &v).unwrap();
            }
        }
        let unused =
            (0..pages as u32).find(|page| !now.slices.iter().any(|slice| slice.block_table.contains(page)));
        self.backend.wipe(shape, &mut cache, &unused.into_iter().collect::<Vec<_>>()).unwrap();
        let q = self.activations(seed + 4, now.tokens.len(), shape.num_heads * shape.head_dim);
        let mut out = B::Activations::default();
        self.backend.attend(shape, &cache, &now, &q, &mut out).unwrap();
        self.keep(out);
    }
}

/// The same trial on both; every number within `$tolerance` of the other (all results are of the order of 1).
macro_rules! on_both {
    ($tolerance:expr, $trial:ident => $body:expr) => {{
        let kernels = {
            let mut $trial = Trial::new(Cpu::new(2, KvType::F16).unwrap());
            $body;
            $trial.results
        };
        let candle = {
            let mut $trial = Trial::new(Candle::new(candle_core::Device::Cpu, "candle-cpu"));
            $body;
            $trial.results
        };
        agree($tolerance, &kernels, &candle);
    }};
}

fn agree(tolerance: f32, kernels: &[Vec<f32>], candle: &[Vec<f32>]) {
    assert_eq!(kernels.len(), candle.len());
    for (kernels, candle) in kernels.iter().zip(candle) {
        assert_eq!(kernels.len(), candle.len());
        for (a, b) in kernels.iter().zip(candle) {
            assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{a} and {b}");
        }
    }
}

fn slices() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec(
        (prop_oneof![Just(0usize), 1..80usize], prop_oneof![Just(1usize), 1..50usize]),
        1..4,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The same f32 operations in another order: sums of up to 96 numbers of the order of 1 differ by some 96 · 2^-24.
    #[test]
    fn elementwise_and_products_agree(seed: u64, rows in 1..5usize, blocks in 1..4usize) {
        let seed = seed >> 8;
        on_both!(2e-5, trial => trial.elementwise(seed, rows, 32 * blocks));
    }

    /// One product and one difference a number: a few units in the last place.
    #[test]
    fn rotary_embedding_agrees(seed: u64, slices in slices(), interleaved: bool, rotary in 1..9usize) {
        let (seed, pairing) = (seed >> 8, if interleaved { Pairing::Interleaved } else { Pairing::NeoX });
        on_both!(2e-6, trial => trial.rope(seed, pairing, 2 * rotary, &slices));
    }

    /// Both store K and V in binary16, so what is read back is equal; what is left are sums and exponentials in f32.
    #[test]
    fn attention_over_pages_agrees(
        seed: u64,
        slices in slices(),
        kv in 1..4usize,
        group in 1..4usize,
        window in prop::option::of(1..70usize),
    ) {
        let seed = seed >> 8;
        let num_heads = kv * group;
        let shape = AttentionShape { num_heads, num_kv_heads: kv, head_dim: 16, scale: 0.25, window };
        on_both!(2e-5, trial => trial.attention(seed, &shape, &slices));
    }
}
