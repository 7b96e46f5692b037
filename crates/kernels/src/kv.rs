//! How keys and values lie in a page of the cache.

use crate::half::f32_to_f16;

/// Tokens in one page.
pub const PAGE_TOKENS: usize = 32;

/// The shape of the pages of one layer's cache: for each KV head the keys of 32 tokens, transposed
/// (`[head_dim, 32]`), then for each KV head their values (`[32, head_dim rounded up to 16]`), all binary16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvLayout {
    num_kv_heads: usize,
    head_dim: usize,
}

impl KvLayout {
    /// A layout for `num_kv_heads` heads of `head_dim` numbers; any head_dim.
    ///
    /// # Panics
    /// When either is 0.
    pub fn new(num_kv_heads: usize, head_dim: usize) -> KvLayout {
        assert!(num_kv_heads > 0 && head_dim > 0, "a cache needs at least one head of at least one number");
        KvLayout { num_kv_heads, head_dim }
    }

    /// Heads of keys and values.
    pub fn num_kv_heads(&self) -> usize {
        self.num_kv_heads
    }

    /// Numbers in a head.
    pub fn head_dim(&self) -> usize {
        self.head_dim
    }

    /// Elements (binary16, 2 bytes) of one page of one layer.
    pub fn page_elements(&self) -> usize {
        self.num_kv_heads * (self.key_elements() + self.value_elements())
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
    pub(crate) fn keys<'a>(&self, page: &'a [u16], head: usize) -> &'a [u16] {
        let start = head * self.key_elements();
        &page[start..start + self.key_elements()]
    }

    /// The values of one head in a page, `[32, value_stride]`.
    pub(crate) fn values<'a>(&self, page: &'a [u16], head: usize) -> &'a [u16] {
        let start = self.num_kv_heads * self.key_elements() + head * self.value_elements();
        &page[start..start + self.value_elements()]
    }

    /// Writes one token's keys and values (each `[num_kv_heads, head_dim]`) into `slot` (0..32) of `page`
    /// ([`KvLayout::page_elements`] long), rounded to binary16.
    ///
    /// # Panics
    /// When a length or the slot does not fit the layout.
    pub fn write(&self, page: &mut [u16], slot: usize, keys: &[f32], values: &[f32]) {
        let dim = self.head_dim;
        assert_eq!(page.len(), self.page_elements(), "page length");
        assert!(slot < PAGE_TOKENS, "slot {slot} is beyond the page");
        assert_eq!(keys.len(), self.num_kv_heads * dim, "keys of one token");
        assert_eq!(values.len(), self.num_kv_heads * dim, "values of one token");
        let (key_part, value_part) = page.split_at_mut(self.num_kv_heads * self.key_elements());
        for (index, &key) in keys.iter().enumerate() {
            key_part[index * PAGE_TOKENS + slot] = f32_to_f16(key);
        }
        let heads = value_part.chunks_exact_mut(self.value_elements());
        for (head, values) in heads.zip(values.chunks_exact(dim)) {
            let start = slot * self.value_stride();
            for (to, &value) in head[start..start + dim].iter_mut().zip(values) {
                *to = f32_to_f16(value);
            }
        }
    }
}
