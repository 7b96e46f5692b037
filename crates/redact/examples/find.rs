//! What is found in each line of a text file, to look for false spans: `cargo run --release -p redact --example find -- FILE`.

#![allow(clippy::print_stdout, reason = "a measuring tool reports on standard output")]

use std::collections::BTreeMap;

use redact::{Profile, Redactor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(std::env::args().nth(1).ok_or("name a text file")?)?;
    let redactor = Redactor::new(Profile::default())?;
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    let mut lines = 0_u32;
    for line in text.lines() {
        lines = lines.saturating_add(1);
        let explanation = redactor.explain(line)?;
        for seen in explanation.seen.iter().filter(|s| s.score >= 50) {
            let what = if seen.action.is_some() { "found" } else { "unresolved" };
            let n = counts.entry(format!("{what} {}", seen.kind)).or_default();
            *n = n.saturating_add(1);
            let from = line.floor_char_boundary(seen.start.saturating_sub(60));
            let to = line.ceil_char_boundary(seen.end.saturating_add(30).min(line.len()));
            let part = |a: usize, b: usize| line.get(a..b).unwrap_or_default();
            println!(
                "{what} {} {}: {}[{}]{}",
                seen.kind,
                seen.score,
                part(from, seen.start),
                part(seen.start, seen.end),
                part(seen.end, to)
            );
        }
    }
    println!("{lines} lines: {counts:?}");
    Ok(())
}
