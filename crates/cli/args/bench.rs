//! `bench …` as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use eval::Target;
use gateway::KvType;

/// `bench …`
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Measure the engine alone: prefill, decode, batch, long context, shared prefix, copying
    Engine(Engine),
    /// Measure the engine and a peer's own tool in turn, A B A B, and give the ratios
    Pair(Pair),
    /// Put a load on OpenAI-compatible servers of your own, in turn, and measure what clients feel
    Server(Server),
    /// Compare the engine's distributions with a reference's
    Fidelity(Fidelity),
    /// Make one page of records
    Report(Report),
}

/// The model to measure.
#[derive(Debug, Clone, Args)]
pub struct MeasuredModel {
    /// A GGUF file; it is hashed, approved for nothing, and never served
    #[arg(long, value_name = "GGUF", required_unless_present = "model", conflicts_with = "model")]
    pub file: Option<PathBuf>,
    /// An approved model of models.toml
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
    /// Threads of the engine [default: one a core]
    #[arg(long, env = "PROEFTUIN_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// How keys and values are stored: f16 or q8
    #[arg(long, env = "PROEFTUIN_KV_TYPE", value_name = "TYPE", default_value = "f16", value_parser = super::kv_type)]
    pub kv_type: KvType,
}

/// What to run.
#[derive(Debug, Clone, Args)]
pub struct Workloads {
    /// Workloads in TOML; may be repeated [default: the set built into this binary]
    #[arg(long = "definition", value_name = "FILE")]
    pub definitions: Vec<PathBuf>,
    /// Run this workload of the definition only; may be repeated
    #[arg(long = "workload", value_name = "NAME")]
    pub workloads: Vec<String>,
}

/// `bench engine`
#[derive(Debug, Args)]
pub struct Engine {
    /// The model.
    #[command(flatten)]
    pub model: MeasuredModel,
    /// The workloads.
    #[command(flatten)]
    pub workloads: Workloads,
    /// Runs of each workload
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub runs: u32,
    /// Write the record here; `-` is standard output, instead of the table
    #[arg(long, value_name = "RECORD.json")]
    pub out: Option<PathBuf>,
}

/// `bench pair`
#[derive(Debug, Args)]
#[command(after_help = "\
A peer's command is a line for the shell that prints the JSON of llama-bench (-o json), the jsonl of llama-batched-bench, \
or a record of ours (bench engine --out -); it is run once a round. Workloads that both sides have are compared; the \
definition says what the peer calls each. Example:

  proeftuin bench pair --file M.gguf --threads 2 --rounds 5 --out RECORD.json \\
    --peer-command llama.cpp='llama-bench -m M.gguf -t 2 -p 512 -n 128 -r 1 -o json' \\
    --peer-version llama.cpp=b11434")]
pub struct Pair {
    /// The model.
    #[command(flatten)]
    pub model: MeasuredModel,
    /// The workloads.
    #[command(flatten)]
    pub workloads: Workloads,
    /// The peer's tool; may be repeated for several peers or settings of one
    #[arg(long = "peer-command", value_name = "NAME=COMMAND", required = true, value_parser = named)]
    pub peer_commands: Vec<(String, String)>,
    /// What the peer is, for the record
    #[arg(long = "peer-version", value_name = "NAME=VERSION", value_parser = named)]
    pub peer_versions: Vec<(String, String)>,
    /// Another program to measure as ours, such as an older build
    #[arg(long, value_name = "PROGRAM")]
    pub ours: Option<PathBuf>,
    /// Times that each side is run
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Seconds that one side's command may take in a round
    #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
    pub timeout_s: u64,
    /// Write the record here; `-` is standard output, instead of the table
    #[arg(long, value_name = "RECORD.json")]
    pub out: Option<PathBuf>,
}

/// `bench server`
#[derive(Debug, Args)]
#[command(after_help = "\
The load goes where you point it: point it at servers of your own, best on this machine. Prompts are everyday words drawn \
by a seed. The first server is ours in ratios. With --target a key stands on the command line, where other users of this \
machine can see it: use a key that you revoke afterwards.")]
pub struct Server {
    /// Base URL of one server, as in http://127.0.0.1:8080/v1
    #[arg(long, env = "PROEFTUIN_URL", value_name = "URL", required_unless_present = "targets")]
    pub url: Option<String>,
    /// Key for --url
    #[arg(
        long,
        env = "PROEFTUIN_KEY",
        value_name = "KEY",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    pub key: String,
    /// Model to ask --url for [default: the first it lists]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Several servers, measured in turn; may be repeated
    #[arg(long = "target", value_name = "NAME=URL[,KEY[,MODEL]]", value_parser = Target::parse, conflicts_with = "url")]
    pub targets: Vec<Target>,
    /// What a server is, for the record
    #[arg(long = "peer-version", value_name = "NAME=VERSION", value_parser = named)]
    pub peer_versions: Vec<(String, String)>,
    /// The workloads.
    #[command(flatten)]
    pub workloads: Workloads,
    /// Runs of each workload on each server
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub runs: u32,
    /// Seconds that one request may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout_s: u64,
    /// Seconds that one run of a workload may take
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub run_s: u64,
    /// Write the record here; `-` is standard output, instead of the table
    #[arg(long, value_name = "RECORD.json")]
    pub out: Option<PathBuf>,
}

/// `bench fidelity`
#[derive(Debug, Args)]
#[command(after_help = "\
The reference is made by llama.cpp's llama-perplexity from an F32 copy of the same model:

  llama-perplexity -m M-F32.gguf -f TEXT -c 512 --chunks 20 --kl-divergence-base BASE.bin")]
pub struct Fidelity {
    /// The model.
    #[command(flatten)]
    pub model: MeasuredModel,
    /// The reference's log-probabilities
    #[arg(long, value_name = "BASE.bin")]
    pub base: PathBuf,
    /// Write the record here; `-` is standard output, instead of the table
    #[arg(long, value_name = "RECORD.json")]
    pub out: Option<PathBuf>,
}

/// `bench report`
#[derive(Debug, Args)]
pub struct Report {
    /// Records, in the order of the page
    #[arg(required = true, value_name = "RECORD.json")]
    pub records: Vec<PathBuf>,
    /// Write a page with tables and plots here
    #[arg(long, value_name = "FILE", required_unless_present = "svg")]
    pub html: Option<PathBuf>,
    /// Write the plots alone here
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// `NAME=REST`; a text without a name before its first `=` is `peer`'s.
fn named(text: &str) -> Result<(String, String), String> {
    let is_name = |name: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        !name.is_empty() && name.len() <= 40 && name.chars().all(plain)
    };
    let (name, rest) = match text.split_once('=') {
        Some((name, rest)) if is_name(name) => (name, rest),
        _ => ("peer", text),
    };
    if rest.trim().is_empty() {
        Err("says nothing after NAME=".to_owned())
    } else {
        Ok((name.to_owned(), rest.to_owned()))
    }
}
