//! The verified load: one pass over one file.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Fault};
use crate::hashing::{HashingReader, open_regular};
use crate::metadata::Metadata;
use crate::model::VerifiedFile;
use crate::source::Source;
use crate::stream::Sink;
use crate::tensor::TensorInfo;
use crate::{gguf, safetensors};

/// The step of the progress of a file that is only hashed.
const PIECE_BYTES: usize = 8 << 20;

/// A file with the hash and the size it was approved with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedFile {
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of the whole file.
    pub sha256: [u8; 32],
    /// Size in bytes.
    pub size_bytes: u64,
}

/// Proof that every byte given to the sink belonged to files with the pinned hashes. Only a load makes one.
#[derive(Debug)]
pub struct Verified {
    pub(crate) metadata: Metadata,
    pub(crate) tensors: Vec<TensorInfo>,
    pub(crate) files: Vec<VerifiedFile>,
    pub(crate) side_files: Vec<(String, Vec<u8>)>,
    pub(crate) read_time: Duration,
}

impl Verified {
    /// The metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The metadata, owned.
    pub fn into_metadata(self) -> Metadata {
        self.metadata
    }

    /// The tensors, in the order the sink had them.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The files that were read, with their hashes.
    pub fn files(&self) -> &[VerifiedFile] {
        &self.files
    }

    /// The hash that names these weights: see [`crate::identity_sha256`].
    pub fn sha256(&self) -> [u8; 32] {
        crate::identity_sha256(&self.files)
    }

    /// Time spent reading and hashing. The sink worked at the same time, so the two do not add up to the whole.
    pub fn read_time(&self) -> Duration {
        self.read_time
    }

    /// Contents of a verified file that holds no tensors, such as `config.json`.
    pub fn side_file(&self, name: &str) -> Option<&[u8]> {
        self.side_files.iter().find(|(own, _)| own == name).map(|(_, bytes)| bytes.as_slice())
    }
}

/// Loads one GGUF or safetensors file: reads it once, in order, hashes all of it, and hands the bytes that were hashed
/// to `sink`, piece by piece. Of the file no more is in memory than its header and a few pieces.
///
/// The sink works on bytes that are not verified yet: keep nothing of what it made unless this returns [`Verified`].
/// `progress` is told bytes done and bytes in all.
///
/// # Errors
/// [`Error::NotRegular`], [`Error::SizeMismatch`] and [`Error::HashMismatch`] before anything the contents caused: a
/// file that is not the pinned one is named as such even when it also fails to parse.
pub fn load(
    file: &PinnedFile,
    progress: &mut dyn FnMut(u64, u64),
    sink: &mut Sink<'_>,
) -> Result<Verified, Error> {
    let mut reader = open_pinned(file)?;
    let outcome = stream(&mut reader, file, progress, sink);
    if let Err(error @ Error::Io { .. }) = outcome {
        return Err(error);
    }
    let began = Instant::now();
    let verified = settle(reader, file)?;
    let (metadata, tensors, read_time) = outcome?;
    let read_time = read_time.saturating_add(began.elapsed());
    progress(file.size_bytes, file.size_bytes);
    Ok(Verified { metadata, tensors, files: vec![verified], side_files: Vec::new(), read_time })
}

/// Opens a pinned file and refuses another size, hashing it so that both hashes can be named.
pub(crate) fn open_pinned(file: &PinnedFile) -> Result<HashingReader<std::fs::File>, Error> {
    let (handle, found_bytes) = open_regular(&file.path)?;
    let reader = HashingReader::new(handle);
    if found_bytes == file.size_bytes {
        return Ok(reader);
    }
    let affordable = found_bytes / 2 <= file.size_bytes;
    let found_sha256 = match affordable.then(|| reader.finish(found_bytes)) {
        Some(Ok((_, hash))) => Some(hex::encode(hash)),
        _ => None,
    };
    Err(size_mismatch(file, found_bytes, found_sha256))
}

fn size_mismatch(file: &PinnedFile, found_bytes: u64, found_sha256: Option<String>) -> Error {
    Error::SizeMismatch {
        path: file.path.clone(),
        pinned_bytes: file.size_bytes,
        found_bytes,
        pinned_sha256: hex::encode(file.sha256),
        found_sha256,
    }
}

