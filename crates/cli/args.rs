//! The command line as typed. Help, man page and completions all come from this table.

mod approval;
mod assess;
mod bench;
mod doctor;
mod eval;
mod evidence;
mod guidance;
mod identity;
mod log;
mod policy;
mod reach;
mod receipt;
mod redact;
mod subject;
mod version;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use gateway::{Device, EngineSettings, KvType};

pub use approval::{New, Role, Roster, Sign, State, UseCase, Verdict};
pub use assess::Assess;
pub use bench::{Bench, Engine, Fidelity, MeasuredModel, Pair, Report, Server};
pub use doctor::{Doctor, DoctorOutput};
pub use eval::{Eval, EvalRun, EvalSign, EvalVerify};
pub use evidence::{AssessmentName, Card, CardKind, Category, Evidence};
pub use guidance::{Acknowledge, Guidance, Holder};
pub use identity::{Identity, Who};
pub use log::{LogCosign, LogExport, LogFormat, LogPrune, LogReport, LogWitness};
pub use policy::{Lang, Policy, Telling};
pub use reach::ReachArgs;
pub use receipt::{ReceiptCommand, ReceiptOutput, Replay};
pub use redact::{InputFormat, Redact, RedactCommand, RedactOutput, Switch};
pub use subject::{Person, Subject};
pub use version::{Version, VersionOutput};

