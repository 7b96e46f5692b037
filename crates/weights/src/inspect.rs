//! A look at a file that proves nothing about it.

use std::path::Path;

use memmap2::Mmap;

use crate::error::{Error, Fault};
use crate::hashing::open_regular;
use crate::metadata::Metadata;
use crate::source::Source;
use crate::tensor::TensorInfo;

/// The format of a model file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// GGUF v2 or v3.
    Gguf,
    /// safetensors.
    Safetensors,
}

/// What a file says of itself. Nothing here is verified: for `models show`, and for tools that need single tensors.
#[derive(Debug)]
pub struct Inspection {
    /// The format.
    pub format: Format,
    /// The metadata.
    pub metadata: Metadata,
    /// The tensors, as they lie in the file.
    pub tensors: Vec<TensorInfo>,
    /// The file's size.
    pub size_bytes: u64,
    map: Mmap,
}

impl Inspection {
    /// The mapped, unverified bytes of a tensor of this file.
    pub fn unverified_bytes(&self, tensor: &TensorInfo) -> Option<&[u8]> {
        let start = usize::try_from(tensor.offset).ok()?;
        self.map.get(start..start.checked_add(usize::try_from(tensor.bytes).ok()?)?)
    }
}

/// The header of a file whose bytes are in memory.
#[derive(Debug)]
pub struct Header {
    /// The format.
    pub format: Format,
    /// The metadata.
    pub metadata: Metadata,
    /// The tensors, as they lie in the file.
    pub tensors: Vec<TensorInfo>,
}

/// Reads the header of a whole file in memory: the parser that every other way in uses, and the one that is fuzzed.
///
/// # Errors
/// What is wrong with the contents.
pub fn parse(bytes: &[u8]) -> Result<Header, Fault> {
    let size_bytes = bytes.len() as u64;
    let (format, metadata, tensors) =
        crate::load::read_header(&mut Source::new(bytes, size_bytes), size_bytes)?;
    Ok(Header { format, metadata, tensors })
}

/// Maps a file and reads its header.
///
/// # Errors
/// [`Error::NotRegular`], [`Error::Io`], [`Error::Malformed`].
pub fn inspect(path: &Path) -> Result<Inspection, Error> {
    let (file, _) = open_regular(path)?;
    let io = |source| Error::Io { doing: "map", path: path.to_owned(), source };
    // SAFETY: the map is private and read-only, and this process never writes to the file. Another process that
    // rewrites the file while it is inspected can change bytes that were looked at, or end this process by SIGBUS
    // when it truncates it: the parser copies each value out before it judges it, holds no pointer into the map, and
    // no serving path calls this function (a load goes through `load`, which maps nothing).
    let map = unsafe { Mmap::map(&file) }.map_err(io)?;
    let Header { format, metadata, tensors } = parse(&map).map_err(|fault| fault.at(path))?;
    Ok(Inspection { format, metadata, tensors, size_bytes: map.len() as u64, map })
}
