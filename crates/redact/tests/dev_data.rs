//! Recall and false spans on the development data, where it is present; printed, with floors well below.

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

use redact::{Kind, Profile, Redactor};

fn data() -> Option<String> {
    let shared = std::env::var_os("PROEFTUIN_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    std::fs::read_to_string(shared.join("data/pii/nlgov_dev.jsonl")).ok()
}

fn kind(gold: &str) -> Option<Kind> {
    Some(match gold {
        "BSN" => Kind::Bsn,
        "IBAN" => Kind::Iban,
        "EMAIL" => Kind::Email,
        "PHONE" => Kind::Phone,
        "POSTCODE" => Kind::Postcode,
        _ => return None,
    })
}

#[test]
fn recall_and_false_spans() {
    let Some(data) = data() else {
        println!("skipped: no development data beside the checkout (PROEFTUIN_SHARED names its folder)");
        return;
    };
    let redactor = Redactor::new(Profile::default()).unwrap();
    let mut recall: Recall = BTreeMap::new();
    let mut touching: Touching = BTreeMap::new();
    let (mut hard, mut hard_false) = (0_u32, 0_u32);
    for line in data.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let (text, split) = (line["text"].as_str().unwrap(), line["split"].as_str().unwrap());
        let offsets: Vec<usize> = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
        let findings = redactor.scan(text).unwrap();
        let spans: Vec<(usize, usize, &str)> = line["spans"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| {
                (
                    offsets[s[0].as_u64().unwrap() as usize],
                    offsets[s[1].as_u64().unwrap() as usize],
                    s[2].as_str().unwrap(),
                )
            })
            .collect();
        for &(start, end, gold) in &spans {
            let Some(kind) = kind(gold) else { continue };
            let covered = text[start..end]
                .char_indices()
                .filter(|(_, c)| c.is_alphanumeric())
                .all(|(i, _)| findings.iter().any(|f| f.start <= start + i && start + i < f.end));
            let entry = recall.entry((split.to_owned(), kind)).or_default();
            entry.0 += u32::from(covered);
            entry.1 += 1;
            if !covered && std::env::var_os("SHOW").is_some() {
                println!(
                    "missed {kind} ({split}): {}",
                    &text[text.floor_char_boundary(start.saturating_sub(60))
                        ..text.ceil_char_boundary((end + 30).min(text.len()))]
                );
            }
        }
        for f in &findings {
            let gold = spans
                .iter()
                .filter(|s| s.0 < f.end && f.start < s.1)
                .max_by_key(|s| s.1.min(f.end) - s.0.max(f.start));
            let gold = gold.map_or("none", |s| s.2);
            if split == "hardneg" {
                hard_false += 1;
            }
            if self::kind(gold) != Some(f.kind) {
                *touching.entry((split.to_owned(), f.kind, gold.to_owned())).or_default() += 1;
                if std::env::var_os("SHOW").is_some() && gold == "none" {
                    println!(
                        "false {} ({split}) {}: {}",
                        f.kind,
                        f.score,
                        &text[text.floor_char_boundary(f.start.saturating_sub(60))..f.end]
                    );
                }
            }
        }
        hard += u32::from(split == "hardneg");
    }
    report(&recall, &touching, hard_false, hard);
}

type Recall = BTreeMap<(String, Kind), (u32, u32)>;
type Touching = BTreeMap<(String, Kind, String), u32>;

fn report(recall: &Recall, touching: &Touching, hard_false: u32, hard: u32) {
    for ((split, kind), (hit, all)) in recall {
        println!("{split} {kind}: {hit}/{all} = {:.3}", f64::from(*hit) / f64::from(*all));
    }
    for ((split, kind, gold), n) in touching {
        println!("{split}: {n} {kind} findings lie on gold {gold}");
    }
    println!("hard negatives: {hard_false} findings in {hard} lines");
    for ((split, kind), (hit, all)) in recall {
        assert!(*hit * 10 >= *all * 8, "{split} {kind} fell below 0.8");
    }
    assert!(hard_false * 10 <= hard, "more than one false finding in ten hard negatives");
}
