//! The file of reference log-probabilities that llama.cpp's `llama-perplexity --kl-divergence-base` writes.
//!
//! Little-endian throughout: the mark `_logits_`; `n_ctx`, `n_vocab` and `n_chunk` as i32; the tokens of all chunks as i32;
//! then, chunk by chunk, one row for each position from `n_ctx / 2` to `n_ctx - 2`. A row is the f32 pair `scale`, `least` and
//! `n_vocab` levels as u16, padded to an even number of them; the log-probability of a token is `scale * level + least`.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::Error;

const MARK: &[u8; 8] = b"_logits_";
const HEADER_BYTES: u64 = 20;
/// Bytes of `scale` and `least` before the levels of a row.
const ROW_HEAD_BYTES: usize = 8;

/// What is wrong with such a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaseFault {
    /// It does not begin as one does.
    #[error("does not begin with `_logits_`: not a file of --kl-divergence-base")]
    Mark,
    /// A number of the header is out of range.
    #[error("`{field}` is {value}, and must be between {least} and {most}")]
    Header {
        /// Which.
        field: &'static str,
        /// What it says.
        value: i32,
        /// The least that is read.
        least: i32,
        /// The most.
        most: i32,
    },
    /// It is shorter or longer than its header says.
    #[error("has {found} bytes where its header says {expected}; was the run that wrote it cut short?")]
    Size {
        /// By the header.
        expected: u128,
        /// Of the file.
        found: u64,
    },
    /// A token is outside the vocabulary.
    #[error("chunk {chunk}, position {position}: the token is outside the vocabulary of {n_vocab}")]
    Token {
        /// Counted from 0.
        chunk: usize,
        /// In the chunk.
        position: usize,
        /// Tokens there are.
        n_vocab: usize,
    },
    /// Scale or least log-probability is not one.
    #[error("chunk {chunk}, row {row}: scale and least log-probability are not those of a distribution")]
    Row {
        /// Counted from 0.
        chunk: usize,
        /// In the chunk.
        row: usize,
    },
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

/// The reference: its tokens in memory, its rows read chunk by chunk.
#[derive(Debug)]
pub struct BaseFile<R> {
    reader: R,
    /// Tokens of a chunk.
    pub n_ctx: usize,
    /// Log-probabilities of a row.
    pub n_vocab: usize,
    /// Chunks.
    pub n_chunk: usize,
    tokens: Vec<u32>,
    chunks_read: usize,
    rows: Vec<u8>,
}

/// The reference's distribution after one position.
#[derive(Debug, Clone, Copy)]
pub struct BaseRow<'a> {
    scale: f32,
    least: f32,
    levels: &'a [u8],
}

/// A chunk of the reference.
#[derive(Debug)]
pub struct BaseChunk<'a> {
    /// Its `n_ctx` tokens.
    pub tokens: &'a [u32],
    /// The distributions after positions `n_ctx / 2` to `n_ctx - 2`, in order.
    pub rows: Vec<BaseRow<'a>>,
}

impl BaseRow<'_> {
    /// The log-probability of every token, in the order of ids; f32 as the reference's own tool computes it.
    pub fn log_probs(&self) -> impl Iterator<Item = f32> {
        let (levels, _) = self.levels.as_chunks::<2>();
        levels.iter().map(|level| self.scale * f32::from(u16::from_le_bytes(*level)) + self.least)
    }
}

impl BaseFile<BufReader<File>> {
    /// Opens a file and reads its header and tokens.
    ///
    /// # Errors
    /// [`Error::Base`] with what is wrong.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let open = || -> Result<Self, BaseFault> {
            let file = File::open(path)?;
            let len = file.metadata()?.len();
            Self::new(BufReader::with_capacity(1 << 20, file), len)
        };
        open().map_err(|fault| Error::Base { path: path.to_owned(), fault })
    }
}

