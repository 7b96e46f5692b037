//! `log export` and `log report` as typed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
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

/// The first day of a month that is written as `2026-11`.
fn month(text: &str) -> Result<Date, String> {
    let wrong = || "write year and month, as in 2026-11".to_owned();
    if text.len() != 7 {
        return Err(wrong());
    }
    format!("{text}-01").parse().map_err(|_| wrong())
}