/// A self-hosted inference runtime for controlled pilots.
///
/// Serves pinned, approved open models through the OpenAI API to approved use cases only, strips personal data
/// from prompts, and proves what happened without keeping what was said.
#[derive(Debug, Parser)]
#[command(name = "proeftuin", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 failed or refused, 2 wrong usage.")]
pub struct Arguments {
    /// Where settings and state come from.
    #[command(flatten, next_help_heading = "Places")]
    pub places: Places,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Folders and files that most commands share.
#[derive(Debug, Clone, Args)]
pub struct Places {
    /// State folder: log, ledger and keys of the log [default: $XDG_STATE_HOME/proeftuin]
    #[arg(long, global = true, env = "PROEFTUIN_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Folder of the model files [default: $XDG_DATA_HOME/proeftuin/models, or STATE/models with --state]
    #[arg(long, global = true, env = "PROEFTUIN_STORE", value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// The pinned models [default: the list built into this binary]
    #[arg(long, global = true, env = "PROEFTUIN_MODELS", value_name = "FILE")]
    pub models: Option<PathBuf>,
    /// The policy folder [default: the demonstration policy built into this binary]
    #[arg(long, global = true, env = "PROEFTUIN_POLICY", value_name = "DIR")]
    pub policy: Option<PathBuf>,
    /// The root keys that vouch for the roster; outside the policy folder [default: none, and only the demo runs]
    #[arg(long, global = true, env = "PROEFTUIN_TRUST_ROOT", value_name = "FILE")]
    pub trust_root: Option<PathBuf>,
    /// Where quotas are counted: sqlite, or a PostgreSQL database that gateways share, postgres://USER@HOST/DATABASE; its
    /// password in PGPASSWORD or in the file of ?password_file=FILE [default: sqlite, in the state folder]
    #[arg(long, global = true, env = "PROEFTUIN_QUOTA_STORE", value_name = "URL", hide_env_values = true)]
    pub quota_store: Option<String>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the OpenAI API; fetches and verifies the model first
    Serve(Serve),
    /// Show which protections hold here, what to do about the others, and the settings
    Doctor(Doctor),
    /// Talk with a model in the terminal, through the same gate
    Chat(Chat),
    /// List, fetch, verify, pin and show models
    #[command(subcommand)]
    Models(Models),
    /// Issue, list, rotate and revoke keys
    #[command(subcommand)]
    Keys(Keys),
    /// Check, explain, pin and block who signs in with a token of an identity provider
    #[command(subcommand)]
    Identity(Identity),
    /// Sign, check and show use cases
    #[command(subcommand)]
    UseCase(UseCase),
    /// Sign and check who may sign
    #[command(subcommand)]
    Roster(Roster),
    /// Check, test, explain and compare the rules and records
    #[command(subcommand)]
    Policy(Policy),
    /// Show what users read, and keep who acknowledged it and who holds which training
    #[command(subcommand)]
    Guidance(Guidance),
    /// Show and rebuild the counters of quotas
    #[command(subcommand)]
    Quota(QuotaCommand),
    /// Say whether a filled-in DPIA, IAMA or pre-scan is complete; needs no server
    Assess(Assess),
    /// Find and strip personal data in a text
    Redact(Redact),
    /// Show and verify the provenance log
    #[command(subcommand)]
    Log(LogCommand),
    /// Find, export and erase what there is about a person
    #[command(subcommand)]
    Subject(Subject),
    /// Check what a receipt proves, with the log's public key alone
    #[command(subcommand)]
    Receipt(ReceiptCommand),
    /// Generate the answer of a receipt once more and compare every byte
    Replay(Box<Replay>),
    /// Measure speed and fidelity, alone and against peers
    #[command(subcommand)]
    Bench(Bench),
    /// Evaluate a model with a suite, sign the report, and check a signed one
    #[command(subcommand)]
    Eval(Eval),
    /// Open connections for a confined server that started it.
    #[command(hide = true)]
    Broker {
        /// The only places to connect to.
        destinations: Vec<String>,
    },
    /// Say what this build is: commit, digest, and every crate in it
    Version(Version),
    /// Print shell completions
    Completions {
        /// The shell to complete for.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man,
}

/// `serve`
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// Requests that may wait for the engine; more are answered 429
    #[arg(long, env = "PROEFTUIN_MAX_QUEUED", value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub max_queued: u32,
    /// Seconds that running requests get to finish after SIGTERM
    #[arg(long, env = "PROEFTUIN_DRAIN_S", value_name = "SECONDS", default_value_t = 30)]
    pub drain_s: u64,
    /// Mint no demonstration key
    #[arg(long)]
    pub no_demo: bool,
    /// Refuse to start where a protection that `doctor` shows does not hold
    #[arg(long, env = "PROEFTUIN_REQUIRE_HARDENING")]
    pub require_hardening: bool,
    /// Model of models.toml that answers /v1/embeddings (role = "embeddings") [default: none]
    #[arg(long, env = "PROEFTUIN_EMBEDDINGS", value_name = "ID")]
    pub embeddings: Option<String>,
    /// Where it listens, and to whom.
    #[command(flatten, next_help_heading = "Reach")]
    pub reach: ReachArgs,
    /// Engine settings.
    #[command(flatten, next_help_heading = "Engine")]
    pub engine: EngineArgs,
}

/// `cpu`, `cuda`, `cuda:1`, `metal`: the devices that a build may have.
fn device(text: &str) -> Result<Device, String> {
    let (kind, number) = text.split_once(':').unwrap_or((text, "0"));
    let number =
        number.parse().map_err(|_| "the device number must be a small integer, as in cuda:0".to_owned())?;
    match kind {
        "cpu" => Ok(Device::Cpu),
        "cuda" => Ok(Device::Cuda(number)),
        "metal" => Ok(Device::Metal(number)),
        _ => Err("must be cpu, cuda, cuda:N, metal or metal:N".to_owned()),
    }
}

/// `f16` or `q8`.
pub(crate) fn kv_type(text: &str) -> Result<KvType, String> {
    match text {
        "f16" => Ok(KvType::F16),
        "q8" => Ok(KvType::Q8),
        _ => Err("must be f16 or q8".to_owned()),
    }
}

/// What the engine may use.
#[derive(Debug, Clone, Args)]
pub struct EngineArgs {
    /// Model to load [default: the default of models.toml]
    #[arg(long, env = "PROEFTUIN_MODEL", value_name = "ID")]
    pub model: Option<String>,
    /// Where the model runs: cpu, cuda[:N] or metal[:N], as far as this build has it
    #[arg(long, env = "PROEFTUIN_DEVICE", value_name = "DEVICE", default_value = "cpu", value_parser = device)]
    pub device: Device,
    /// Threads of the engine [default: one a core]
    #[arg(long, env = "PROEFTUIN_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Memory for keys and values, in MiB
    #[arg(long, env = "PROEFTUIN_KV_MIB", value_name = "MIB", default_value_t = 512,
          value_parser = clap::value_parser!(u32).range(8..))]
    pub kv_mib: u32,
    /// How keys and values are stored: f16, or q8 in half the memory (cpu only; answers may differ from f16's)
    #[arg(long, env = "PROEFTUIN_KV_TYPE", value_name = "TYPE", default_value = "f16", value_parser = kv_type)]
    pub kv_type: KvType,
    /// Sequences that generate at the same time
    #[arg(long, env = "PROEFTUIN_MAX_RUNNING", value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub max_running: u32,
    /// Tokens computed in one step: fewer keep running answers steadier, more read prompts faster
    #[arg(long, env = "PROEFTUIN_STEP_TOKENS", value_name = "N", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub step_tokens: u32,
    /// Tokens that an answer may guess from its own text and verify at once; 0 is off, no answer changes
    #[arg(long, env = "PROEFTUIN_DRAFT_TOKENS", value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(0..=15))]
    pub draft_tokens: u32,
    /// Power of this machine while it computes, in watts, for the energy in receipts where the processor's meter (RAPL)
    /// cannot be read [default: 10 a thread, between a server's core and a desktop's]
    #[arg(long, env = "PROEFTUIN_WATTS", value_name = "WATTS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub watts: Option<u32>,
    /// Longest that an encoder may take, in seconds: the model of names (names_model of a redaction profile) over one text, the
    /// model of embeddings over one request. Then the request is refused
    #[arg(long, env = "PROEFTUIN_ENCODER_LIMIT_S", value_name = "S", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub encoder_limit_s: u32,
}

