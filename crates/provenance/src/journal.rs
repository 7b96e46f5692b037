//! The journal: framed batches of entries, each with a checksum over its head and one over its body.
//!
//! ```text
//! head   magic "PTJ1" | first index u64 le | entries u32 le | body bytes u32 le | SHA-256(those 20 bytes)[..12]
//! body   entries, each u16 be length + bytes (as in an entry bundle)
//! tail   SHA-256(head || body)[..16]
//! ```
//!
//! A crash in the middle of a write leaves a last record that ends too early; only that is cut. The head has its own
//! checksum, so a damaged length cannot pass for one.
//!
//! A journal is several files: one for each epoch that is over, named by its first leaf, and the one that is written.

use std::{
    collections::VecDeque,
    io::{self, Read},
};

use sha2::{Digest as _, Sha256};

use crate::{Error, Result, tile::split_entries};

const MAGIC: [u8; 4] = *b"PTJ1";
const HEAD_FIELDS: usize = 20;
const HEAD_BYTES: usize = 32;
const TAIL_BYTES: usize = 16;
/// Longest body of one record.
pub const BODY_BYTES_MAX: usize = 8 << 20;
/// A hole left by a lost page: no head, entry or checksum has so many zero bytes in a row.
const HOLE_BYTES: usize = 16;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Number of the record.
    pub number: u64,
    /// Where it starts in the journal.
    pub offset: u64,
    /// Index of its first entry.
    pub first_index: u64,
    /// Its entries.
    pub entries: Vec<Vec<u8>>,
}

/// Frames a batch.
///
/// # Errors
/// [`Error::Leaf`] when the batch is over [`BODY_BYTES_MAX`] (the writer bounds its batches below it).
pub fn frame(first_index: u64, count: u32, body: &[u8]) -> Result<Vec<u8>> {
    let too_long = || Error::Leaf { field: "batch", why: format!("is over {BODY_BYTES_MAX} bytes") };
    if body.len() > BODY_BYTES_MAX {
        return Err(too_long());
    }
    let len = u32::try_from(body.len()).map_err(|_| too_long())?;
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len() + TAIL_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&first_index.to_le_bytes());
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.extend_from_slice(&len.to_le_bytes());
    let sum = Sha256::digest(&bytes).0;
    bytes.extend(sum.iter().take(HEAD_BYTES - HEAD_FIELDS));
    bytes.extend_from_slice(body);
    let sum = Sha256::digest(&bytes).0;
    bytes.extend(sum.iter().take(TAIL_BYTES));
    Ok(bytes)
}

/// Path, inside the log folder, of the file that is written.
pub(crate) const CURRENT: &str = "journal";
/// Folder of the closed files.
pub(crate) const CLOSED: &str = "journal.d";

/// Path of the closed file that starts with leaf `first`, inside the log folder.
#[must_use]
pub fn closed_path(first: u64) -> String {
    format!("{CLOSED}/{first:020}")
}

/// Reads the name of a closed file.
pub(crate) fn closed_first(name: &str) -> Option<u64> {
    name.parse().ok().filter(|first| format!("{first:020}") == name)
}

/// One file of a journal.
pub struct Segment {
    /// Index of its first leaf; `None` for the file that is written.
    pub first: Option<u64>,
    /// From its start.
    pub bytes: Box<dyn Read>,
}

/// What the reader found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A whole record.
    Record(Record),
    /// The end of the journal, right after a whole record.
    End,
    /// The last record is incomplete; `bytes` of it are there.
    Torn {
        /// Bytes of the unfinished record.
        bytes: u64,
    },
}

/// Reads records of one file, one after the other.
pub struct Reader<R> {
    source: R,
    file: String,
    number: u64,
    offset: u64,
    /// `None` before the first record of a file that starts wherever it starts.
    next_index: Option<u64>,
}

impl<R: Read> Reader<R> {
    /// Reads a journal that is one file, from its start.
    pub fn new(source: R) -> Self {
        Self::of(CURRENT.to_owned(), source, Some(0))
    }

    /// Reads a file of a journal; its first leaf is `first`, if that is known.
    fn of(file: String, source: R, first: Option<u64>) -> Self {
        Self { source, file, number: 0, offset: 0, next_index: first }
    }

