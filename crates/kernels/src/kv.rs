//! How keys and values lie in a page of the cache.

use std::ops::Range;

use crate::isa::current;
use crate::pool::{ALONE, share};
use crate::simd::{Kernel, LANES, Simd, dispatch};
use crate::{Isa, Pool};

/// Tokens in one page.
pub const PAGE_TOKENS: usize = 32;

/// Bytes of the scales of one head in a page: one binary32 a token.
const SCALE_BYTES: usize = PAGE_TOKENS * 4;

/// How a number of the cache is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KvType {
    /// Binary16.
    #[default]
    F16,
    /// A signed byte, with a binary32 scale for each token and head.
    Q8,
}

/// The shape of the pages of one layer's cache: for each KV head the keys of 32 tokens, transposed
/// (`[head_dim, 32]`), then for each KV head their values (`[32, head_dim rounded up to 16]`). With [`KvType::Q8`] the
/// 32 scales of a head follow its keys, and those of its values them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvLayout {
    num_kv_heads: usize,
    head_dim: usize,
    kv_type: KvType,
}

/// One head's part of a page: its numbers and, where they have one, the scales of the 32 tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadPage<'a> {
    pub(crate) numbers: &'a [u8],
    pub(crate) scales: Option<[f32; PAGE_TOKENS]>,
}

impl KvLayout {
    /// A layout for `num_kv_heads` heads of `head_dim` numbers; any head_dim.
    ///
    /// # Panics
    /// When either is 0.
    pub fn new(num_kv_heads: usize, head_dim: usize, kv_type: KvType) -> KvLayout {
        assert!(num_kv_heads > 0 && head_dim > 0, "a cache needs at least one head of at least one number");
        KvLayout { num_kv_heads, head_dim, kv_type }
    }

    /// Heads of keys and values.
    pub fn num_kv_heads(&self) -> usize {
        self.num_kv_heads
    }

    /// Numbers in a head.
    pub fn head_dim(&self) -> usize {
        self.head_dim
    }

    /// How numbers are stored.
    pub fn kv_type(&self) -> KvType {
        self.kv_type
    }

    /// Bytes of one page of one layer.
    pub fn page_bytes(&self) -> usize {
        self.num_kv_heads * (self.head_bytes(self.key_elements()) + self.head_bytes(self.value_elements()))
    }

    /// Bytes of one head's `elements` numbers and their scales.
    fn head_bytes(&self, elements: usize) -> usize {
        match self.kv_type {
            KvType::F16 => 2 * elements,
            KvType::Q8 => elements + SCALE_BYTES,
        }
    }

    /// Elements of one head's keys in a page.
    pub(crate) fn key_elements(&self) -> usize {
        self.head_dim * PAGE_TOKENS
    }

    /// Elements of one head's values in a page.
    pub(crate) fn value_elements(&self) -> usize {
        self.value_stride() * PAGE_TOKENS
    }

    /// Elements from one token's values to the next one's.
    pub(crate) fn value_stride(&self) -> usize {
        self.head_dim.next_multiple_of(16)
    }

    /// The keys of one head in a page, `[head_dim, 32]`.
    pub(crate) fn keys<'a>(&self, page: &'a [u8], head: usize) -> HeadPage<'a> {
        let bytes = self.head_bytes(self.key_elements());
        self.head_page(&page[head * bytes..(head + 1) * bytes])
    }

    /// The values of one head in a page, `[32, value_stride]`.
    pub(crate) fn values<'a>(&self, page: &'a [u8], head: usize) -> HeadPage<'a> {
        let bytes = self.head_bytes(self.value_elements());
        let start = self.num_kv_heads * self.head_bytes(self.key_elements()) + head * bytes;
        self.head_page(&page[start..start + bytes])
    }

    fn head_page<'a>(&self, bytes: &'a [u8]) -> HeadPage<'a> {
        if self.kv_type == KvType::F16 {
            return HeadPage { numbers: bytes, scales: None };
        }
        let (numbers, raw) = bytes.split_at(bytes.len() - SCALE_BYTES);
        let mut scales = [0.0; PAGE_TOKENS];
        for (scale, raw) in scales.iter_mut().zip(raw.as_chunks().0) {
            *scale = f32::from_ne_bytes(*raw);
        }
        HeadPage { numbers, scales: Some(scales) }
    }

    /// Writes tokens' keys and values (each `[tokens, num_kv_heads · head_dim]`) into their slots of `cache`
    /// (`[pages, page_bytes]`), rounded to the layout's type. `runs` tells where, in the order of the tokens.
    ///
    /// # Panics
    /// When a length, page or slot does not fit, or two runs name the same page.
    pub fn write(&self, pool: &Pool, cache: &mut [u8], runs: &[SlotRun], keys: &[f32], values: &[f32]) {
        self.write_on(current(), pool, cache, runs, [keys, values]);
    }

    /// As [`KvLayout::write`] of `[keys, values]`, on a tier.
    pub(crate) fn write_on(
        &self,
        isa: Isa,
        pool: &Pool,
        cache: &mut [u8],
        runs: &[SlotRun],
        [keys, values]: [&[f32]; 2],
    ) {
        let (width, bytes) = (self.num_kv_heads * self.head_dim, self.page_bytes());
        let mut pages: Vec<u32> = runs.iter().map(|run| run.page).collect();
        pages.sort_unstable();
        assert!(pages.is_sorted_by(|a, b| a < b), "write: each page in one run");
        let mut token = 0;
        let mut starts = Vec::with_capacity(runs.len());
        for run in runs {
            assert!(run.slots.end <= PAGE_TOKENS, "slot {} is beyond the page", run.slots.end);
            starts.push(token);
            token += run.slots.len();
        }
        assert_eq!(keys.len(), token * width, "keys of {token} tokens");
        assert_eq!(values.len(), token * width, "values of {token} tokens");
        let cache = share(cache);
        let one = |run: &SlotRun, start: usize| {
            let at = run.page as usize * bytes;
            // SAFETY: no two runs have the same page, so no two of these slices overlap.
            let page = unsafe { cache.slice_mut(at..at + bytes) };
            let rows = start * width..(start + run.slots.len()) * width;
            let (keys, values) = (&keys[rows.clone()], &values[rows]);
            dispatch(isa, Writing { layout: self, page, slots: run.slots.clone(), keys, values });
        };
        if token * width < ALONE {
            return runs.iter().zip(starts).for_each(|(run, start)| one(run, start));
        }
        pool.each(runs.len(), &|_, piece| one(&runs[piece], starts[piece]));
    }
}