impl EngineArgs {
    /// How long an encoder may take.
    pub fn encoder_limit(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.encoder_limit_s.into())
    }

    /// The same in the gateway's terms.
    pub fn settings(&self, max_queued: u32) -> anyhow::Result<EngineSettings> {
        Ok(EngineSettings {
            device: self.device,
            threads: self.threads.map(usize::from),
            kv_bytes: usize::try_from(self.kv_mib)?.saturating_mul(1 << 20),
            kv_type: self.kv_type,
            max_running: usize::try_from(self.max_running)?,
            max_batch_tokens: usize::try_from(self.step_tokens)?,
            speculation: usize::try_from(self.draft_tokens)?,
            max_queued: usize::try_from(max_queued)?,
        })
    }

    /// The stated power, in milliwatts.
    pub fn milliwatts(&self) -> u64 {
        let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        let threads = self.threads.map_or_else(cores, u64::from);
        1000 * self.watts.map_or(threads.saturating_mul(10), u64::from)
    }
}

/// `chat`
#[derive(Debug, Args)]
pub struct Chat {
    /// A running server's base URL; without it a private server is started for this chat
    #[arg(long, env = "PROEFTUIN_URL", value_name = "URL", requires = "key")]
    pub url: Option<String>,
    /// Key or token for --url
    #[arg(long, env = "PROEFTUIN_KEY", value_name = "KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// Use case, where --key is a token that opens several (header OpenAI-Project)
    #[arg(long, value_name = "ID", requires = "url")]
    pub use_case: Option<String>,
    /// System message
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Tokens an answer may have
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub max_tokens: u32,
    /// Softmax temperature; 0 is greedy
    #[arg(long, value_name = "T", default_value_t = 0.7)]
    pub temperature: f32,
    /// Engine settings of the private server.
    #[command(flatten, next_help_heading = "Engine of the private server")]
    pub engine: EngineArgs,
}

