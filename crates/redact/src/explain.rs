//! What was seen in a text, and why: data for a person to read.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::detect::Scored;
use crate::finding::Reason;
use crate::{Action, Error, Finding, Input, Kind, KindRule, Redaction, Redactor};

/// One candidate, cut or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which input.
    pub text_index: usize,
    /// First byte in the input; in JSON and CSV, of the whole leaf where it is written with escapes.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What it may be.
    pub kind: Kind,
    /// 0–100.
    pub score: u8,
    /// The threshold it was held against.
    pub threshold: u8,
    /// What the profile does with it; `None` below the threshold.
    pub action: Option<Action>,
    /// What the score is made of.
    pub reasons: Vec<Reason>,
}

impl Seen {
    pub(crate) fn new(scored: &Scored, rule: KindRule) -> Self {
        Self {
            text_index: 0,
            start: scored.start,
            end: scored.end,
            kind: scored.kind,
            score: scored.score,
            threshold: rule.threshold,
            action: (scored.score >= rule.threshold).then_some(rule.action),
            reasons: scored.reasons.clone(),
        }
    }
}

impl Redactor {
    /// The findings in one text, allowed kinds too, overlaps merged.
    ///
    /// # Errors
    /// Too large, too many candidates, or a fault.
    pub fn scan(&self, text: &str) -> Result<Vec<Finding>, Error> {
        Ok(self.redact(&[text])?.findings)
    }

    /// What was seen in one text and why, candidates below their threshold too.
    ///
    /// # Errors
    /// As [`Redactor::redact`].
    pub fn explain(&self, text: &str) -> Result<Explanation, Error> {
        self.explain_inputs(&[Input::Text(text)])
    }
}

/// The account of some inputs.
pub struct Explanation {
    /// Every candidate, overlapping ones too, by input and start.
    pub seen: Vec<Seen>,
    /// What came of them: merged findings.
    pub findings: Vec<Finding>,
    /// The stripped inputs.
    pub texts: Vec<Zeroizing<String>>,
    /// Candidates just below their threshold, left in the text, by kind.
    pub unresolved: BTreeMap<Kind, u32>,
}

impl Explanation {
    pub(crate) fn new(mut seen: Vec<Seen>, redaction: Redaction) -> Self {
        seen.sort_by_key(|s| (s.text_index, s.start, s.end));
        let Redaction { texts, findings, unresolved, .. } = redaction;
        Self { seen, findings, texts, unresolved }
    }
}
