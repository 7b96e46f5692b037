//! What the engine's thread asks of a model: run a batch over paged KV, give logits.

use crate::Error;
use crate::block_manager::PAGE_TOKENS;

/// One sequence's part of a batch.
#[derive(Debug, Clone)]
pub(crate) struct BatchSlice {
    /// First position to compute; earlier ones are in the pages.
    pub(crate) start: usize,
    /// Positions to compute, and rows this slice takes in the batch.
    pub(crate) len: usize,
    /// Pages of the sequence in order of position; cover `start + len`.
    pub(crate) block_table: Vec<u32>,
    /// Trailing positions whose logits are wanted; at most `len`, 0 for none.
    pub(crate) logits: usize,
}

/// What one step computes: the slices' tokens, one slice after the other.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Token ids, all slices; below the vocabulary's length.
    pub(crate) tokens: zeroize::Zeroizing<Vec<u32>>,
    /// In the order of their rows.
    pub(crate) slices: Vec<BatchSlice>,
}

impl Batch {
    /// The position of every row.
    pub(crate) fn positions(&self) -> impl Iterator<Item = usize> {
        self.slices.iter().flat_map(|slice| slice.start..slice.start + slice.len)
    }

    /// The page and the slot in it of every row; no page where a block table is too short.
    pub(crate) fn places(&self) -> impl Iterator<Item = (Option<u32>, usize)> {
        self.slices.iter().flat_map(|slice| {
            let positions = slice.start..slice.start + slice.len;
            positions.map(|position| {
                (slice.block_table.get(position / PAGE_TOKENS).copied(), position % PAGE_TOKENS)
            })
        })
    }

    /// The rows whose logits are wanted, ascending: slice by slice, and within a slice in order of position.
    pub(crate) fn rows_wanting_logits(&self) -> Vec<usize> {
        let mut end = 0;
        let mut rows = Vec::with_capacity(self.slices.iter().map(|slice| slice.logits).sum());
        for slice in &self.slices {
            end += slice.len;
            rows.extend(end - slice.logits.min(slice.len)..end);
        }
        rows
    }
}

/// Rows of logits computed at once by `Model::logits`: at 262,144 tokens in a vocabulary they take 32 MiB.
const LOGIT_ROWS: usize = 32;

/// A loaded model with its pages. Implemented once for every family and device; a test may put a faulty one in its place.
pub(crate) trait CausalLm: Send {
    /// Rows of the head, and the bound of token ids.
    fn vocab_len(&self) -> usize;
    /// Positions the model was trained for.
    fn trained_context(&self) -> usize;
    /// Bytes of K and V for one page of 32 positions, all layers.
    fn page_bytes(&self) -> usize;
    /// The instruction set or device its arithmetic runs on.
    fn isa(&self) -> &str;
    /// Makes room for `pages` pages; forgets what was in any before.
    fn allocate_pages(&mut self, pages: usize) -> Result<(), Error>;
    /// Overwrites these pages.
    fn wipe(&mut self, pages: &[u32]) -> Result<(), Error>;
    /// Overwrites what the last batches left in buffers other than pages: activations and logits.
    fn forget(&mut self);
    /// Runs the batch; the logits that are wanted, `[rows_wanting_logits, vocab_len]`, in the order of those rows.
    fn forward(&mut self, batch: &Batch) -> Result<&[f32], Error>;
}

/// A model ready to run: its tensors packed, its hash held.
pub struct Model {
    pub(crate) lm: Box<dyn CausalLm>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("vocab_len", &self.vocab_len()).field("isa", &self.isa()).finish()
    }
}

impl Model {
    /// Bound of the token ids.
    pub fn vocab_len(&self) -> usize {
        self.lm.vocab_len()
    }

    /// Positions the model was trained for.
    pub fn trained_context(&self) -> usize {
        self.lm.trained_context()
    }

    /// Bytes of K and V a position takes.
    pub fn kv_bytes_per_token(&self) -> usize {
        self.lm.page_bytes() / PAGE_TOKENS
    }

    /// The instruction set or device the arithmetic runs on.
    pub fn isa(&self) -> &str {
        self.lm.isa()
    }

    /// Logits after every position from `from` on, `[tokens.len() - from, vocab_len]`, computed `chunk_tokens` at a time
    /// through the same pages as a served request. For evaluation and for tests; discards the pages afterwards.
    ///
    /// # Errors
    /// A token outside the vocabulary, a prompt that is empty or longer than the model's context, a device fault.
    pub fn logits(&mut self, tokens: &[u32], from: usize, chunk_tokens: usize) -> Result<Vec<f32>, Error> {
        let vocab_len = self.vocab_len();
        if tokens.iter().any(|id| *id as usize >= vocab_len) {
            return Err(Error::InvalidToken { vocab_len });
        }
        if tokens.is_empty() || tokens.len() > self.trained_context() || from >= tokens.len() {
            let reason =
                format!("{} tokens from {from}, the context is {}", tokens.len(), self.trained_context());
            return Err(Error::Options { field: "tokens", reason });
        }
        let pages = tokens.len().div_ceil(PAGE_TOKENS);
        self.lm.allocate_pages(pages)?;
        let block_table: Vec<u32> = (0..pages as u32).collect();
        let mut logits = Vec::with_capacity((tokens.len() - from) * vocab_len);
        let mut start = 0;
        while start < tokens.len() {
            // Of a chunk's last positions, only so many may want logits.
            let len =
                chunk_tokens.max(1).min(tokens.len() - start).min(from.saturating_sub(start) + LOGIT_ROWS);
            let chunk = tokens.iter().skip(start).take(len).copied().collect::<Vec<_>>();
            let wanted = (start + len).saturating_sub(from.max(start));
            let slice = BatchSlice { start, len, block_table: block_table.clone(), logits: wanted };
            let batch = Batch { tokens: chunk.into(), slices: vec![slice] };
            logits.extend_from_slice(self.lm.forward(&batch)?);
            start += len;
        }
        self.lm.allocate_pages(0)?;
        Ok(logits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_logits_are_the_trailing_ones_of_each_slice_in_order() {
        let slice = |len, logits| BatchSlice { start: 0, len, block_table: Vec::new(), logits };
        let slices = vec![slice(5, 0), slice(4, 1), slice(1, 1), slice(3, 3), slice(6, 2)];
        let batch = Batch { slices, ..Batch::default() };
        assert_eq!(batch.rows_wanting_logits(), [8, 9, 10, 11, 12, 17, 18]);
    }
}
