//! `redact`: the redaction of the gateway as a tool of its own. Nothing is sent anywhere or kept.

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;

use anyhow::Context;
use redact::{Explanation, Profile, Redactor};
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::{Redact, RedactFormat};

pub(crate) fn run(args: &Redact) -> anyhow::Result<ExitCode> {
    let profile = match &args.profile {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            Profile::from_toml(&text).with_context(|| path.display().to_string())?
        }
        None => Profile::default(),
    };
    let redactor = Redactor::new(profile)?;
    let text = read(args)?;
    let explanation = redactor.explain(&text)?;
    let mut out = std::io::stdout();
    match args.format {
        RedactFormat::Text => out.write_all(explanation.redacted.as_bytes())?,
        RedactFormat::Json => writeln!(out, "{}", as_json(&redactor, &explanation))?,
        RedactFormat::Explain => out.write_all(explain(&text, &explanation, out.is_terminal()).as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read(args: &Redact) -> anyhow::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::new());
    match &args.file {
        Some(path) => {
            let mut file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
            file.read_to_end(&mut bytes).with_context(|| path.display().to_string())?
        }
        None => std::io::stdin().read_to_end(&mut bytes)?,
    };
    let text = std::str::from_utf8(&bytes).context("the text is not UTF-8; convert it first")?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn as_json(redactor: &Redactor, explanation: &Explanation) -> serde_json::Value {
    let findings: Vec<_> = explanation
        .findings
        .iter()
        .map(|finding| {
            let reasons: Vec<_> = finding
                .reasons
                .iter()
                .map(|reason| json!({"what": reason.what, "points": reason.points}))
                .collect();
            json!({
                "kind": finding.kind.id(),
                "start": finding.start,
                "end": finding.end,
                "score": finding.score,
                "action": format!("{:?}", finding.action).to_lowercase(),
                "reasons": reasons,
            })
        })
        .collect();
    json!({
        "text": explanation.redacted.as_str(),
        "detector_sha256": hex::encode(redactor.digest()),
        "findings": findings,
    })
}

/// The text with its findings marked, and under it why each was found. Offsets are bytes.
fn explain(text: &str, explanation: &Explanation, colour: bool) -> Zeroizing<String> {
    let (on, off) = if colour { ("\x1b[1;31m", "\x1b[0m") } else { ("«", "»") };
    let mut out = Zeroizing::new(String::new());
    let mut at = 0;
    for finding in &explanation.findings {
        out.push_str(text.get(at..finding.start).unwrap_or_default());
        out.push_str(on);
        out.push_str(text.get(finding.start..finding.end).unwrap_or_default());
        out.push_str(off);
        at = finding.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out.push('\n');
    for seen in &explanation.seen {
        let verdict = match seen.action {
            Some(action) => format!("{action:?}").to_lowercase(),
            None => format!("left: below {}", seen.threshold),
        };
        let reasons: Vec<String> =
            seen.reasons.iter().map(|reason| format!("{} {:+}", reason.what, reason.points)).collect();
        let line = format!(
            "{:>6}..{:<6} {:<9} {:>3}  {verdict}: {}\n",
            seen.start,
            seen.end,
            seen.kind.id(),
            seen.score,
            reasons.join(", ")
        );
        out.push_str(&line);
    }
    out
}