impl<R: Read> BaseFile<R> {
    /// Reads header and tokens. `len` is the whole file's size in bytes: nothing is allocated that it does not hold.
    ///
    /// # Errors
    /// [`BaseFault`].
    pub fn new(mut reader: R, len: u64) -> Result<Self, BaseFault> {
        let mut mark = [0; 8];
        let long_enough = len >= HEADER_BYTES;
        if long_enough {
            reader.read_exact(&mut mark)?;
        }
        if mark != *MARK {
            return Err(BaseFault::Mark);
        }
        let n_ctx = number(&mut reader, "n_ctx", 4, 1 << 24)?;
        let n_vocab = number(&mut reader, "n_vocab", 1, 1 << 24)?;
        let n_chunk = number(&mut reader, "n_chunk", 1, 1 << 24)?;
        // Three factors below 2^25 each: no overflow in 128 bits.
        let row_bytes = ROW_HEAD_BYTES + 2 * n_vocab.next_multiple_of(2);
        let chunk_bytes = (n_ctx - 1 - n_ctx / 2) as u128 * row_bytes as u128;
        let expected = u128::from(HEADER_BYTES) + n_chunk as u128 * (n_ctx as u128 * 4 + chunk_bytes);
        if expected != u128::from(len) {
            return Err(BaseFault::Size { expected, found: len });
        }
        let mut raw = vec![0; n_chunk * n_ctx * 4];
        reader.read_exact(&mut raw)?;
        let (raw, _) = raw.as_chunks::<4>();
        let token = |(index, bytes): (usize, &[u8; 4])| {
            let id = u32::from_le_bytes(*bytes);
            let fault = BaseFault::Token { chunk: index / n_ctx, position: index % n_ctx, n_vocab };
            if (id as usize) < n_vocab { Ok(id) } else { Err(fault) }
        };
        let tokens = raw.iter().enumerate().map(token).collect::<Result<Vec<_>, _>>()?;
        Ok(BaseFile { reader, n_ctx, n_vocab, n_chunk, tokens, chunks_read: 0, rows: Vec::new() })
    }

    /// Rows of each chunk.
    pub fn rows_per_chunk(&self) -> usize {
        self.n_ctx - 1 - self.n_ctx / 2
    }

    /// The next chunk; `None` after the last.
    ///
    /// # Errors
    /// [`BaseFault::Io`], [`BaseFault::Row`].
    pub fn next_chunk(&mut self) -> Result<Option<BaseChunk<'_>>, BaseFault> {
        let chunk = self.chunks_read;
        let Some(tokens) = self.tokens.chunks_exact(self.n_ctx).nth(chunk) else { return Ok(None) };
        self.chunks_read += 1;
        let row_bytes = ROW_HEAD_BYTES + 2 * self.n_vocab.next_multiple_of(2);
        self.rows.resize((self.n_ctx - 1 - self.n_ctx / 2) * row_bytes, 0);
        self.reader.read_exact(&mut self.rows)?;
        let n_vocab = self.n_vocab;
        let rows = self.rows.chunks_exact(row_bytes).enumerate();
        let rows = rows.map(|(row, bytes)| read_row(bytes, n_vocab).ok_or(BaseFault::Row { chunk, row }));
        Ok(Some(BaseChunk { tokens, rows: rows.collect::<Result<_, _>>()? }))
    }
}

fn number(reader: &mut impl Read, field: &'static str, least: i32, most: i32) -> Result<usize, BaseFault> {
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes)?;
    let value = i32::from_le_bytes(bytes);
    let fault = BaseFault::Header { field, value, least, most };
    if (least..=most).contains(&value) { Ok(value.unsigned_abs() as usize) } else { Err(fault) }
}

fn read_row(bytes: &[u8], n_vocab: usize) -> Option<BaseRow<'_>> {
    let (scale, rest) = bytes.split_first_chunk::<4>()?;
    let (least, levels) = rest.split_first_chunk::<4>()?;
    let (scale, least) = (f32::from_le_bytes(*scale), f32::from_le_bytes(*least));
    let holds = scale.is_finite() && scale >= 0.0 && least.is_finite();
    Some(BaseRow { scale, least, levels: levels.get(..n_vocab * 2)? }).filter(|_| holds)
}
