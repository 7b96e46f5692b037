//! `use-case card|export|import|similar` as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Lang;

/// What is made of a use case, and what is learned from others.
#[derive(Debug, Subcommand)]
pub enum Evidence {
    /// Make a document about a use case: an entry for the Algoritmeregister, a card, or the whole dossier as a page
    Card(Box<Card>),
    /// Write what other organisations can learn from a use case, without names, addresses and internal ids
    Export {
        /// Use case of the policy
        id: String,
        /// File to write [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Check what another organisation exported, and keep it under shared/ in the policy folder; nothing of it runs
    Import {
        /// File, as export wrote it
        file: PathBuf,
    },
    /// Find use cases like one, among one's own and those imported, and say why they are alike
    Similar {
        /// Use case of the policy, or a file that export wrote
        #[arg(value_name = "ID|FILE")]
        what: String,
        /// Number of use cases to show
        #[arg(long, value_name = "N", default_value_t = 5)]
        most: usize,
    },
}

/// `use-case card`
#[derive(Debug, Args)]
pub struct Card {
    /// Use case of the policy
    pub id: String,
    /// Which document
    #[arg(long, value_enum, value_name = "KIND")]
    pub kind: CardKind,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Language of headings and of what is added; the Algoritmeregister is Dutch
    #[arg(long, value_enum, value_name = "LANG", default_value_t = Lang::Nl)]
    pub lang: Lang,
    /// Publication category of the Algoritmeregister, which people decide (register)
    #[arg(long, value_enum, value_name = "CATEGORY", required_if_eq("kind", "register"))]
    pub category: Option<Category>,
    /// Which assessment (assessment)
    #[arg(long, value_enum, value_name = "NAME", required_if_eq("kind", "assessment"))]
    pub assessment: Option<AssessmentName>,
    /// The assessment as the government's form exports it; its hash must be the record's (assessment)
    #[arg(long, value_name = "FILE", requires = "assessment")]
    pub answers: Option<PathBuf>,
    /// Which model of the use case, where it has several (model)
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
}

/// A document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CardKind {
    /// Entry for the Algoritmeregister, publication standard 1.0 (JSON)
    Register,
    /// System card of the reporting standard 0.1a14 (JSON)
    System,
    /// Model card of the reporting standard 0.1a14 (JSON)
    Model,
    /// Assessment card of the reporting standard 0.1a14 (JSON)
    Assessment,
    /// Everything on one page to print (HTML)
    Dossier,
}

/// A publication category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Category {
    /// A: high-risk AI system
    HighRisk,
    /// B: impactful algorithm
    Impactful,
    /// C: any other
    Other,
}

/// An assessment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AssessmentName {
    /// Data-protection impact assessment
    Dpia,
    /// Impact assessment for human rights and algorithms
    Iama,
}
