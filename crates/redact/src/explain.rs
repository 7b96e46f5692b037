//! What was seen in a text, and why: data for a person to read.

use zeroize::Zeroizing;

use crate::detect::Scored;
use crate::finding::Reason;
use crate::{Action, Finding, Kind, Profile, Redaction};

/// One candidate, cut or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// First byte in the text.
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

/// The account of one text.
pub struct Explanation {
    /// Every candidate, overlapping ones too, by start.
    pub seen: Vec<Seen>,
    /// What came of them: merged findings.
    pub findings: Vec<Finding>,
    /// The stripped text.
    pub redacted: Zeroizing<String>,
}

impl Explanation {
    pub(crate) fn new(candidates: &[Scored], redaction: Redaction, profile: &Profile) -> Self {
        let seen = candidates
            .iter()
            .map(|c| {
                let rule = profile.rule(c.kind);
                Seen {
                    start: c.start,
                    end: c.end,
                    kind: c.kind,
                    score: c.score,
                    threshold: rule.threshold,
                    action: (c.score >= rule.threshold).then_some(rule.action),
                    reasons: c.reasons.clone(),
                }
            })
            .collect();
        let redacted = redaction.texts.into_iter().next().unwrap_or_default();
        Self { seen, findings: redaction.findings, redacted }
    }
}
