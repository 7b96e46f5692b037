//! What can be wrong with a weights file.

use std::path::PathBuf;

/// What a sink may return to stop a load: any error at all.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// Why weights were refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was being done: `open`, `read`, `map`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A symbolic link, folder, pipe, socket or device stands where a file should.
    #[error("{} is {kind}, not a regular file: put the weights there as a plain file", path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// The file has another size than the pinned one.
    #[error(
        "{}: size is {found_bytes} bytes, pinned are {pinned_bytes}; sha256 pinned {pinned_sha256}, found {}: \
         fetch the model again, or pin this file if it is the approved one",
        path.display(), found_sha256.as_deref().unwrap_or("not computed (far larger than pinned)")
    )]
    SizeMismatch {
        /// The file.
        path: PathBuf,
        /// Size that was pinned.
        pinned_bytes: u64,
        /// Size that was found.
        found_bytes: u64,
        /// Pinned SHA-256, in hexadecimal.
        pinned_sha256: String,
        /// SHA-256 of what was found, in hexadecimal.
        found_sha256: Option<String>,
    },
    /// The file has the pinned size and other contents.
    #[error(
        "{}: sha256 pinned {pinned_sha256}, found {found_sha256}: these are not the approved weights; fetch the \
         model again, or pin this file if it is the approved one",
        path.display()
    )]
    HashMismatch {
        /// The file.
        path: PathBuf,
        /// Pinned SHA-256, in hexadecimal.
        pinned_sha256: String,
        /// SHA-256 of the bytes read, in hexadecimal.
        found_sha256: String,
    },
    /// The contents break the file format, or use a part of it that is not supported.
    #[error("{}: {fault}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: Fault,
    },
    /// The sink refused a tensor.
    #[error("{}: tensor {tensor}: {source}", path.display())]
    Sink {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The sink's reason.
        source: SinkError,
    },
    /// The files of one model do not belong together.
    #[error("{0}")]
    Assembly(String),
}

/// What is wrong inside a file, without its name. Names taken from the file are escaped and cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub(crate) String);

impl Fault {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn at(self, path: &std::path::Path) -> Error {
        Error::Malformed { path: path.to_owned(), fault: self }
    }
}

/// A name from an untrusted file, made safe to print: control characters escaped, at most 80 characters.
pub(crate) fn printable(name: &str) -> String {
    let mut safe: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    if name.chars().nth(80).is_some() {
        safe.push('…');
    }
    safe
}
