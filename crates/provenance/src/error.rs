use std::path::PathBuf;

/// What can go wrong in the log. Messages name the place and never contain content.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The log refused or lost a write and takes no more; requests must be refused until it is reopened.
    #[error("the log is closed: {why}; free space or repair the disk, then restart")]
    LogClosed {
        /// The first failure, or the shutdown that closed it.
        why: String,
    },
    /// The writer's queue is full.
    #[error("the log's queue is full: {capacity} places are taken; retry later")]
    QueueFull {
        /// Places in the queue, reserved ones included.
        capacity: usize,
    },
    /// A file operation failed.
    #[error("cannot {doing} {}: {why}", path.display())]
    Io {
        /// The verb: read, write, lock…
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        why: String,
    },
    /// Another process writes this log.
    #[error("another process holds {}; a log has one writer", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A key file is readable by others or does not parse.
    #[error("key file {}: {why}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
    /// An identifier of a person is not one of its kind. It is not repeated.
    #[error("the identifier {why}")]
    DataSubject {
        /// What it must be.
        why: &'static str,
    },
    /// A value of a leaf breaks its limits.
    #[error("leaf field {field}: {why}")]
    Leaf {
        /// The field's name in the record.
        field: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A record of the journal is damaged.
    #[error("{file}: record {record} at byte {offset} (leaves from {first_index}) is damaged: {why}")]
    JournalRecord {
        /// The file, inside the log folder.
        file: String,
        /// Number of the record, from 0.
        record: u64,
        /// Byte offset of the record.
        offset: u64,
        /// Index of its first leaf.
        first_index: u64,
        /// What is wrong.
        why: String,
    },
    /// The journal has fewer leaves than a signed checkpoint says.
    #[error(
        "journal: {journal} leaves, but the signed checkpoint has {checkpoint}; leaves were lost or cut away"
    )]
    JournalBehind {
        /// Leaves in the journal.
        journal: u64,
        /// Leaves in the checkpoint.
        checkpoint: u64,
    },
    /// A derived file differs from what the leaves give.
    #[error("{path} is broken: {why}")]
    Broken {
        /// Path inside the public folder.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// A leaf is broken.
    #[error("leaf {index} is broken: {why}")]
    BrokenLeaf {
        /// Index of the leaf.
        index: u64,
        /// What is wrong.
        why: String,
    },
    /// A file that the log needs is not there.
    #[error("{path} is missing")]
    Missing {
        /// Path inside the log folder.
        path: String,
    },
    /// A file in the public folder that the log cannot have written.
    #[error("{path} does not belong to this log")]
    Unexpected {
        /// Path inside the public folder.
        path: String,
    },
    /// Leaves are gone, and no pruning that the log knows of removed them.
    #[error("leaves 0 to {} are missing, and no pruning sealed in the log removed them; restore them from a backup", before.saturating_sub(1))]
    Unaccounted {
        /// The first leaf there is.
        before: u64,
    },
    /// Leaves were to be pruned that must be kept.
    #[error(
        "leaves younger than {months} months must be kept (AI Act, articles 19 and 26), and none of the future can go; choose an earlier date, or waive the minimum where another law decides"
    )]
    TooYoung {
        /// Months that every leaf is kept.
        months: u32,
    },
    /// No whole epoch is old enough to be pruned.
    #[error("nothing to prune: {}", nothing(*latest_ms, *closed))]
    NothingToPrune {
        /// Time of the latest leaf of the oldest file of the journal, ms since 1970.
        latest_ms: Option<i64>,
        /// Whether that file's epoch is over.
        closed: bool,
    },
    /// A signed note, checkpoint or proof does not parse or verify.
    #[error("{what}: {why}")]
    Note {
        /// checkpoint, old checkpoint, proof, verifier key…
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The log does not contain the history an older checkpoint was signed over.
    #[error("history was rewritten: {why}")]
    Fork {
        /// Rollback or fork, with sizes.
        why: String,
    },
    /// A witness did not cosign what it should have.
    #[error("not cosigned by {name}: {why}")]
    NotWitnessed {
        /// The witness.
        name: String,
        /// What is lacking.
        why: String,
    },
    /// A receipt does not hold.
    #[error("receipt: {why}")]
    Receipt {
        /// What does not hold.
        why: String,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system: {why}")]
    Random {
        /// The operating system's words.
        why: String,
    },
    /// The writer thread could not be started.
    #[error("cannot start the log's writer thread: {why}")]
    Thread {
        /// The operating system's words.
        why: String,
    },
    /// A leaf cannot be said in an export's format, or the export could not be written.
    #[error("the export {what}: {why}")]
    Export {
        /// Where.
        what: String,
        /// Why, and what to do.
        why: String,
    },
}

fn nothing(latest_ms: Option<i64>, closed: bool) -> String {
    let at = latest_ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    match at {
        None => "the log has no leaf".to_owned(),
        Some(at) if closed => format!("the oldest epoch has leaves until {at:.0}"),
        Some(at) => format!("the only epoch is not over; its latest leaf is of {at:.0}"),
    }
}

impl Error {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>, error: &std::io::Error) -> Self {
        Self::Io { doing, path: path.into(), why: error.to_string() }
    }
}

/// `Result` with this crate's error.
pub type Result<T> = std::result::Result<T, Error>;