/// `models …`
#[derive(Debug, Subcommand)]
pub enum Models {
    /// List the models of models.toml and whether their files are here
    List {
        /// Say how open each is: weights, code, training data, and what is closed or unknown
        #[arg(long)]
        openness: bool,
    },
    /// Fetch a model's files, verify and keep them
    Fetch {
        /// Model id [default: the default model]
        id: Option<String>,
        /// End when the process that started this one ends.
        #[arg(long, hide = true)]
        until_parent_ends: bool,
    },
    /// Hash the files that are here against their pins, and check signatures
    Verify {
        /// Model id [default: every model that is here]
        id: Option<String>,
    },
    /// Print a models.toml entry for files you have
    Pin {
        /// Id of the new entry
        #[arg(long)]
        id: String,
        /// The files, in order; the first carries the metadata
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A signature over the files that must hold: a Sigstore bundle (OpenSSF Model Signing v1.0)
        #[arg(long, value_name = "BUNDLE", requires = "key")]
        signature: Option<PathBuf>,
        /// The public key that made the signature: ECDSA on P-256 or P-384, PEM
        #[arg(long, value_name = "KEY", requires = "signature")]
        key: Option<PathBuf>,
    },
    /// Print a bill of materials: CycloneDX 1.6, JSON
    Bom {
        /// Model id [default: the default model]
        id: Option<String>,
        /// Every model of models.toml
        #[arg(long, conflicts_with = "id")]
        all: bool,
        /// The moment of the bill, RFC 3339 [default: of SOURCE_DATE_EPOCH if set, else none]
        #[arg(long, value_name = "TIME")]
        timestamp: Option<String>,
    },
    /// Show one model: its pins, dossier, metadata and tensors
    Show {
        /// Model id [default: the default model]
        id: Option<String>,
        /// List every tensor
        #[arg(long)]
        tensors: bool,
    },
}

/// `keys …`
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Issue a key for a use case; it is shown once
    Issue {
        /// Use case of the policy
        #[arg(long, value_name = "ID")]
        use_case: String,
        /// Who holds it; kept in the ledger, a pseudonym in the log
        #[arg(long, value_name = "NAME")]
        actor: String,
        /// Roles of the holder
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// Days until it expires
        #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3660))]
        days: u32,
        /// A word to recognise it by
        #[arg(long, default_value = "")]
        label: String,
    },
    /// List keys: never a secret
    List,
    /// Replace a key's secret; the old one works on for the overlap
    Rotate {
        /// Key id or prefix
        key: String,
        /// Hours that the old secret works on
        #[arg(long, value_name = "HOURS", default_value_t = 0)]
        overlap_hours: u32,
    },
    /// Revoke a key; it takes effect at once
    Revoke {
        /// Key id or prefix
        key: String,
    },
}

/// `quota …`
#[derive(Debug, Subcommand)]
pub enum QuotaCommand {
    /// List what use cases, keys and users have taken this minute and today
    Show,
    /// Count again from the provenance log; the server must be stopped
    Rebuild,
    /// Say that the clock is right, after it was set or had been wrong
    AcceptClock,
}

/// `log …`
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Recompute the whole log and compare; exit code 1 names what is broken
    Verify {
        /// An older checkpoint that this log must extend
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
        /// Verifier key, as `log key` prints it [default: the state folder's]
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// A witness's key, or a file with it: it must have cosigned a checkpoint of this log
        #[arg(long, value_name = "KEY")]
        witness: Option<String>,
    },
    /// Print leaves as JSON lines
    Show {
        /// First leaf
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Number of leaves
        #[arg(long, default_value_t = 100)]
        count: u64,
    },
    /// Write the log in a format of others; a log that does not verify gives no export
    Export(LogExport),
    /// Write a month of use as one page to print (HTML)
    Report(LogReport),
    /// Remove the oldest epochs of leaves for good; their hashes stay, so that proofs and receipts hold
    Prune(LogPrune),
    /// Copy what is published to a folder that any web server can host (C2SP tlog-tiles), and verify the copy
    Publish {
        /// The folder; what an earlier copy left there is brought up to date
        folder: PathBuf,
    },
    /// Have a second organisation confirm what it saw: ask it, and publish what it cosigned
    #[command(subcommand)]
    Cosign(LogCosign),
    /// As that second organisation: cosign a checkpoint that extends the last one; needs no log and no network
    Witness(LogWitness),
    /// Print the newest signed checkpoint
    Checkpoint,
    /// Print the log's public verifier key
    Key,
}
