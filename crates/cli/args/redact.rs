//! `redact …` as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Lang;

/// `redact`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed. With --check: 0 nothing found, 1 something found, 2 failed.\n\
Time and memory grow with the text; limits.text_bytes_max of the profile (16 MiB) bounds it."
)]
pub struct Redact {
    #[command(subcommand)]
    pub command: Option<RedactCommand>,
    /// Files to read, as one request: the same value has the same placeholder in all [default: standard input]
    pub files: Vec<PathBuf>,
    /// What is read
    #[arg(long, value_enum, default_value_t = InputFormat::Auto)]
    pub format: InputFormat,
    /// What to print [default: text, or explain with --explain]
    #[arg(long, value_enum)]
    pub output: Option<RedactOutput>,
    /// Say why each was found, and what was not certain enough
    #[arg(long)]
    pub explain: bool,
    /// Redaction profile (TOML) [default: every kind is replaced by a pseudonym]
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Look for names, places and special categories, whatever the profile says
    #[arg(long, value_enum)]
    pub names: Option<Switch>,
    /// Say by the exit code whether something was found
    #[arg(long)]
    pub check: bool,
    /// Language of the page
    #[arg(long, value_enum, default_value_t = Lang::Nl)]
    pub lang: Lang,
}

/// `redact …`
#[derive(Debug, Subcommand)]
pub enum RedactCommand {
    /// Run the tests of profiles; exit code 1 if one fails
    ///
    /// Without --profile: redaction/tests/NAME.toml of the policy folder, for each redaction/NAME.toml that has one.
    Test {
        /// The profile to test
        #[arg(long, value_name = "FILE")]
        profile: Option<PathBuf>,
        /// Files with tests of it
        tests: Vec<PathBuf>,
    },
}

/// What `redact` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// By the file's name; JSON on standard input is seen
    Auto,
    /// Text, e-mail
    Text,
    /// Markdown, read as text
    Markdown,
    /// JSON: strings and numbers are rewritten, keys never
    Json,
    /// CSV: fields are rewritten, and the first row speaks for its columns
    Csv,
}

/// What `redact` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RedactOutput {
    /// What was read, with placeholders
    Text,
    /// The text with findings marked, in colour on a terminal, and why each was found
    Explain,
    /// Findings as JSON, with places in bytes and in characters
    Json,
    /// One page without script; it holds the original text
    Html,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes
    On,
    /// No
    Off,
}
