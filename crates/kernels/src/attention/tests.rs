//! Attention against the textbook, in binary64, and against itself.

use super::*;
use crate::half::f16_to_f32;
use crate::kv::HeadPage;
use crate::{KvType, SlotRun};

/// Random numbers in −1..1 (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn many(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next()).collect()
    }
}

/// One sequence with its keys and values, in pages that lie scattered among pages of NaN.
struct Case {
    params: AttentionParams,
    length: usize,
    pages: Vec<u32>,
    cache: Vec<u8>,
    q: Vec<f32>,
}

impl Case {
    fn new(heads: usize, kv_heads: usize, dim: usize, length: usize, window: Option<usize>) -> Case {
        Case::of(KvType::F16, heads, kv_heads, dim, length, window)
    }

    fn of(
        kv_type: KvType,
        heads: usize,
        kv_heads: usize,
        dim: usize,
        length: usize,
        window: Option<usize>,
    ) -> Case {
        let mut random = Random((length * 131 + dim) as u64 + 1);
        let layout = KvLayout::new(kv_heads, dim, kv_type);
        let params = AttentionParams { layout, num_heads: heads, scale: 3.0 / (dim as f32).sqrt(), window };
        let count = length.div_ceil(PAGE_TOKENS);
        let pages: Vec<u32> = (0..count).map(|page| ((page * 7 + 3) % (2 * count + 5)) as u32).collect();
        let pages = if (2 * count + 5).is_multiple_of(7) { (0..count as u32).rev().collect() } else { pages };
        let mut cache = vec![0x7e; (2 * count + 5) * layout.page_bytes()];
        for position in 0..length {
            let (keys, values) = (random.many(kv_heads * dim), random.many(kv_heads * dim));
            let slot = position % PAGE_TOKENS;
            let run = SlotRun { page: pages[position / PAGE_TOKENS], slots: slot..slot + 1 };
            layout.write(&Pool::new(1), &mut cache, &[run], &keys, &values);
        }
        Case { params, length, pages, cache, q: random.many(length * heads * dim) }
    }

    /// Attention of the last `tokens` tokens, in pieces of at most `piece`.
    fn run(&self, isa: Isa, threads: usize, tokens: usize, piece: usize) -> Vec<f32> {
        let (pool, mut scratch) = (Pool::new(threads), Scratch::new());
        let width = self.params.num_heads * self.params.layout.head_dim();
        let mut out = vec![f32::NAN; tokens * width];
        let mut first_position = self.length - tokens;
        for out in out.chunks_mut(piece * width) {
            let tokens = out.len() / width;
            let sequence = AttentionSequence { first_position, tokens, pages: &self.pages };
            let q = &self.q[first_position * width..(first_position + tokens) * width];
            let call = Call { params: &self.params, cache: &self.cache, q, out: share(out) };
            attention_on(isa, &pool, &call, &[sequence], &mut scratch);
            first_position += tokens;
        }
        out
    }

    /// On every tier the last `tokens` tokens have the scalar tier's bits, for any number of threads and cut into any pieces.
    fn assert_same_bits(&self, tokens: usize, threads_and_pieces: [(usize, usize); 5]) {
        let whole = self.run(Isa::Scalar, 1, tokens, tokens);
        for &isa in Isa::ALL.iter().filter(|isa| isa.is_available()) {
            for (threads, piece) in threads_and_pieces {
                let pieces = self.run(isa, threads, tokens, piece);
                assert_eq!(bits(&whole), bits(&pieces), "{} {threads} {piece}", isa.name());
            }
        }
    }

    /// The textbook: all scores, then softmax, then the weighted sum.
    fn naive(&self) -> Vec<f32> {
        let layout = &self.params.layout;
        let (heads, dim) = (self.params.num_heads, layout.head_dim());
        let mut out = Vec::new();
        for position in 0..self.length {
            let first = self.params.window.map_or(0, |window| (position + 1).saturating_sub(window));
            for head in 0..heads {
                let kv_head = head / (heads / layout.num_kv_heads());
                let page = |at: usize| {
                    let start = self.pages[at / PAGE_TOKENS] as usize * layout.page_bytes();
                    &self.cache[start..start + layout.page_bytes()]
                };
                let number = |head: HeadPage<'_>, index: usize, slot: usize| match head.scales {
                    None => f64::from(f16_to_f32(u16::from_ne_bytes(head.numbers.as_chunks().0[index]))),
                    Some(scales) => f64::from(head.numbers[index] as i8) * f64::from(scales[slot]),
                };
                let key = |at: usize, d: usize| {
                    let slot = at % PAGE_TOKENS;
                    number(layout.keys(page(at), kv_head), d * PAGE_TOKENS + slot, slot)
                };
                let value = |at: usize, d: usize| {
                    let slot = at % PAGE_TOKENS;
                    number(layout.values(page(at), kv_head), slot * layout.value_stride() + d, slot)
                };
                let q = &self.q[(position * heads + head) * dim..][..dim];
                let score = |at: usize| {
                    let dot: f64 = (0..dim).map(|d| f64::from(q[d]) * key(at, d)).sum();
                    (dot * f64::from(self.params.scale)).exp()
                };
                let weights: Vec<f64> = (first..=position).map(score).collect();
                let total: f64 = weights.iter().sum();
                for d in 0..dim {
                    let sum: f64 = weights.iter().zip(first..).map(|(w, at)| w * value(at, d)).sum();
                    out.push((sum / total) as f32);
                }
            }
        }
        out
    }
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

