//! From candidates to what is cut.

use crate::detect::Scored;
use crate::finding::Reason;
use crate::vault::Secret;
use crate::{Action, Group, Kind, Profile};

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
    /// Whether a [`crate::Finder`] found it.
    by_finder: bool,
}

impl Cut {
    /// Whether it gives way to what a number or an address says of itself: a model, like a sentence, only makes it likely.
    fn is_told(&self) -> bool {
        self.by_finder || self.kind.is_some_and(Kind::is_told_by_sentences)
    }

    /// Whether it, rather than `other`, names the union of both. A model knows names better than lists do, whatever the scores; of
    /// what is special about people it knows nothing.
    fn is_surer(&self, other: &Self) -> bool {
        let special = |cut: &Self| {
            cut.kind.is_some_and(|kind| matches!(kind.group(), Group::Special | Group::Criminal))
        };
        match (self.by_finder, other.by_finder) {
            (true, false) if other.is_told() => return !special(other),
            (false, true) if self.is_told() => return special(self),
            _ => {}
        }
        let rank = |cut: &Self| (cut.score, cut.kind.is_some_and(Kind::is_custom));
        rank(self) > rank(other)
    }
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
pub(crate) fn plan(
    text: &str,
    scored: Vec<Scored>,
    look_alikes: &[(usize, usize)],
    profile: &Profile,
) -> Plan {
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
            let Scored { start, end, kind, score, reasons, canonical, by_finder } = s;
            cuts.push(Cut {
                start,
                end,
                kind: Some(kind),
                score,
                action: rule.action,
                reasons,
                canonical: Some(canonical),
                by_finder,
            });
        }
    }
    let mut cuts = give_way(cuts, text);
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

/// What a sentence tells gives way to what a number or an address says of itself: `Jansen, Kerkstraat 1` is a person and an
/// address, and a name within an e-mail address is nothing more.
fn give_way(cuts: Vec<Cut>, text: &str) -> Vec<Cut> {
    let (told, mut said): (Vec<Cut>, Vec<Cut>) = cuts.into_iter().partition(Cut::is_told);
    said.sort_by_key(|cut| cut.start);
    // The farthest end so far, so that those which reach a place are found by halving.
    let farthest = |end: &mut usize, cut: &Cut| {
        *end = cut.end.max(*end);
        Some(*end)
    };
    let reach: Vec<usize> = said.iter().scan(0, farthest).collect();
    let spans: Vec<(usize, usize)> = said.iter().map(|cut| (cut.start, cut.end)).collect();
    for cut in told {
        let first = reach.partition_point(|&end| end <= cut.start);
        let mut at = cut.start;
        let mut whole = true;
        let others = spans.iter().skip(first).take_while(|&&(start, _)| start < cut.end);
        let mut free: Vec<(usize, usize)> = Vec::new();
        for &(start, end) in others {
            whole = false;
            free.push((at, start));
            at = at.max(end);
        }
        free.push((at, cut.end));
        if whole {
            said.push(cut);
            continue;
        }
        for (start, end) in free.into_iter().filter_map(|(start, end)| lettered(text, start, end)) {
            let reasons = cut.reasons.clone();
            said.push(Cut { start, end, reasons, canonical: None, ..cut });
        }
    }
    said
}

/// The part of `start..end` from its first letter or digit to its last.
fn lettered(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let part = text.get(start..end)?;
    let first = part.find(char::is_alphanumeric)?;
    let last = part.char_indices().rev().find(|(_, c)| c.is_alphanumeric())?;
    Some((start.saturating_add(first), start.saturating_add(last.0).saturating_add(last.1.len_utf8())))
}

fn look_alike(start: usize, end: usize) -> Cut {
    let (kind, canonical, reasons) = (None, None, Vec::new());
    let action = Action::Pseudonymise;
    Cut { start, end, kind, score: 0, action, reasons, canonical, by_finder: false }
}

/// Makes `last` the union of both: the surer kind names it, the stricter action governs it.
fn merge(last: &mut Cut, cut: Cut) {
    let same = last.start == cut.start && last.end == cut.end && last.kind == cut.kind;
    let surer = cut.is_surer(last);
    if !(same || cut.end <= last.end && !surer && last.kind.is_some()) {
        let keeps_value = cut.start == last.start && cut.end >= last.end;
        last.canonical = if keeps_value { cut.canonical } else { None };
    }
    let milder = [Action::Generalise, Action::Pseudonymise];
    let renamed = last.kind.is_none() || (cut.kind.is_some() && surer);
    // Of these two neither is the stricter: what names the union says which.
    let action = if milder.contains(&last.action) && milder.contains(&cut.action) && last.kind.is_some() {
        if renamed { cut.action } else { last.action }
    } else {
        last.action.max(cut.action)
    };
    if action == Action::Generalise
        && last.kind != cut.kind
        && (cut.end > last.end || renamed && cut.end < last.end)
    {
        // No one value is all of the union, so nothing of it is known to be harmless.
        last.canonical = None;
    }
    if renamed {
        last.kind = cut.kind.or(last.kind);
        last.by_finder = cut.by_finder;
    }
    last.score = last.score.max(cut.score);
    last.end = last.end.max(cut.end);
    last.action = action;
    last.reasons.extend(cut.reasons);
}