/// Hashes the rest and compares with what was pinned.
pub(crate) fn settle(reader: HashingReader<std::fs::File>, file: &PinnedFile) -> Result<VerifiedFile, Error> {
    let (bytes, hash) = reader.finish(file.size_bytes).map_err(|source| Error::Io {
        doing: "read",
        path: file.path.clone(),
        source,
    })?;
    if bytes != file.size_bytes {
        return Err(size_mismatch(file, bytes, Some(hex::encode(hash))));
    }
    if hash != file.sha256 {
        return Err(Error::HashMismatch {
            path: file.path.clone(),
            pinned_sha256: hex::encode(file.sha256),
            found_sha256: hex::encode(hash),
        });
    }
    Ok(VerifiedFile { name: name_of(&file.path), sha256: hash, size_bytes: bytes })
}

pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Header of either format, by its first four bytes.
pub(crate) fn read_header<R: Read>(
    source: &mut Source<R>,
    file_bytes: u64,
) -> Result<(crate::Format, Metadata, Vec<TensorInfo>), Fault> {
    let first = source.array()?;
    if first == gguf::MAGIC {
        let (metadata, tensors) = gguf::read_header(source, file_bytes)?;
        Ok((crate::Format::Gguf, metadata, tensors))
    } else {
        let (metadata, tensors) = safetensors::read_header(first, source, file_bytes)?;
        Ok((crate::Format::Safetensors, metadata, tensors))
    }
}

/// What a file says of itself, and the time spent reading and hashing.
type Streamed = (Metadata, Vec<TensorInfo>, Duration);

fn stream<R: Read + Send>(
    reader: &mut HashingReader<R>,
    file: &PinnedFile,
    progress: &mut dyn FnMut(u64, u64),
    sink: &mut Sink<'_>,
) -> Result<Streamed, Error> {
    let path = file.path.as_path();
    let began = Instant::now();
    let mut source = Source::new(&mut *reader, file.size_bytes);
    let (_, metadata, tensors) =
        read_header(&mut source, file.size_bytes).map_err(|fault| match source.io.take() {
            Some(source) => Error::Io { doing: "read", path: path.to_owned(), source },
            None => fault.at(path),
        })?;
    let header = began.elapsed();
    let mut progress = |done| progress(done, file.size_bytes);
    let rest = crate::stream::tensors(reader, path, (&metadata, &tensors), &mut progress, sink)?;
    Ok((metadata, tensors, header.saturating_add(rest)))
}

/// Hashes a pinned file without looking into it.
///
/// # Errors
/// As [`load`], but for its contents.
pub fn verify(file: &PinnedFile, progress: &mut dyn FnMut(u64, u64)) -> Result<VerifiedFile, Error> {
    let mut reader = open_pinned(file)?;
    hash_through(&mut reader, file.size_bytes, progress).map_err(|source| Error::Io {
        doing: "read",
        path: file.path.clone(),
        source,
    })?;
    settle(reader, file)
}

/// Hash and size of a file as it is now: what a pin for it would say.
///
/// # Errors
/// [`Error::NotRegular`], [`Error::Io`].
pub fn measure(path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<PinnedFile, Error> {
    let io = |source| Error::Io { doing: "read", path: path.to_owned(), source };
    let (handle, size_bytes) = open_regular(path)?;
    let mut reader = HashingReader::new(handle);
    hash_through(&mut reader, size_bytes, progress).map_err(io)?;
    let (found, sha256) = reader.finish(size_bytes).map_err(io)?;
    if found != size_bytes {
        return Err(io(std::io::Error::other("the file changed while it was read")));
    }
    Ok(PinnedFile { path: path.to_owned(), sha256, size_bytes })
}

fn hash_through<R: Read>(
    reader: &mut HashingReader<R>,
    total: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> std::io::Result<()> {
    while reader.position() < total {
        let piece = (PIECE_BYTES as u64).min(total.saturating_sub(reader.position()));
        let read = std::io::copy(&mut reader.by_ref().take(piece), &mut std::io::sink())?;
        if read == 0 {
            break;
        }
        progress(reader.position(), total);
    }
    Ok(())
}