#[test]
fn attention_is_the_textbook() {
    let shapes = [(9, 3, 64), (4, 4, 80), (8, 2, 128), (3, 1, 7), (2, 1, 1), (6, 2, 96), (4, 1, 256)];
    for (heads, kv_heads, dim) in shapes {
        for (length, window) in
            [(1, None), (32, None), (33, None), (100, None), (100, Some(40)), (70, Some(1))]
        {
            for kv_type in [KvType::F16, KvType::Q8] {
                let case = Case::of(kv_type, heads, kv_heads, dim, length, window);
                let found = case.run(crate::isa::current(), 2, length, length);
                for (found, truth) in found.iter().zip(case.naive()) {
                    assert!(
                        (found - truth).abs() < 2e-6,
                        "{heads} {kv_heads} {dim} {length}: {found} {truth}"
                    );
                }
            }
        }
    }
}

#[test]
fn segments_are_the_textbook_joined() {
    for (heads, kv_heads, dim, window) in [(2, 1, 16, None), (3, 1, 8, Some(700))] {
        let case = Case::new(heads, kv_heads, dim, 1300, window);
        let found = case.run(crate::isa::current(), 2, 1300, 1300);
        for (found, truth) in found.iter().zip(case.naive()) {
            assert!((found - truth).abs() < 2e-6, "{heads} {dim} {window:?}: {found} {truth}");
        }
    }
}

#[test]
fn divided_segments_do_not_change_a_bit() {
    for (heads, kv_heads, dim, window, kv_type) in
        [(9, 3, 64, None, KvType::F16), (8, 2, 64, Some(600), KvType::Q8), (2, 1, 24, Some(515), KvType::F16)]
    {
        let case = Case::of(kv_type, heads, kv_heads, dim, 1590, window);
        // Up to 8 tokens are divided by segments, more are not.
        case.assert_same_bits(60, [(1, 60), (2, 1), (3, 4), (4, 8), (2, 9)]);
    }
}

#[test]
fn pieces_threads_and_tiers_do_not_change_a_bit() {
    for (heads, kv_heads, dim, window, kv_type) in [
        (9, 3, 64, None, KvType::F16),
        (8, 2, 64, None, KvType::Q8),
        (4, 2, 40, Some(45), KvType::F16),
        (5, 1, 17, None, KvType::Q8),
    ] {
        let case = Case::of(kv_type, heads, kv_heads, dim, 131, window);
        case.assert_same_bits(131, [(1, 131), (2, 1), (3, 32), (4, 50), (2, 7)]);
    }
}

#[test]
fn sequences_do_not_see_each_other() {
    let case = Case::new(6, 2, 32, 75, None);
    let width = 6 * 32;
    let alone = case.run(Isa::Scalar, 1, 75, 75);
    // The same pages serve three sequences: a decode step, a chunk and a prefix.
    let spans = [(74, 1), (20, 30), (0, 20)];
    let mut q = Vec::new();
    let mut sequences = Vec::new();
    for (first_position, tokens) in spans {
        q.extend_from_slice(&case.q[first_position * width..(first_position + tokens) * width]);
        sequences.push(AttentionSequence { first_position, tokens, pages: &case.pages });
    }
    let (pool, mut scratch, mut out) = (Pool::new(3), Scratch::new(), vec![0.0; q.len()]);
    attention(&pool, &case.params, &sequences, &case.cache, &q, &mut out, &mut scratch);
    let mut out = &out[..];
    for (first_position, tokens) in spans {
        let (mine, rest) = out.split_at(tokens * width);
        let expected = &alone[first_position * width..(first_position + tokens) * width];
        assert_eq!(bits(mine), bits(expected));
        out = rest;
    }
}

