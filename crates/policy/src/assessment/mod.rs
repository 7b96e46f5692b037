//! Assessments: the government's own forms as they were filled in, whether they are complete, and what stands behind the
//! measures that they name.
//!
//! ```text
//! forms/*.yaml ─Forms::read→ Forms ─judge(&Output)→ Report     complete, or the ids that are missing
//! *.json       ─Output::parse→ Output
//! *.mitigations.toml ─Mitigations::parse→ measures(reports) → Measures{controls, open}
//! Control::holds(&Live) → Probe
//! ```
//!
//! Answers are content: they are compared and never shown, logged or quoted.

mod completeness;
mod control;
mod evidence;
mod form;
mod forms;
mod json;
mod mitigation;
mod output;
mod yaml;

pub use completeness::{Report, Standing};
pub use control::{Control, Live, Probe, Process};
pub use evidence::Assessments;
pub(crate) use evidence::assessments;
pub use form::Form;
pub use forms::Forms;
pub use mitigation::{Measures, Mitigation, Mitigations};
pub use output::{AssessmentKind, Output};

/// An assessment as an organisation has it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Assessed {
    /// A form, filled in; it can be judged.
    Form(Box<Output>),
    /// A document that is known by its hash alone, such as a signed PDF: people vouch for it with their signatures.
    Document {
        /// SHA-256, 64 lowercase hexadecimal digits.
        sha256: String,
    },
}

impl Assessed {
    /// Its name in rules: that of [`Standing`], or `document`.
    #[must_use]
    pub fn standing(&self, forms: &Forms) -> &'static str {
        match self {
            Self::Form(output) => forms.judge(output).standing.name(),
            Self::Document { .. } => "document",
        }
    }
}
