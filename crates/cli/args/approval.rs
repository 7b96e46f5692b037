//! `use-case …` and `roster …` as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::policy::Lang;

/// `use-case …`
#[derive(Debug, Subcommand)]
pub enum UseCase {
    /// Write a record by answering questions; run it again to answer what was left open
    New(New),
    /// Make a signing key; the public half is printed for the roster
    Keygen {
        /// The key file to write; it is secret, and shown to nobody
        file: PathBuf,
    },
    /// Sign an advice, a decision, or that a condition is met; needs the policy folder and a key, and no network
    Sign(Box<Sign>),
    /// Say where a use case stands: who signed what, what of it holds, and what is missing
    Status {
        /// Use case of the policy
        id: String,
    },
    /// Check that use cases that should run may chat with each of their models; exit code 1 names the rules in the way
    Check {
        /// Use case of the policy [default: every one whose status is pilot or accepted]
        id: Option<String>,
        /// The moment to judge at, as 2026-01-31T09:00:00+01:00 [default: now]
        #[arg(long, value_name = "MOMENT")]
        at: Option<String>,
    },
    /// Documents, and lessons of others.
    #[command(flatten)]
    Evidence(super::Evidence),
}

/// `use-case new`
#[derive(Debug, Args)]
pub struct New {
    /// Its id: lowercase letters, digits and hyphens; also the name of its file
    pub id: String,
    /// Language of the questions [default: Dutch where the locale is, else English]
    #[arg(long, value_enum)]
    pub lang: Option<Lang>,
}

/// `use-case sign`
#[derive(Debug, Args)]
pub struct Sign {
    /// Use case of the policy
    pub id: String,
    /// As whom
    #[arg(long = "as", value_enum, value_name = "ROLE")]
    pub role: Role,
    /// Key file, as keygen wrote it
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// What the advice says (cio, fg)
    #[arg(long, value_enum, value_name = "VERDICT", conflicts_with_all = ["to", "met"])]
    pub verdict: Option<Verdict>,
    /// A condition of the advice: ID=check:NAME (loopback-only, keys-expire, no-personal-data), or ID=TEXT, which
    /// blocks until you sign it off with --met
    #[arg(long = "condition", value_name = "ID=WHAT", requires = "verdict")]
    pub conditions: Vec<String>,
    /// A condition in words that is now met (cio, fg)
    #[arg(long, value_name = "ID", conflicts_with = "to")]
    pub met: Option<String>,
    /// The state that the use case gets or keeps (owner)
    #[arg(long, value_enum, value_name = "STATE")]
    pub to: Option<State>,
    /// Why the decision deviates from a negative advice: cio=TEXT or fg=TEXT
    #[arg(long = "deviate", value_name = "ROLE=WHY", requires = "to")]
    pub deviations: Vec<String>,
    /// Days that the signature counts
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=1096))]
    pub days: u32,
}

/// Who signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Chief information officer
    Cio,
    /// Data-protection officer
    Fg,
    /// Owner of the use case
    Owner,
}

/// What an advice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Verdict {
    /// Yes
    Positive,
    /// Yes, as long as the conditions hold
    Conditional,
    /// No
    Negative,
}

/// What an owner can decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// Back to the desk
    Draft,
    /// Runs as a pilot
    Pilot,
    /// Accepted after its pilot
    Accepted,
    /// Stopped for now
    Suspended,
    /// Ended for good
    Retired,
}

/// `roster …`
#[derive(Debug, Subcommand)]
pub enum Roster {
    /// Sign the roster of the policy folder with a root key
    Sign {
        /// Root key file, as use-case keygen wrote it
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Check the roster against the trust root, and show who may sign
    Check,
}
