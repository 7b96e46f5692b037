//! `assess …` as typed.

use std::path::PathBuf;

use clap::Args;

/// `assess`
#[derive(Debug, Args)]
pub struct Assess {
    /// The form's own export (JSON), or another document to take the hash of
    pub file: PathBuf,
}