    /// Byte offset after the last whole record.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn damaged(&self, why: &str) -> Error {
        Error::JournalRecord {
            file: self.file.clone(),
            record: self.number,
            offset: self.offset,
            first_index: self.next_index.unwrap_or_default(),
            why: why.to_owned(),
        }
    }

    /// Fills `buffer` as far as the source goes and returns how many bytes it got.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|r| !r.is_empty()) {
            match self.source.read(rest) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io("read", self.file.as_str(), &e)),
            }
        }
        Ok(filled)
    }

    /// The next record.
    ///
    /// # Errors
    /// [`Error::JournalRecord`] naming the damaged record; [`Error::Io`] when reading fails.
    pub fn next_record(&mut self) -> Result<Next> {
        let mut head = [0u8; HEAD_BYTES];
        let got = self.fill(&mut head)?;
        if got == 0 {
            return Ok(Next::End);
        }
        if got < HEAD_BYTES {
            return Ok(Next::Torn { bytes: got as u64 });
        }
        let Some((first_index, count, len)) = parse_head(&head) else {
            return self.hole_or_damage(0, &head, "its head does not match its checksum");
        };
        if self.next_index.is_some_and(|next| next != first_index) {
            return Err(self.damaged("its first index does not follow the record before it"));
        }
        let mut rest = vec![0u8; len + TAIL_BYTES];
        let got = self.fill(&mut rest)?;
        if got < rest.len() {
            return Ok(Next::Torn { bytes: (HEAD_BYTES + got) as u64 });
        }
        let (body, tail) = rest.split_at(len);
        let sum = Sha256::new().chain_update(head).chain_update(body).finalize().0;
        if sum.split_at(TAIL_BYTES).0 != tail {
            return self.hole_or_damage(HEAD_BYTES, &rest, "its body does not match its checksum");
        }
        let entries = split_entries(body).filter(|e| e.len() as u64 == u64::from(count));
        let Some(entries) = entries else { return Err(self.damaged("its entries do not add up")) };
        let entries: Vec<Vec<u8>> = entries.into_iter().map(<[u8]>::to_vec).collect();
        let record = Record { number: self.number, offset: self.offset, first_index, entries };
        self.number += 1;
        self.offset += (HEAD_BYTES + len + TAIL_BYTES) as u64;
        self.next_index = Some(first_index.saturating_add(u64::from(count)));
        Ok(Next::Record(record))
    }

    /// A record whose pages did not all reach the disk reads as zeros where they are missing. It is unfinished, and
    /// only so, if it is the last and has such a hole; one changed byte never makes one.
    fn hole_or_damage(&mut self, before: usize, seen: &[u8], why: &str) -> Result<Next> {
        let damaged = self.damaged(why);
        let mut rest = Vec::new();
        let limit = BODY_BYTES_MAX as u64;
        let read = (&mut self.source).take(limit).read_to_end(&mut rest);
        let got = read.map_err(|e| Error::io("read", self.file.as_str(), &e))?;
        // A hole may begin in the last bytes of a head, so it is looked for in both.
        if !has_hole(seen.iter().chain(&rest)) {
            return Err(damaged);
        }
        // A later record would mean that this one was acknowledged.
        if got == BODY_BYTES_MAX || rest.windows(MAGIC.len()).any(|w| w == MAGIC) {
            return Err(damaged);
        }
        Ok(Next::Torn { bytes: (before + seen.len() + got) as u64 })
    }
}

/// Reads a journal of several files as one.
pub(crate) struct Journal {
    reader: Reader<Box<dyn Read>>,
    waiting: VecDeque<Segment>,
    peeked: Option<Next>,
    /// Index of the first leaf there is.
    base: u64,
    /// First leaf of the file that is read.
    file_first: u64,
}

impl Journal {
    /// Over files in their order, the one that is written last.
    ///
    /// # Errors
    /// As [`Reader::next_record`].
    pub(crate) fn open(segments: Vec<Segment>) -> Result<Self> {
        let mut waiting = VecDeque::from(segments);
        let first = waiting.pop_front().ok_or_else(|| Error::Missing { path: CURRENT.to_owned() })?;
        // Where every closed file was pruned, only the records know where the journal starts.
        let mut reader = Reader::of(path_of(&first), first.bytes, first.first);
        let peeked = reader.next_record()?;
        let base = match &peeked {
            Next::Record(record) => record.first_index,
            Next::End | Next::Torn { .. } => first.first.unwrap_or_default(),
        };
        Ok(Self { reader, waiting, peeked: Some(peeked), base, file_first: base })
    }

    /// Index of the first leaf there is.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// First leaf of the file that the last record came from.
    pub(crate) fn file_first(&self) -> u64 {
        self.file_first
    }

    /// Byte offset after the last whole record, in the file that is read: at the end, the one that is written.
    pub(crate) fn offset(&self) -> u64 {
        self.reader.offset()
    }

    /// The next record of whichever file; an end or an unfinished record only of the last.
    pub(crate) fn next_record(&mut self) -> Result<Next> {
        loop {
            let next = match self.peeked.take() {
                Some(next) => next,
                None => self.reader.next_record()?,
            };
            let Some(segment) = self.waiting.front().filter(|_| !matches!(next, Next::Record(_))) else {
                return Ok(next);
            };
            if matches!(next, Next::Torn { .. }) {
                return Err(self.reader.damaged("it ends too early, and another file follows"));
            }
            let first = self.reader.next_index.unwrap_or(self.base);
            if segment.first.is_some_and(|named| named != first) {
                return Err(Error::Missing { path: closed_path(first) });
            }
            if let Some(segment) = self.waiting.pop_front() {
                self.reader = Reader::of(path_of(&segment), segment.bytes, Some(first));
                self.file_first = first;
            }
        }
    }
}

fn path_of(segment: &Segment) -> String {
    segment.first.map_or_else(|| CURRENT.to_owned(), closed_path)
}

fn has_hole<'a>(mut bytes: impl Iterator<Item = &'a u8>) -> bool {
    let mut zeros = 0;
    bytes.any(|byte| {
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        zeros >= HOLE_BYTES
    })
}

/// First index, number of entries, body length; `None` when the checksum or a bound does not hold.
fn parse_head(head: &[u8; HEAD_BYTES]) -> Option<(u64, u32, usize)> {
    let (fields, sum) = head.split_at(HEAD_FIELDS);
    if Sha256::digest(fields).0.split_at(HEAD_BYTES - HEAD_FIELDS).0 != sum {
        return None;
    }
    let (magic, fields) = fields.split_first_chunk::<4>()?;
    let (first_index, fields) = fields.split_first_chunk::<8>()?;
    let (count, fields) = fields.split_first_chunk::<4>()?;
    let (len, _) = fields.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    let known = *magic == MAGIC && len <= BODY_BYTES_MAX;
    known.then_some((u64::from_le_bytes(*first_index), u32::from_le_bytes(*count), len))
}
