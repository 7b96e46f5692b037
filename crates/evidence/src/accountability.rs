//! What an organisation answers for, beside what the program enforces.

/// The record's table `[accountability]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accountability {
    /// What else was considered, and why it was not chosen.
    pub alternatives: String,
    /// Why the means fit the end.
    pub proportionality: String,
    /// How people use, check and correct what comes out.
    pub human_oversight: String,
    /// How long what is kept.
    pub retention: String,
    /// How the organisation stops.
    pub exit_plan: String,
    /// Where outsiders ask questions.
    pub contact_email: String,
    /// Whom it touches.
    pub affected_groups: Vec<String>,
    /// Which data occur.
    pub data_categories: Vec<String>,
}
