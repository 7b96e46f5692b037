//! What can be wrong with the files of an identity. A token is never an error: it is taken or refused with a reason.

/// Why the files cannot be used. The policy that was in force before stays in force: the caller keeps it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A TOML file does not parse, or a value in it means nothing.
    #[error("{path}:{line}: {detail}")]
    File {
        /// Path inside the policy folder.
        path: String,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong and what to do, naming the key.
        detail: String,
    },
    /// A set of keys cannot be taken as it is. Never quotes it: somebody may have put a private key there.
    #[error("{path}: {detail}")]
    Keys {
        /// Path inside the policy folder.
        path: String,
        /// What is wrong and what to do.
        detail: String,
    },
}

impl Error {
    pub(crate) fn at(path: &str, text: &str, offset: usize, detail: impl Into<String>) -> Self {
        Self::File { path: path.into(), line: line_at(text, offset), detail: detail.into() }
    }

    pub(crate) fn toml(path: &str, text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map_or(0, |span| span.start);
        Self::at(path, text, offset, error.message())
    }

    pub(crate) fn keys(path: &str, detail: impl Into<String>) -> Self {
        Self::Keys { path: path.into(), detail: detail.into() }
    }
}

/// Line, counted from 1, of a byte offset in `text`.
fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count().saturating_add(1)
}
