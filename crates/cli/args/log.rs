//! `log …` as typed, where it takes more than a word.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use jiff::civil::Date;
use provenance::Pseudonym;

use super::Lang;

/// `log export`
#[derive(Debug, Args)]
pub struct LogExport {
    /// Format to write
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: LogFormat,
    /// First day, in UTC: 2026-11-01
    #[arg(long, value_name = "DATE")]
    pub from: Option<Date>,
    /// Last day, included, in UTC
    #[arg(long, value_name = "DATE")]
    pub to: Option<Date>,
    /// Only this use case
    #[arg(long, value_name = "ID")]
    pub use_case: Option<String>,
    /// Only what is about this data subject: a pseudonym, as `subject find` lists them; may be given again
    #[arg(long = "data-subject", value_name = "PSEUDONYM", value_parser = pseudonym)]
    pub data_subjects: Vec<Pseudonym>,
    /// Address of the register of processing activities, put before ids that are no URI (ldv)
    #[arg(long, value_name = "URI")]
    pub register: Option<String>,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

fn pseudonym(text: &str) -> Result<Pseudonym, String> {
    Pseudonym::from_hex(text).map_err(|_| "a pseudonym is 64 hexadecimal digits".to_owned())
}

/// A format of `log export`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Logboek Dataverwerkingen: a JSON line for each processing that ended
    Ldv,
    /// Authorization Decision Log: a JSON line for each decision, shaped as AuthZEN
    Adl,
    /// OpenTelemetry: OTLP/JSON lines, a span for each request, gen_ai attributes without content
    Otel,
    /// A table for auditors (RFC 4180), a row for each request that ended
    Csv,
    /// W3C PROV-JSON: a bundle for each request that ended
    ProvJson,
    /// The leaves as they were hashed
    Jsonl,
}

impl LogFormat {
    /// As it is typed.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl From<LogFormat> for provenance::Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Ldv => Self::Ldv,
            LogFormat::Adl => Self::Adl,
            LogFormat::Otel => Self::Otel,
            LogFormat::Csv => Self::Csv,
            LogFormat::ProvJson => Self::ProvJson,
            LogFormat::Jsonl => Self::Jsonl,
        }
    }
}

/// `log report`
#[derive(Debug, Args)]
pub struct LogReport {
    /// Month, in UTC: 2026-11
    #[arg(long, value_name = "YEAR-MONTH", value_parser = month)]
    pub month: Date,
    /// Only this use case
    #[arg(long, value_name = "ID")]
    pub use_case: Option<String>,
    /// Language of the page
    #[arg(long, value_enum, value_name = "LANG", default_value_t = Lang::Nl)]
    pub language: Lang,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `log prune`
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("age").required(true),
    after_help = "The journal is closed every 30 days, where a bundle of 256 leaves ends, and only closed files go: whole, when all that is in \
                  them is old enough. The log says in a leaf what was removed, by whom. AI Act, articles 19 and 26: logs of high-risk systems \
                  are kept for at least six months. Longer terms (Archiefwet, the retention that a register of processing states for \
                  the LDV) are the organisation's to know: export first what another archive must keep. Backups and copies of \
                  the public folder are not reached.\n\
                  Exit codes: 0 done, or nothing was old enough; 1 refused; 2 wrong usage."
)]
pub struct LogPrune {
    /// Only leaves from before this day, in UTC
    #[arg(long, value_name = "DATE", group = "age")]
    pub before: Option<Date>,
    /// Only leaves older than so many months
    #[arg(long, value_name = "N", group = "age", value_parser = clap::value_parser!(u32).range(..=1200))]
    pub keep_months: Option<u32>,
    /// Leaves younger than six months may go: no high-risk system, or another law that decides
    #[arg(long)]
    pub waive_minimum: bool,
}

/// `log cosign …`
#[derive(Debug, Subcommand)]
pub enum LogCosign {
    /// Print the request to a witness: the published checkpoint, and the proof that it extends the one cosigned before
    Request {
        /// The witness's key, or a file with it: since the newest checkpoint that it cosigned
        #[arg(long, value_name = "KEY")]
        witness: Option<String>,
        /// Leaves of the checkpoint it cosigned last; 0 for the first
        #[arg(long, value_name = "LEAVES", required_unless_present = "witness", conflicts_with = "witness")]
        since: Option<u64>,
    },
    /// Publish what the witness gave back
    Add {
        /// The cosigned checkpoint; - is standard input
        file: PathBuf,
        /// The witness's key, or a file with it
        #[arg(long, value_name = "KEY")]
        witness: String,
    },
}

/// `log witness`
#[derive(Debug, Args)]
#[command(
    after_help = "REQUEST is the body of add-checkpoint in C2SP tlog-witness; what is printed is the checkpoint with a cosignature/v1 \
                  (C2SP tlog-cosignature, Ed25519). The file of --last is written first. A log that shrank, or that is another than \
                  before, is refused with the sizes: that is the proof of a rewritten history, so keep the request.\n\
                  Exit codes: 0 cosigned, 1 refused, 2 wrong usage."
)]
pub struct LogWitness {
    /// What `log cosign request` printed; - is standard input
    pub request: PathBuf,
    /// The log's verifier key, or a file with it. Get it from the organisation once, not with the request
    #[arg(long, value_name = "KEY")]
    pub log_key: String,
    /// The witness's own signing key; made if it is not there and --name is given
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// What was cosigned last, of this one log; made with the first
    #[arg(long, value_name = "FILE")]
    pub last: PathBuf,
    /// Name of a new key: an address without scheme, by custom, such as auditdienst.example/witness
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// The first day of a month that is written as `2026-11`.
fn month(text: &str) -> Result<Date, String> {
    let wrong = || "write year and month, as in 2026-11".to_owned();
    if text.len() != 7 {
        return Err(wrong());
    }
    format!("{text}-01").parse().map_err(|_| wrong())
}
