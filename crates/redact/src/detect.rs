//! From text to scored candidates, and from candidates to what is cut.

use crate::cues::Cues;
use crate::finding::Reason;
use crate::recognizers::{self, Candidate, Recognizer, Scan};
use crate::vault::Secret;
use crate::view::View;
use crate::{Action, Error, Kind, Profile};

/// A candidate with its score, in bytes of the original text.
pub(crate) struct Scored {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: Kind,
    pub(crate) score: u8,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) canonical: Secret,
}

/// The recognizers.
pub(crate) struct Detector {
    recognizers: Vec<Box<dyn Recognizer>>,
}

impl Detector {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self { recognizers: recognizers::all()? })
    }

    /// Identifiers, versions and cues of the recognizers: what the detector digest covers.
    pub(crate) fn canonical(&self) -> String {
        self.recognizers
            .iter()
            .map(|r| format!("{} {}\n{}", r.kind(), r.version(), r.cues().canonical()))
            .collect()
    }

    /// Every candidate in `text`, by start, longest first; `label` is the JSON key it stands under.
    pub(crate) fn detect(&self, text: &str, label: Option<&str>, limit: usize) -> Result<Vec<Scored>, Error> {
        let view = View::new(text)?;
        let scan = Scan::new(view.text());
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut out = Vec::new();
        for recognizer in &self.recognizers {
            recognizer.candidates(&scan, &mut |candidate| {
                if candidates.len() <= limit {
                    candidates.push(candidate);
                }
            });
            for candidate in candidates.drain(..) {
                if out.len() >= limit {
                    return Err(Error::TooManyFindings { limit });
                }
                out.push(score(candidate, recognizer.cues(), &view, label)?);
            }
        }
        out.sort_by(|a, b| {
            a.start
                .cmp(&b.start)
                .then(b.end.cmp(&a.end))
                .then(b.score.cmp(&a.score))
                .then(a.kind.cmp(&b.kind))
        });
        Ok(out)
    }
}

fn score(
    mut candidate: Candidate,
    cues: &Cues,
    view: &View<'_>,
    label: Option<&str>,
) -> Result<Scored, Error> {
    candidate.reasons.extend(cues.judge(view.text(), candidate.start, candidate.end, label));
    let total: i32 = candidate.reasons.iter().map(|r| i32::from(r.points)).sum();
    let score = u8::try_from(total.clamp(0, 100)).map_err(|_| Error::Internal("score"))?;
    let (start, end) = view.to_original(candidate.start, candidate.end)?;
    let Candidate { kind, canonical, reasons, .. } = candidate;
    Ok(Scored { start, end, kind, score, reasons, canonical })
}

/// A stretch of text to be cut: one candidate, or the union of overlapping ones.
pub(crate) struct Cut {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// `None`: a look-alike of a placeholder.
    pub(crate) kind: Option<Kind>,
    pub(crate) score: u8,
    pub(crate) action: Action,
    pub(crate) reasons: Vec<Reason>,
    /// The canonical value; `None` for a union or a look-alike, whose value is its own text.
    pub(crate) canonical: Option<Secret>,
}

/// What is to be done with one text.
#[derive(Default)]
pub(crate) struct Plan {
    /// What is cut, ascending and disjoint.
    pub(crate) cuts: Vec<Cut>,
    /// Findings that the profile leaves in the text.
    pub(crate) allowed: Vec<Scored>,
    /// Kinds of candidates just below their threshold, outside every cut.
    pub(crate) unresolved: Vec<Kind>,
}

/// Sorts candidates by what the profile says of them, and merges what overlaps.
pub(crate) fn plan(scored: Vec<Scored>, look_alikes: &[(usize, usize)], profile: &Profile) -> Plan {
    let mut plan = Plan::default();
    let mut below = Vec::new();
    let mut cuts: Vec<Cut> = look_alikes.iter().map(|&(start, end)| look_alike(start, end)).collect();
    for s in scored {
        let rule = profile.rule(s.kind);
        if s.score < rule.threshold {
            if s.score >= rule.unresolved {
                below.push(s);
            }
        } else if rule.action == Action::Allow {
            plan.allowed.push(s);
        } else {
            let Scored { start, end, kind, score, reasons, canonical } = s;
            cuts.push(Cut {
                start,
                end,
                kind: Some(kind),
                score,
                action: rule.action,
                reasons,
                canonical: Some(canonical),
            });
        }
    }
    cuts.sort_by_key(|c| (c.start, usize::MAX.saturating_sub(c.end)));
    for cut in cuts {
        match plan.cuts.last_mut() {
            Some(last) if cut.start < last.end => merge(last, cut),
            _ => plan.cuts.push(cut),
        }
    }
    let cuts = &plan.cuts;
    let covered = |s: &Scored| {
        let at = cuts.partition_point(|c| c.end <= s.start);
        cuts.get(at).is_some_and(|c| c.start < s.end)
    };
    plan.unresolved = below.iter().filter(|s| !covered(s)).map(|s| s.kind).collect();
    plan.allowed.retain(|s| !covered(s));
    plan
}

fn look_alike(start: usize, end: usize) -> Cut {
    let (kind, canonical, reasons) = (None, None, Vec::new());
    Cut { start, end, kind, score: 0, action: Action::Pseudonymise, reasons, canonical }
}

/// Makes `last` the union of both: the kind with the higher score names it, the stricter action governs it.
fn merge(last: &mut Cut, cut: Cut) {
    let same = last.start == cut.start && last.end == cut.end && last.kind == cut.kind;
    if !(same || cut.end <= last.end && cut.score <= last.score && last.kind.is_some()) {
        let keeps_value = cut.start == last.start && cut.end >= last.end;
        last.canonical = if keeps_value { cut.canonical } else { None };
    }
    if last.kind.is_none() || (cut.kind.is_some() && cut.score > last.score) {
        last.kind = cut.kind.or(last.kind);
    }
    last.score = last.score.max(cut.score);
    last.end = last.end.max(cut.end);
    last.action = last.action.max(cut.action);
    last.reasons.extend(cut.reasons);
}
