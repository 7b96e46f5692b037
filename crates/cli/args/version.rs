//! `version` as typed.

use clap::{Args, ValueEnum};

/// `version`
#[derive(Debug, Clone, Args)]
pub struct Version {
    /// What to print
    #[arg(long, value_enum, default_value_t = VersionOutput::Text)]
    pub output: VersionOutput,
}

/// How a build is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VersionOutput {
    /// A line for each fact
    Text,
    /// One JSON object
    Json,
    /// Its bill of materials, CycloneDX 1.6 JSON
    Sbom,
}
