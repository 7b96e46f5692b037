//! What keeps a measurement from being made. No message carries a prompt, an answer or a key.

use std::path::{Path, PathBuf};

use crate::base_file::BaseFault;

/// Why nothing was measured, or why what was measured cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A definition of workloads is wrong.
    #[error("{origin}: {reason}")]
    Definition {
        /// The file, or the built-in set.
        origin: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// A workload cannot be run here.
    #[error("workload {name}: {reason}")]
    Workload {
        /// Its name in the definition.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A suite cannot be run here, or not to its end.
    #[error("suite {name}: {reason}")]
    Suite {
        /// Its name, or the metric's.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A server did not answer as a running one of this program does.
    #[error("the server at {url}: {reason}")]
    Server {
        /// Its base URL.
        url: String,
        /// What is wrong; nothing that it said.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// The verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// A record is not one of ours, or of another version.
    #[error("{}: {reason}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A reference's file of log-probabilities is malformed.
    #[error("{} {fault}", path.display())]
    Base {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: BaseFault,
    },
    /// The model's tokenizer cannot be built.
    #[error(transparent)]
    Tokenizer(#[from] gateway::LoadError),
    /// A command that measures did not.
    #[error("{name}: {reason}")]
    Command {
        /// Whose command.
        name: String,
        /// What became of it, with the end of what it said.
        reason: String,
    },
    /// The model cannot be loaded, or the engine met a fault.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The engine refused a request of a workload.
    #[error("workload {name}: {source}")]
    Submit {
        /// The workload.
        name: String,
        /// Why.
        source: engine::SubmitError,
    },
}

impl Error {
    /// For `map_err`, with what was being done to which file.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Error::Io { doing, path: path.to_owned(), source }
    }
}
