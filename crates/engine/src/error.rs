//! What can go wrong, and what to do about it. No message carries a token.

/// Why a model could not be loaded or an engine could not be started or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file was refused: not the pinned one, malformed, or with a tensor that could not be packed.
    #[error(transparent)]
    Weights(#[from] weights::Error),
    /// The kernels cannot do what was asked.
    #[error(transparent)]
    Kernels(#[from] kernels::Error),
    /// candle refused an operation.
    #[error("candle: {0}")]
    Candle(#[from] candle_core::Error),
    /// `general.architecture` names a family this engine has no wiring for.
    #[error("architecture `{architecture}` is not supported; supported: {supported}")]
    UnknownArchitecture {
        /// What the file says.
        architecture: String,
        /// What would have been accepted, comma separated.
        supported: &'static str,
    },
    /// The file carries no value of the right type under a key the architecture needs.
    #[error("metadata key `{key}` is missing or not of the expected type")]
    MissingMetadata {
        /// The key, in GGUF metadata or in `config.json`.
        key: String,
    },
    /// A metadata value is out of range or contradicts another.
    #[error("metadata key `{key}`: {reason}")]
    BadMetadata {
        /// The key, in GGUF metadata or in `config.json`.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The architecture needs a tensor the file does not have.
    #[error("tensor `{name}` is missing")]
    MissingTensor {
        /// The tensor's name in the file.
        name: String,
    },
    /// The file has a tensor the architecture has no place for; running without it would be another model.
    #[error("tensor `{name}` is not part of architecture `{architecture}`")]
    UnexpectedTensor {
        /// The tensor's name in the file.
        name: String,
        /// What the file says it is.
        architecture: String,
    },
    /// A tensor is there with another shape than the metadata implies.
    #[error("tensor `{name}` has shape {found:?}, the metadata implies {expected:?}")]
    TensorShape {
        /// The tensor's name in the file.
        name: String,
        /// Row-major shape implied by the metadata.
        expected: Vec<u64>,
        /// Row-major shape in the file.
        found: Vec<u64>,
    },
    /// The device asked for is not in this build or not on this machine.
    #[error("device {device}: {reason}")]
    Device {
        /// The device as asked for.
        device: String,
        /// What to do about it.
        reason: String,
    },
    /// An option is out of range.
    #[error("option `{field}`: {reason}")]
    Options {
        /// The option's name.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A token id is not in the model's vocabulary.
    #[error("a token id is outside the vocabulary of {vocab_len}")]
    InvalidToken {
        /// How many ids there are.
        vocab_len: usize,
    },
    /// An encoder was given no tokens, or more than it has positions for.
    #[error("a window of {tokens} tokens; from 1 to {tokens_max} fit")]
    Window {
        /// Tokens given.
        tokens: usize,
        /// Tokens there are positions for.
        tokens_max: usize,
    },
    /// A device operation failed.
    #[error("the device failed: {0}")]
    Fault(String),
    /// The engine's thread could not be started.
    #[error("the engine thread could not be started: {0}")]
    Thread(#[source] std::io::Error),
}

/// Why a request was not accepted. Nothing was queued and nothing was computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The bounded queue is full; try again later.
    #[error("{queued} requests are waiting already; try again in {retry_after_s} s")]
    QueueFull {
        /// Requests accepted and not yet started.
        queued: usize,
        /// A rough estimate of when a place comes free, in seconds; at least 1.
        retry_after_s: u32,
    },
    /// Prompt and answer together do not fit the context.
    #[error(
        "prompt of {prompt_tokens} tokens and max_tokens of {max_tokens} exceed the context of {context_tokens}"
    )]
    ContextOverflow {
        /// Tokens in the prompt.
        prompt_tokens: usize,
        /// Tokens asked for.
        max_tokens: u32,
        /// Tokens there is room for.
        context_tokens: usize,
    },
    /// A prompt token id is not in the vocabulary.
    #[error("a token id is outside the vocabulary")]
    InvalidToken,
    /// A sampling parameter is out of range.
    #[error("sampling parameter `{field}`: {reason}")]
    InvalidSampling {
        /// The parameter's name, as in `SamplingParams`, or `max_tokens`.
        field: &'static str,
        /// What is allowed.
        reason: &'static str,
    },
    /// There is no token to start from.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// The engine finishes what it has and accepts nothing new.
    #[error("the engine is shutting down")]
    ShuttingDown,
    /// The engine's thread has stopped on a fault; the process must be restarted.
    #[error("the engine has stopped after a fault")]
    EngineFailed,
}
