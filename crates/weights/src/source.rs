//! Bounded little-endian reading of a header from untrusted bytes.

use std::io::Read;

use crate::error::Fault;

/// Longest string a header may hold: tokenizer and template texts stay far below.
const STRING_BYTES_MAX: u64 = 16 << 20;

/// A reader that knows how many bytes the file still has, so that no count can ask for more.
pub(crate) struct Source<R> {
    inner: R,
    position: u64,
    size: u64,
    /// The operating system's error behind the last fault, if any.
    pub io: Option<std::io::Error>,
}

impl<R: Read> Source<R> {
    pub fn new(inner: R, size: u64) -> Self {
        Self { inner, position: 0, size, io: None }
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn remaining(&self) -> u64 {
        self.size.saturating_sub(self.position)
    }

    /// Fills `out`, or says that the file ends too early.
    pub fn fill(&mut self, out: &mut [u8]) -> Result<(), Fault> {
        let len = out.len() as u64;
        if len > self.remaining() {
            return Err(self.short(len));
        }
        if let Err(error) = self.inner.read_exact(out) {
            let fault = Fault::new(format!("reading stopped after byte {}: {error}", self.position));
            self.io = Some(error);
            return Err(fault);
        }
        self.position = self.position.saturating_add(len);
        Ok(())
    }

    fn short(&self, wanted: u64) -> Fault {
        Fault::new(format!(
            "header wants {wanted} bytes at byte {}, the file has {} left",
            self.position,
            self.remaining()
        ))
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    /// A count of things that take at least `bytes_each` bytes, refused when the file cannot hold them.
    pub fn count(&mut self, what: &str, bytes_each: u64, max: u64) -> Result<usize, Fault> {
        let count = self.u64()?;
        let fits = count.checked_mul(bytes_each).is_some_and(|bytes| bytes <= self.remaining());
        if !fits || count > max {
            return Err(Fault::new(format!(
                "header announces {count} {what}; at most {max} are read, and {} bytes are left",
                self.remaining()
            )));
        }
        usize::try_from(count).map_err(|_| Fault::new(format!("{count} {what} do not fit in memory")))
    }

    /// Exactly `len` bytes, on the heap, after checking that the file has them.
    pub fn bytes(&mut self, len: u64, max: u64) -> Result<Vec<u8>, Fault> {
        if len > self.remaining() {
            return Err(self.short(len));
        }
        if len > max {
            return Err(Fault::new(format!(
                "{len} bytes at byte {} exceed the limit of {max}",
                self.position
            )));
        }
        let len = usize::try_from(len).map_err(|_| self.short(len))?;
        let mut bytes = vec![0; len];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A string with a 64-bit length before it.
    pub fn string(&mut self) -> Result<String, Fault> {
        let at = self.position;
        let len = self.u64()?;
        let bytes = self.bytes(len, STRING_BYTES_MAX)?;
        String::from_utf8(bytes).map_err(|_| Fault::new(format!("string at byte {at} is not UTF-8")))
    }

    /// Skips padding.
    pub fn skip(&mut self, mut bytes: u64) -> Result<(), Fault> {
        let mut sink = [0; 4096];
        while bytes > 0 {
            let step = usize::try_from(bytes).unwrap_or(usize::MAX).min(sink.len());
            let (part, _) = sink.split_at_mut(step);
            self.fill(part)?;
            bytes = bytes.saturating_sub(step as u64);
        }
        Ok(())
    }
}
