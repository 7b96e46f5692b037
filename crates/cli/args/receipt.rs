//! `receipt …` and `replay` as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::EngineArgs;

/// `receipt …`
#[derive(Debug, Subcommand)]
pub enum ReceiptCommand {
    /// Check a receipt with the log's public key alone, and say what it proves; needs no server
    #[command(
        after_help = "Exit codes: 0 it verifies and all that was given belongs to it, 1 it does not, 2 wrong usage."
    )]
    Verify {
        /// A receipt (JSON), a whole response body, or the events of a stream; - is standard input
        file: PathBuf,
        /// The log's verifier key (`proeftuin log key`), or a file with it. Get it from the organisation, not from the receipt
        #[arg(long, value_name = "KEY")]
        key: String,
        /// The request body that was sent: say whether it is the one
        #[arg(long, value_name = "FILE")]
        input: Option<PathBuf>,
        /// The text of an answer, where FILE is a receipt alone: say whether it is one that was sent
        #[arg(long, value_name = "FILE")]
        answer: Option<PathBuf>,
        /// A witness's key, or a file with it: it must have seen the receipt's leaves
        #[arg(long, value_name = "KEY")]
        witness: Option<String>,
        /// A copy of the log's public folder, for checkpoints that were cosigned after the receipt; hash tiles will do
        #[arg(long, value_name = "DIR", requires = "witness")]
        public: Option<PathBuf>,
        /// What to print
        #[arg(long, value_enum, default_value_t = ReceiptOutput::Text)]
        output: ReceiptOutput,
    },
}

/// `replay`
#[derive(Debug, Args)]
#[command(
    after_help = "Threads, batches, caches and guessed tokens change no answer, so these settings need not be those of the server. \
                  --policy must name the folder as it stood, and --models the list with the model.\n\
                  Exit codes: 0 everything is equal, 1 it is not or cannot be replayed, 2 wrong usage."
)]
pub struct Replay {
    /// Receipts of one model: each the JSON, a whole response body, or the events of a stream
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The request body that was sent; one for each receipt, in their order
    #[arg(long = "input", value_name = "FILE", required = true)]
    pub inputs: Vec<PathBuf>,
    /// The log's verifier key (`proeftuin log key`), or a file with it
    #[arg(long, value_name = "KEY")]
    pub key: String,
    /// What to print
    #[arg(long, value_enum, default_value_t = ReceiptOutput::Text)]
    pub output: ReceiptOutput,
    /// Engine settings.
    #[command(flatten, next_help_heading = "Engine")]
    pub engine: EngineArgs,
}

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReceiptOutput {
    /// Lines for people
    Text,
    /// JSON for programs
    Json,
}
