//! What a use case answers for in words: the questions of the state secretary's letter that no machine can judge. That
//! they are answered can be judged, and a pilot runs only when they are.

use serde::{Deserialize, Serialize};

/// The answers, as the table `[accountability]` of a record has them; what is not answered yet is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Accountability {
    /// What else would serve the purpose, and why it was not chosen; also doing without.
    pub alternatives: String,
    /// Why the means are in proportion to the purpose, and no lighter ones will do.
    pub proportionality: String,
    /// Who reads an answer before it has effect, and what they can do about it.
    pub human_oversight: String,
    /// How long what is kept, and where; this program keeps no text.
    pub retention: String,
    /// How the work goes on when the pilot ends.
    pub exit_plan: String,
    /// Whom the public may write to.
    pub contact_email: String,
    /// Groups of people whom the answers concern, in the record's order.
    pub affected_groups: Vec<String>,
    /// Categories of personal data that may occur, in the record's order; `"none"` where there are none.
    pub data_categories: Vec<String>,
}

impl Accountability {
    /// Names of the answers that a pilot needs and that are not there, in the order of the record. The address for the
    /// public is asked for only where something is published.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let blank = |text: &String| text.trim().is_empty();
        let none = |list: &[String]| list.is_empty() || list.iter().any(blank);
        let asked = [
            ("alternatives", blank(&self.alternatives)),
            ("proportionality", blank(&self.proportionality)),
            ("human_oversight", blank(&self.human_oversight)),
            ("retention", blank(&self.retention)),
            ("exit_plan", blank(&self.exit_plan)),
            ("affected_groups", none(&self.affected_groups)),
            ("data_categories", none(&self.data_categories)),
        ];
        asked.into_iter().filter_map(|(name, missing)| missing.then_some(name)).collect()
    }
}
