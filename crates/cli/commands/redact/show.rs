//! What was found, for a terminal and as JSON.

use std::collections::BTreeMap;

use redact::{Action, Explanation, Finding, Reason, Redactor, Seen};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Source;

/// Findings and the stripped texts; with `all`, every candidate too. `start` and `end` are bytes, `start_char` and `end_char`
/// characters (Unicode scalar values).
pub(super) fn json(redactor: &Redactor, sources: &[Source], explanation: &Explanation, all: bool) -> Value {
    let places: Vec<BTreeMap<usize, usize>> = (0..)
        .zip(sources)
        .map(|(index, source)| {
            let found = of(&explanation.findings, index).flat_map(|f| [f.start, f.end]);
            let seen =
                explanation.seen.iter().filter(|s| s.text_index == index).flat_map(|s| [s.start, s.end]);
            characters(&source.text, found.chain(seen))
        })
        .collect();
    let at = |index: usize, byte: usize| places.get(index).and_then(|map| map.get(&byte)).copied();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for finding in &explanation.findings {
        let count = counts.entry(finding.kind.id()).or_default();
        *count = count.saturating_add(1);
    }
    let finding = |f: &Finding| {
        json!({
            "input": f.text_index, "start": f.start, "end": f.end,
            "start_char": at(f.text_index, f.start), "end_char": at(f.text_index, f.end),
            "kind": f.kind.id(), "score": f.score, "action": f.action.id(), "pointer": f.pointer,
            "reasons": reasons(&f.reasons),
        })
    };
    let seen = |s: &Seen| {
        json!({
            "input": s.text_index, "start": s.start, "end": s.end,
            "start_char": at(s.text_index, s.start), "end_char": at(s.text_index, s.end),
            "kind": s.kind.id(), "score": s.score, "threshold": s.threshold,
            "action": s.action.map(Action::id), "reasons": reasons(&s.reasons),
        })
    };
    let inputs: Vec<Value> = sources
        .iter()
        .zip(&explanation.texts)
        .map(|(source, text)| json!({"name": source.name, "text": text.as_str()}))
        .collect();
    let mut out = json!({
        "detector_sha256": hex::encode(redactor.digest()),
        "inputs": inputs,
        "counts": counts,
        "findings": explanation.findings.iter().map(finding).collect::<Vec<_>>(),
    });
    if let (true, Some(object)) = (all, out.as_object_mut()) {
        object.insert("candidates".to_owned(), explanation.seen.iter().map(seen).collect());
    }
    out
}

fn reasons(reasons: &[Reason]) -> Value {
    reasons.iter().map(|reason| json!({"what": reason.what, "points": reason.points})).collect()
}

/// The character of each of some bytes, in one pass.
pub(super) fn characters(text: &str, bytes: impl Iterator<Item = usize>) -> BTreeMap<usize, usize> {
    let mut wanted: BTreeMap<usize, usize> = bytes.map(|byte| (byte, 0)).collect();
    let (mut from, mut count) = (0, 0_usize);
    for (&byte, place) in &mut wanted {
        count = count.saturating_add(text.get(from..byte).unwrap_or_default().chars().count());
        (from, *place) = (byte, count);
    }
    wanted
}

/// The findings of one input, by start.
pub(super) fn of(findings: &[Finding], index: usize) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(move |finding| finding.text_index == index)
}

/// The texts with their findings marked, and under each why it was found. Offsets are bytes.
pub(super) fn terminal(sources: &[Source], explanation: &Explanation, colour: bool) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::new());
    for (index, source) in sources.iter().enumerate() {
        if sources.len() > 1 {
            out.push_str(&format!("{}\n", visible(&source.name).as_str()));
        }
        let mut at = 0;
        for finding in of(&explanation.findings, index) {
            // Several findings in one leaf that is written with escapes are shown as one.
            let start = finding.start.max(at);
            out.push_str(&visible(source.text.get(at..start).unwrap_or_default()));
            let (on, off) = marks(finding.action, colour);
            if let Some(found) = source.text.get(start..finding.end).filter(|found| !found.is_empty()) {
                out.push_str(&format!("{on}{}{off}", visible(found).as_str()));
            }
            at = finding.end.max(at);
        }
        out.push_str(&visible(source.text.get(at..).unwrap_or_default()));
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out.push('\n');
        for seen in explanation.seen.iter().filter(|seen| seen.text_index == index) {
            out.push_str(&line(seen));
        }
    }
    out
}

fn line(seen: &Seen) -> String {
    let verdict =
        seen.action.map_or_else(|| format!("left: below {}", seen.threshold), |a| a.id().to_owned());
    let (start, end, kind) = (seen.start, seen.end, seen.kind.id());
    format!("{start:>6}..{end:<6} {kind:<16} {:>3}  {verdict}: {}\n", seen.score, sum(&seen.reasons))
}

/// What a score is made of, in a line.
pub(super) fn sum(reasons: &[Reason]) -> String {
    let reasons: Vec<String> =
        reasons.iter().map(|reason| format!("{} {:+}", reason.what, reason.points)).collect();
    reasons.join(", ")
}

const fn marks(action: Action, colour: bool) -> (&'static str, &'static str) {
    match action {
        _ if !colour => ("«", "»"),
        Action::Allow => ("\x1b[1;32m", "\x1b[0m"),
        Action::Refuse => ("\x1b[1;37;41m", "\x1b[0m"),
        Action::Pseudonymise | Action::Generalise | Action::Mask => ("\x1b[1;31m", "\x1b[0m"),
    }
}

/// A text that cannot steer a terminal.
fn visible(text: &str) -> Zeroizing<String> {
    let seen = |c: char| if c.is_control() && !matches!(c, '\n' | '\t' | '\r') { '\u{fffd}' } else { c };
    Zeroizing::new(text.chars().map(seen).collect())
}
