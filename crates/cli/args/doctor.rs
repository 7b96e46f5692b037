//! `doctor` as typed.

use clap::{Args, ValueEnum};

use super::Serve;

/// `doctor`
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, or with --strict a measure does not hold; 2 wrong usage.\n\
Takes the options of serve, so that what is shown is what serve would do with them."
)]
pub struct Doctor {
    /// What to print
    #[arg(long, value_enum, default_value_t = DoctorOutput::Text)]
    pub output: DoctorOutput,
    /// Fail where a measure does not hold
    #[arg(long)]
    pub strict: bool,
    /// What serve would be started with.
    #[command(flatten, next_help_heading = "Serve")]
    pub serve: Serve,
}

/// How the findings are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DoctorOutput {
    /// Tables, and what to do
    Text,
    /// One JSON object
    Json,
}
