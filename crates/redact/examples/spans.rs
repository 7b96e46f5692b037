//! Prints what is cut from texts, for measuring against other programs: reads lines of JSON with a `text` each, writes for each
//! a line `[[start, end, kind], …]` in characters. `cargo run --release -p redact --example spans -- FILE [--names]`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a measuring tool talks and may stop"
)]

use std::time::Instant;

use redact::{Profile, Redactor};

fn main() {
    let path = std::env::args().nth(1).expect("a file of lines of JSON");
    let profile = if std::env::args().any(|a| a == "--names") {
        Profile::default().with_names()
    } else {
        Profile::default()
    };
    let redactor = Redactor::new(profile).unwrap();
    let (mut bytes, begun) = (0, Instant::now());
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = entry.get("text").and_then(serde_json::Value::as_str).unwrap();
        bytes += text.len();
        let chars = |at: usize| text.get(..at).unwrap().chars().count();
        let findings = redactor.scan(text).unwrap();
        let spans: Vec<_> =
            findings.iter().map(|f| serde_json::json!([chars(f.start), chars(f.end), f.kind.id()])).collect();
        println!("{}", serde_json::Value::from(spans));
    }
    eprintln!(
        "{:.2} MB/s with the counting of characters",
        bytes as f64 / 1e6 / begun.elapsed().as_secs_f64()
    );
}
