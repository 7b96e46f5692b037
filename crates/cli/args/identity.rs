//! `identity …` as typed.

use std::path::PathBuf;

use clap::Subcommand;

/// `identity …`
#[derive(Debug, Subcommand)]
pub enum Identity {
    /// Say whose tokens are taken, by which keys, and what claims open; exit code 1 where none would be taken
    Check,
    /// Read a token from standard input and say whose it is and what it opens, or why it is refused; it is printed nowhere
    Explain {
        /// The use case that the request would name (header OpenAI-Project)
        #[arg(long, value_name = "ID")]
        use_case: Option<String>,
        /// The moment to judge at, as 2026-01-31T09:00:00+01:00 [default: now]
        #[arg(long, value_name = "MOMENT")]
        at: Option<String>,
    },
    /// Put an issuer's public keys into the policy folder; an administrator brings the file, nothing is fetched
    Pin {
        /// Name of the issuer: NAME in jwks = "identity/NAME.jwks.json" of identity.toml
        #[arg(long, value_name = "NAME")]
        issuer: String,
        /// Its keys, as it publishes them (JWK Set)
        #[arg(long, value_name = "FILE")]
        jwks: PathBuf,
    },
    /// Refuse a person's tokens from the next reload on; needs nobody's signature
    Block {
        /// Who
        #[command(flatten)]
        who: Who,
    },
    /// Take a person's tokens again from the next reload on
    Unblock {
        /// Who
        #[command(flatten)]
        who: Who,
    },
}

/// A person.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct Who {
    /// Name of the issuer
    #[arg(long, value_name = "NAME", requires = "subject", conflicts_with = "actor")]
    pub issuer: Option<String>,
    /// The person, as the issuer's claim has it; only a digest is kept
    #[arg(long, value_name = "SUBJECT", requires = "issuer", conflicts_with = "actor")]
    pub subject: Option<String>,
    /// The person, as identity explain prints it (oidc:…)
    #[arg(long, value_name = "ACTOR")]
    pub actor: Option<String>,
}
