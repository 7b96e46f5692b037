//! Advice and decision: who may sign, what is signed, and what of it holds.
//!
//! ```text
//! TrustRoot (pinned outside the folder) ─verifies→ Roster (roster.toml) ─knows→ signers
//! use-cases/ID.signatures/*.json ─judged by the roster and the record→ Approvals ─facts→ the rules
//! ```
//!
//! Everything is judged once, when the folder is loaded; what depends on the clock is left to the rules.

mod covers;
mod dossier;
mod judge;
mod key;
mod roster;
mod statement;

pub use covers::Covers;
pub use dossier::{
    Dossier, SignatureFile, Term, roster_finding, roster_lines, roster_people, seal_roster, signed_statements,
};
pub use judge::{Advised, Approvals, Decided, Fault, Finding, SignOffs};
pub(crate) use judge::{Trust, approvals, trust};
pub use key::{PublicKey, SigningKey};
pub(crate) use roster::Signer;
pub use roster::{RosterSeal, TrustRoot};
pub use statement::{
    Act, Advice, Check, Condition, Decision as OwnerDecision, Fulfilment, Moment, Role, Signed, Statement,
};
pub(crate) use statement::{canonical, pre_authentication};

/// Name of the roster inside the policy folder.
pub const ROSTER_PATH: &str = "roster.toml";
