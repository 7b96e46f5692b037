//! Why a model was refused.

use std::path::PathBuf;

/// Why `models.toml`, a model or a file of it was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `models.toml` breaks its rules.
    #[error("{origin} line {line}: {message}")]
    Manifest {
        /// The file, as the user named it.
        origin: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong, with the key.
        message: String,
    },
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// No such model.
    #[error("no model {id} in {origin}; there are: {known}")]
    UnknownModel {
        /// What was asked for.
        id: String,
        /// The file with the models.
        origin: String,
        /// The ids there are.
        known: String,
    },
    /// A model that may not run.
    #[error(
        "model {id} is {status}, not approved: it is neither fetched nor loaded; approval is a change of its \
             status in models.toml"
    )]
    NotApproved {
        /// The model.
        id: String,
        /// Its status.
        status: &'static str,
    },
    /// A model that is there for something else.
    #[error(
        "model {id} has the role {role} in models.toml, and is asked to be {wanted}; name another, or correct its role"
    )]
    OtherRole {
        /// The model.
        id: String,
        /// Its role.
        role: &'static str,
        /// What it was asked for.
        wanted: &'static str,
    },
    /// A file is not in the store.
    #[error("model {id}: {} is not there: run `proeftuin models fetch {id}`", path.display())]
    NotFetched {
        /// The model.
        id: String,
        /// The missing file.
        path: PathBuf,
    },
    /// A file does not have its pinned hash or size, or is no regular file.
    #[error(transparent)]
    Weights(#[from] weights::Error),
    /// What was downloaded is not what was pinned; it has been removed.
    #[error(
        "{what}: downloaded {found_bytes} bytes with sha256 {found_sha256}, pinned are {pinned_bytes} bytes with \
         sha256 {pinned_sha256}: removed; the source has another file, or was tampered with"
    )]
    WrongDownload {
        /// Model and file.
        what: String,
        /// Pinned size.
        pinned_bytes: u64,
        /// Size that came.
        found_bytes: u64,
        /// Pinned hash.
        pinned_sha256: String,
        /// Hash of what came.
        found_sha256: String,
    },
    /// The source offers another size, said before anything was downloaded.
    #[error(
        "{what}: the source offers {offered_bytes} bytes, pinned are {pinned_bytes} (sha256 {pinned_sha256}): not downloaded"
    )]
    WrongOffer {
        /// Model and file.
        what: String,
        /// Size offered.
        offered_bytes: u64,
        /// Pinned size.
        pinned_bytes: u64,
        /// Pinned hash.
        pinned_sha256: String,
    },
    /// The source failed.
    #[error("{what}: {reason}")]
    Source {
        /// Model and file, or command.
        what: String,
        /// What went wrong and what to do.
        reason: String,
    },
    /// Another process fetches the same file.
    #[error("{}: another process is fetching this file: wait for it", path.display())]
    Busy {
        /// The temporary file.
        path: PathBuf,
    },
    /// The signature that an entry pins does not hold.
    #[error("model {id}: signature {bundle}: {reason}")]
    Signature {
        /// The model.
        id: String,
        /// The bundle, as the entry names it.
        bundle: String,
        /// Why it does not hold.
        reason: String,
    },
    /// The chat template is absent or not the pinned one.
    #[error("model {id}: chat template: {reason}")]
    Template {
        /// The model.
        id: String,
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    pub(crate) fn io(
        doing: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    pub(crate) fn source(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Source { what: what.into(), reason: reason.into() }
    }
}