#[test]
#[should_panic(expected = "pages needed")]
fn too_few_pages_are_refused() {
    let mut case = Case::new(2, 1, 16, 40, None);
    case.pages.pop();
    case.run(Isa::Scalar, 1, 40, 40);
}

/// What a byte keeps of a number is within half a step of its head's largest; what is no number shows.
#[test]
fn bytes_keep_numbers_within_half_a_step() {
    let layout = KvLayout::new(2, 24, KvType::Q8);
    let mut page = vec![0; layout.page_bytes()];
    let mut random = Random(9);
    let (mut keys, mut values) = (random.many(48), random.many(48));
    values[30] = f32::NAN;
    keys[..24].fill(0.0);
    layout.write(&Pool::new(1), &mut page, &[SlotRun { page: 0, slots: 5..6 }], &keys, &values);
    for head in 0..2 {
        let (k, v) = (layout.keys(&page, head), layout.values(&page, head));
        let (k_scale, v_scale) = (k.scales.unwrap()[5], v.scales.unwrap()[5]);
        for d in 0..24 {
            let key = f32::from(k.numbers[d * PAGE_TOKENS + 5] as i8) * k_scale;
            assert!((key - keys[head * 24 + d]).abs() <= 0.501 * k_scale);
            let value = f32::from(v.numbers[5 * layout.value_stride() + d] as i8) * v_scale;
            assert!(if head == 1 { value.is_nan() } else { (value - values[d]).abs() <= 0.501 * v_scale });
        }
    }
}

/// Many tokens on several threads are written as each alone.
#[test]
fn runs_of_tokens_are_written_as_single_ones() {
    let mut random = Random(77);
    for kv_type in [KvType::F16, KvType::Q8] {
        let layout = KvLayout::new(3, 40, kv_type);
        let runs = [(4, 3..32), (1, 0..32), (0, 0..7), (2, 31..32)];
        let runs = runs.map(|(page, slots)| SlotRun { page, slots });
        let tokens: usize = runs.iter().map(|run| run.slots.len()).sum();
        let (keys, values) = (random.many(tokens * 120), random.many(tokens * 120));
        let mut together = vec![0; 5 * layout.page_bytes()];
        layout.write(&Pool::new(3), &mut together, &runs, &keys, &values);
        let mut alone = vec![0; 5 * layout.page_bytes()];
        let each = runs.iter().flat_map(|run| run.slots.clone().map(|slot| (run.page, slot)));
        for (((page, slot), keys), values) in each.zip(keys.chunks(120)).zip(values.chunks(120)) {
            layout.write(&Pool::new(1), &mut alone, &[SlotRun { page, slots: slot..slot + 1 }], keys, values);
        }
        assert!(together == alone);
    }
}

/// Every tier writes the same bytes, whole vectors and rests, of any numbers.
#[test]
fn every_tier_writes_the_same_bytes() {
    let mut random = Random(5);
    for (kv_type, dim) in
        [KvType::F16, KvType::Q8].into_iter().flat_map(|kv| [1, 16, 40, 64].map(|d| (kv, d)))
    {
        let layout = KvLayout::new(2, dim, kv_type);
        let runs = [(1, 30..32), (0, 0..5)].map(|(page, slots)| SlotRun { page, slots });
        let mut many = || random.many(7 * 2 * dim).into_iter().enumerate();
        let keys: Vec<f32> = many().map(|(at, number)| number * 10f32.powi(at as i32 % 16 - 10)).collect();
        let mut values: Vec<f32> = many().map(|(_, number)| number * 70_000.0).collect();
        values[..2].copy_from_slice(&[f32::INFINITY, f32::NAN]);
        let written = |isa| {
            let mut cache = vec![0; 2 * layout.page_bytes()];
            layout.write_on(isa, &Pool::new(1), &mut cache, &runs, [&keys, &values]);
            cache
        };
        let scalar = written(Isa::Scalar);
        for &isa in Isa::ALL.iter().filter(|isa| isa.is_available()) {
            assert!(written(isa) == scalar, "{kv_type:?} {dim} {}", isa.name());
        }
    }
}

#[test]
#[should_panic(expected = "each page in one run")]
fn two_runs_of_one_page_are_refused() {
    let layout = KvLayout::new(1, 16, KvType::F16);
    let runs = [0..1, 1..2].map(|slots| SlotRun { page: 0, slots });
    layout.write(&Pool::new(1), &mut vec![0; layout.page_bytes()], &runs, &[0.0; 32], &[0.0; 32]);
}