/// Tokens on their way into slots of one page: keys and values are `[slots, num_kv_heads · head_dim]`.
struct Writing<'a> {
    layout: &'a KvLayout,
    page: &'a mut [u8],
    slots: Range<usize>,
    keys: &'a [f32],
    values: &'a [f32],
}

impl Kernel for Writing<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let KvLayout { num_kv_heads, head_dim, kv_type } = *self.layout;
        let layout = self.layout;
        let stride = layout.value_stride();
        let [key_bytes, value_bytes] =
            [layout.key_elements(), layout.value_elements()].map(|count| layout.head_bytes(count));
        let (key_part, value_part) = self.page.split_at_mut(num_kv_heads * key_bytes);
        let rows = self.keys.chunks_exact(num_kv_heads * head_dim);
        let rows = rows.zip(self.values.chunks_exact(num_kv_heads * head_dim));
        for (slot, (keys, values)) in self.slots.zip(rows) {
            for (head, keys) in key_part.chunks_exact_mut(key_bytes).zip(keys.chunks_exact(head_dim)) {
                write_head(simd, kv_type, head, slot, keys, slot, PAGE_TOKENS);
            }
            for (head, values) in value_part.chunks_exact_mut(value_bytes).zip(values.chunks_exact(head_dim))
            {
                write_head(simd, kv_type, head, slot, values, slot * stride, 1);
            }
        }
    }
}

/// Writes one head's numbers, the first at element `start` and each `stride` elements after the last.
#[inline(always)]
fn write_head<S: Simd>(
    simd: S,
    kv_type: KvType,
    head: &mut [u8],
    slot: usize,
    numbers: &[f32],
    start: usize,
    stride: usize,
) {
    match kv_type {
        KvType::F16 => {
            let mut places = head.as_chunks_mut::<2>().0[start..].iter_mut().step_by(stride);
            for numbers in numbers.chunks(LANES) {
                let (mut lanes, mut halves) = ([0.0; LANES], [0; LANES]);
                lanes[..numbers.len()].copy_from_slice(numbers);
                simd.store_f16(simd.load(&lanes), &mut halves);
                for (half, place) in halves[..numbers.len()].iter().zip(&mut places) {
                    *place = half.to_ne_bytes();
                }
            }
        }
        KvType::Q8 => {
            let (places, scales) = head.split_at_mut(head.len() - SCALE_BYTES);
            // A number that is none leaves its mark in the scale, and so in every result that reads it.
            let largest = numbers.iter().fold(0.0f32, |largest, number| {
                if number.is_nan() || number.abs() > largest { number.abs() } else { largest }
            });
            let inverse = if largest > 1e-36 { 127.0 / largest } else { 0.0 };
            scales.as_chunks_mut().0[slot] = (largest / 127.0).to_ne_bytes();
            for (place, &number) in places[start..].iter_mut().step_by(stride).zip(numbers) {
                *place = (number * inverse).round_ties_even() as i8 as u8;
            }
        }
    }
}

/// Where some consecutive tokens of one sequence are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRun {
    /// The number of the page in the cache.
    pub page: u32,
    /// The slots in it, within 0..32.
    pub slots: Range<usize>,
}
