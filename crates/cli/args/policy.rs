//! `policy …` as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `policy …`
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Check that the folder loads, that its decision tables hold, and what needs attention soon
    Check,
    /// Run the decision tables of the folder, file by file
    Test,
    /// Have the running server read the folder anew; a folder that is not fit leaves the one in force (SIGHUP does the same)
    Reload,
    /// Say in plain words who may do what
    Explain {
        /// Use case of the policy [default: all]
        id: Option<String>,
        #[command(flatten)]
        telling: Telling,
    },
    /// Say in plain words what another folder allows otherwise, and which rules and records differ
    Diff {
        /// The folder as it was, with its own roster; --policy names the one as it is
        before: PathBuf,
        #[command(flatten)]
        telling: Telling,
    },
}

/// How something is told.
#[derive(Debug, Args)]
pub struct Telling {
    /// Language of the sentences
    #[arg(long, value_enum, default_value_t = Lang::En)]
    pub lang: Lang,
    /// The moment to judge at, as 2026-01-31T09:00:00+01:00 [default: now]
    #[arg(long, value_name = "MOMENT")]
    pub at: Option<String>,
}

/// A language to explain in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English
    En,
    /// Dutch
    Nl,
}

impl From<Lang> for policy::Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::English,
            Lang::Nl => Self::Dutch,
        }
    }
}
