//! `subject …` as typed. The identifier is no argument: arguments stand in the list of processes and in the shell's history.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use gateway::DataSubjectType;

use super::LogFormat;

/// `subject …`
#[derive(Debug, Subcommand)]
#[command(
    after_help = "The identifier is read from standard input, or from --file; it is no argument, because others can read those."
)]
pub enum Subject {
    /// List every record about a person
    Find(Person),
    /// Write every record about a person from the verified log (GDPR art. 15)
    Export {
        /// The person.
        #[command(flatten)]
        person: Person,
        /// Format to write
        #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Jsonl)]
        format: LogFormat,
        /// Address of the register of processing activities, put before ids that are no URI (ldv)
        #[arg(long, value_name = "URI")]
        register: Option<String>,
        /// File to write [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Destroy a person's keys, so that no record can be traced to them (GDPR art. 17); cannot be undone
    #[command(
        after_help = "The log and receipts given out still verify; records stay and name nobody. Copies of the state folder made \
                      earlier still have the keys: destroy those as well. A request that names the person again makes a new record."
    )]
    Erase(Person),
}

/// Who.
#[derive(Debug, Args)]
pub struct Person {
    /// File with the identifier [default: standard input]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Type of the identifier [default: every type that it may be]
    #[arg(long = "type", value_name = "TYPE", value_enum)]
    pub kind: Option<IdType>,
}

/// A type of identifier, as in the header X-Proeftuin-Data-Subject-Type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IdType {
    /// Burgerservicenummer
    Bsn,
    /// Number in the trade register
    Kvk,
    /// Customer number of the organisation
    Klantnummer,
    /// Staff number of the organisation
    Personeelsnummer,
    /// Name of a system
    System,
    /// Any other
    Other,
}

impl From<IdType> for DataSubjectType {
    fn from(kind: IdType) -> Self {
        match kind {
            IdType::Bsn => Self::Bsn,
            IdType::Kvk => Self::Kvk,
            IdType::Klantnummer => Self::Klantnummer,
            IdType::Personeelsnummer => Self::Personeelsnummer,
            IdType::System => Self::System,
            IdType::Other => Self::Other,
        }
    }
}
