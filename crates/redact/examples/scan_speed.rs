//! Megabytes a second of redaction on one core: `cargo run --release -p redact --example scan_speed -- FILE`.

#![allow(clippy::print_stdout, reason = "a measuring tool reports on standard output")]

use std::time::Instant;

use redact::{Profile, Redactor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("name a text file")?;
    let one = std::fs::read_to_string(path)?;
    let text = one.repeat((8 << 20) / one.len().max(1) + 1);
    let redactor = Redactor::new(Profile::default())?;
    for label in ["as it is", "with an é in every line"] {
        let text = if label == "as it is" { text.clone() } else { text.replace('\n', "é\n") };
        let mut best = f64::INFINITY;
        let mut findings = 0;
        for _ in 0..5 {
            let start = Instant::now();
            findings = redactor.redact(&[&text])?.findings.len();
            best = best.min(start.elapsed().as_secs_f64());
        }
        let bytes = u32::try_from(text.len())?;
        println!("{label}: {:.0} MB/s, {findings} findings in {bytes} bytes", f64::from(bytes) / 1e6 / best);
    }
    for unit in [
        "1",
        "1 ",
        "123456782 ",
        "0612345678",
        "a@",
        "a.",
        "NL91 ",
        "1234 AB ",
        "+31 6 ",
        "⟦",
        "⟦A_1⟧ ",
        "bsn ",
    ] {
        let text = unit.repeat((1 << 20) / unit.len());
        let start = Instant::now();
        let outcome = redactor
            .redact(&[&text])
            .map_or_else(|e| e.to_string(), |r| format!("{} findings", r.findings.len()));
        println!("1 MiB of {unit:?}: {:.0} ms, {outcome}", start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}
