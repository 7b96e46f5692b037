//! Masked recall, precision and false spans on the development data, where it is present; printed, with floors.
//!
//! Masked: every letter and digit of the gold span is covered, whatever the type. `SHOW=1` prints what was missed and what
//! was false. The data is for development only; results are judged on other texts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed expectation is the finding"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use redact::{Finding, Profile, Redactor};

/// Types that another part of the project looks for: names and places.
const NAMES: &[&str] = &["PERSON", "CITY"];

fn data() -> Option<String> {
    let shared = std::env::var_os("PROEFTUIN_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    std::fs::read_to_string(shared.join("data/pii/nlgov_dev.jsonl")).ok()
}

#[derive(Default)]
struct Measure {
    /// Gold spans masked, and all, by split and type.
    masked: BTreeMap<(String, String), (u32, u32)>,
    /// Findings on no gold span, and all findings, by split.
    false_spans: BTreeMap<String, (u32, u32)>,
    lines: BTreeMap<String, u32>,
    unresolved: BTreeMap<String, u32>,
}

struct Line<'a> {
    text: &'a str,
    split: &'a str,
    /// Bytes, and type.
    gold: Vec<(usize, usize, &'a str)>,
}

fn read(line: &serde_json::Value) -> Line<'_> {
    let (text, split) = (line["text"].as_str().unwrap(), line["split"].as_str().unwrap());
    let offsets: Vec<usize> = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
    let at = |v: &serde_json::Value| offsets[usize::try_from(v.as_u64().unwrap()).unwrap()];
    let gold = line["spans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (at(&s[0]), at(&s[1]), s[2].as_str().unwrap()))
        .collect();
    Line { text, split, gold }
}

fn is_masked(line: &Line<'_>, findings: &[Finding], (start, end, _): (usize, usize, &str)) -> bool {
    line.text[start..end]
        .char_indices()
        .filter(|(_, c)| c.is_alphanumeric())
        .all(|(i, _)| findings.iter().any(|f| f.start <= start + i && start + i < f.end))
}

fn show(what: &str, line: &Line<'_>, start: usize, end: usize) {
    if std::env::var_os("SHOW").is_some() {
        let (text, from) = (line.text, line.text.floor_char_boundary(start.saturating_sub(50)));
        let to = text.ceil_char_boundary((end + 20).min(text.len()));
        println!(
            "{what} ({}): {:?}",
            line.split,
            format!("{}[{}]{}", &text[from..start], &text[start..end], &text[end..to])
        );
    }
}

fn measure(data: &str) -> Measure {
    let redactor = Redactor::new(Profile::default()).unwrap();
    let mut out = Measure::default();
    for line in data.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let line = read(&value);
        let redaction = redactor.redact(&[line.text]).unwrap();
        let findings = &redaction.findings;
        *out.lines.entry(line.split.to_owned()).or_default() += 1;
        *out.unresolved.entry(line.split.to_owned()).or_default() +=
            redaction.unresolved.values().sum::<u32>();
        for kind in redaction.unresolved.keys() {
            show(&format!("unresolved {kind}"), &line, 0, line.text.len());
        }
        for &span in &line.gold {
            let masked = is_masked(&line, findings, span);
            let entry = out.masked.entry((line.split.to_owned(), span.2.to_owned())).or_default();
            entry.0 += u32::from(masked);
            entry.1 += 1;
            if !masked && !NAMES.contains(&span.2) {
                show(&format!("missed {}", span.2), &line, span.0, span.1);
            }
        }
        for f in findings {
            let touches = line.gold.iter().any(|s| s.0 < f.end && f.start < s.1);
            let entry = out.false_spans.entry(line.split.to_owned()).or_default();
            entry.0 += u32::from(!touches);
            entry.1 += 1;
            if !touches {
                show(&format!("false {} {}", f.kind, f.score), &line, f.start, f.end);
            }
        }
    }
    out
}

fn share((hit, all): (u32, u32)) -> f64 {
    f64::from(hit) / f64::from(all.max(1))
}

#[test]
fn masked_recall_and_false_spans() {
    let Some(data) = data() else {
        println!("skipped: no development data beside the checkout (PROEFTUIN_SHARED names its folder)");
        return;
    };
    let m = measure(&data);
    for split in ["clean", "evade"] {
        let mut all = (0, 0);
        for ((_, kind), &(hit, of)) in m.masked.iter().filter(|((s, _), _)| s == split) {
            println!("{split} {kind}: {hit}/{of} = {:.3}", share((hit, of)));
            if !NAMES.contains(&kind.as_str()) {
                all = (all.0 + hit, all.1 + of);
                assert!(share((hit, of)) >= 0.95, "{split} {kind} fell below .95");
            }
        }
        println!("{split}, names and places aside: {}/{} = {:.3}", all.0, all.1, share(all));
        assert!(share(all) >= 0.98, "{split} fell below .98");
    }
    for (split, &(wrong, all)) in &m.false_spans {
        println!(
            "{split}: {wrong} of {all} findings on no gold span: precision {:.3}",
            1.0 - share((wrong, all))
        );
    }
    for (split, n) in &m.unresolved {
        println!("{split}: {n} unresolved in {} lines", m.lines[split]);
    }
    let false_hard = m.false_spans.get("hardneg").map_or(0, |f| f.0);
    println!(
        "hard negatives: {:.0} false spans in 1000",
        1000.0 * f64::from(false_hard) / f64::from(m.lines["hardneg"])
    );
    assert!(
        false_hard * 100 <= m.lines["hardneg"],
        "more than one false finding in a hundred hard negatives"
    );
    for split in ["clean", "evade"] {
        assert!(share(m.false_spans[split]) <= 0.02, "precision in {split} fell below .98");
    }
}
