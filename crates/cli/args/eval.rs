//! `eval …` as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `eval …`
#[derive(Debug, Subcommand)]
pub enum Eval {
    /// List the suites that are built in, with the hashes by which records name them
    Suites,
    /// Run a suite on a model and write its report; exit code 1 when a threshold is not met
    Run(EvalRun),
    /// Sign a report, as an evaluator whom the roster names
    Sign(EvalSign),
    /// Say of a signed report who signed it, whether it holds, whether it passes and whether it is about the pinned model
    Verify(EvalVerify),
    /// Print the JSON Schema of reports
    Schema,
}

/// `eval run`
#[derive(Debug, Args)]
#[command(after_help = "\
Suites named leakage and gate-refusal are run through a server that is already running, with the key of one of its use cases; \
--policy must name the folder that is in force there. A report holds counts, estimates and hashes: no prompt, no answer, no \
key. Example:

  PROEFTUIN_KEY=ptk_… proeftuin eval run --suite leakage --url http://127.0.0.1:8080/v1 --policy . --out leakage.json")]
pub struct EvalRun {
    /// A suite that is built in (perplexity, leakage, gate-refusal), or a suite's file
    #[arg(long, value_name = "NAME|FILE")]
    pub suite: String,
    /// Model of models.toml, of any status [default: the default model]
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
    /// Where to write the report
    #[arg(long, value_name = "REPORT.json")]
    pub out: PathBuf,
    /// The text of a perplexity suite [default: the one that is built in]
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    pub text: Option<PathBuf>,
    /// Threads of the engine, where the suite runs it [default: one a core]
    #[arg(long, env = "PROEFTUIN_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Base URL of the running server, as in http://127.0.0.1:8080/v1
    #[arg(long, env = "PROEFTUIN_URL", value_name = "URL")]
    pub url: Option<String>,
    /// Environment variable that holds the key of a use case
    #[arg(long, value_name = "VARIABLE", default_value = "PROEFTUIN_KEY")]
    pub key_env: String,
    /// Environment variable that holds a key which was revoked, for that case
    #[arg(long, value_name = "VARIABLE")]
    pub revoked_key_env: Option<String>,
    /// Environment variable that holds a key of a use case whose period is over, for that case
    #[arg(long, value_name = "VARIABLE")]
    pub ended_key_env: Option<String>,
    /// Seconds that one request may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout_s: u64,
}

/// `eval sign`
#[derive(Debug, Args)]
pub struct EvalSign {
    /// The report, as eval run wrote it
    #[arg(value_name = "REPORT.json")]
    pub report: PathBuf,
    /// Key file, as use-case keygen wrote it
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Days that the signature counts; a record may want a younger run
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=1096))]
    pub days: u32,
    /// Where to write the signed report [default: evaluations/SUITE.MODEL.json in the policy folder]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `eval verify`
#[derive(Debug, Args)]
pub struct EvalVerify {
    /// The signed report
    #[arg(value_name = "SIGNED.json")]
    pub signed: PathBuf,
    /// Judge it as the [[evaluation]] of this use case's record, too
    #[arg(long, value_name = "ID")]
    pub use_case: Option<String>,
}
