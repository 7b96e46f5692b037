//! `guidance …` as typed.

use clap::{ArgGroup, Args, Subcommand};

use super::policy::Lang;

/// `guidance …`
#[derive(Debug, Subcommand)]
pub enum Guidance {
    /// Show a guidance of the policy folder, or list them
    Show {
        /// Guidance of the policy [default: a list of all]
        id: Option<String>,
        /// Language of the text
        #[arg(long, value_enum, default_value_t = Lang::Nl)]
        lang: Lang,
    },
    /// Read the guidance of your use case and confirm that you did (--url, --key); or enter that somebody did on paper
    /// (ID, --actor)
    Acknowledge(Acknowledge),
    /// Record that somebody followed a training
    Attest {
        /// Who
        #[command(flatten)]
        who: Holder,
        /// Training, as use cases ask for it or a guidance describes it
        #[arg(long, value_name = "ID")]
        training: String,
        /// Who says so; not the person themselves
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Last day (UTC) on which it counts, as 2027-01-31
        #[arg(long, value_name = "DATE")]
        until: String,
    },
    /// Have an acknowledgement or training count no longer, at once
    #[command(group(ArgGroup::new("what").required(true).args(["guidance", "training"])))]
    Withdraw {
        /// Who
        #[command(flatten)]
        who: Holder,
        /// The guidance whose acknowledgement is withdrawn
        #[arg(long, value_name = "ID")]
        guidance: Option<String>,
        /// The training that is withdrawn
        #[arg(long, value_name = "ID")]
        training: Option<String>,
    },
    /// List what people acknowledged and which trainings they hold, and what of it no longer counts
    List {
        /// Of this person only
        #[arg(long, value_name = "NAME")]
        actor: Option<String>,
    },
}

/// Whose keys or tokens they are.
#[derive(Debug, Args)]
pub struct Holder {
    /// The person, as their keys have it (keys list), or as identity explain prints it (oidc:…)
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
    /// Name of the issuer of the person's tokens
    #[arg(long, value_name = "NAME", requires = "subject", conflicts_with = "actor")]
    pub issuer: Option<String>,
    /// The person, as the issuer's claim has it; only a digest is kept
    #[arg(long, value_name = "SUBJECT", requires = "issuer", conflicts_with = "actor")]
    pub subject: Option<String>,
}

/// `guidance acknowledge`
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("how").required(true).multiple(true).args(["url", "actor", "subject"])))]
pub struct Acknowledge {
    /// Guidance of the policy that somebody acknowledged on paper
    #[arg(required_unless_present = "url")]
    pub id: Option<String>,
    /// Who did so on paper
    #[command(flatten)]
    pub who: Holder,
    /// The running server's base URL, on this machine
    #[arg(long, env = "PROEFTUIN_URL", value_name = "URL", requires = "key")]
    pub url: Option<String>,
    /// Your key, or your token
    #[arg(long, env = "PROEFTUIN_KEY", value_name = "KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// The use case, where a token opens several
    #[arg(long, value_name = "ID", requires = "url")]
    pub use_case: Option<String>,
    /// Language of the text
    #[arg(long, value_enum, default_value_t = Lang::Nl)]
    pub lang: Lang,
    /// Ask nothing: you have read it elsewhere, and confirm the text with this SHA-256
    #[arg(long, value_name = "SHA256", requires = "url")]
    pub sha256: Option<String>,
}
