//! `log`: verify, show, export, report, checkpoint, key. Verification needs the public key and the files, and nothing else.

pub(crate) mod export;
mod report;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use gateway::{AdminCommand, AdminOutcome};
use provenance::VerifierKey;

use crate::args::LogCommand;
use crate::commands::keys::administer;
use crate::places::Places;

pub(crate) fn run(places: &Places, command: &LogCommand) -> anyhow::Result<ExitCode> {
    if !places.log().is_dir() {
        bail!("there is no log in {} yet; the first `proeftuin serve` makes one", places.state.display());
    }
    match command {
        LogCommand::Verify { against, key } => {
            let key = match key {
                Some(text) => VerifierKey::parse(text)?,
                None => own_key(places)?,
            };
            let old = match against {
                Some(path) => {
                    Some(std::fs::read_to_string(path).with_context(|| path.display().to_string())?)
                }
                None => None,
            };
            verify(places, &key, old.as_deref())
        }
        LogCommand::Show { from, count } => show(places, *from, *count),
        LogCommand::Export(export) => export::run(places, export),
        LogCommand::Report(report) => report::run(places, report),
        LogCommand::Checkpoint => match administer(places, AdminCommand::Checkpoint)? {
            AdminOutcome::Checkpoint(text) => {
                std::io::stdout().write_all(text.as_bytes())?;
                Ok(ExitCode::SUCCESS)
            }
            _ => bail!("the running server is another version of this program; use its own command"),
        },
        LogCommand::Key => {
            writeln!(std::io::stdout(), "{}", own_key(places)?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn own_key(places: &Places) -> anyhow::Result<VerifierKey> {
    let path = places.log().join("log.vkey");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(VerifierKey::parse(&text)?)
}

fn verify(places: &Places, key: &VerifierKey, against: Option<&str>) -> anyhow::Result<ExitCode> {
    let report = provenance::verify(&places.log(), key, against)?;
    let mut out = std::io::stdout();
    writeln!(out, "log         {}", report.origin)?;
    writeln!(out, "root        {}", report.root)?;
    writeln!(out, "leaves      {} ({} signed)", report.leaves, report.signed_leaves)?;
    writeln!(out, "recomputed  {} hash tiles, {} entry bundles", report.tiles, report.bundles)?;
    for (event, count) in &report.events {
        writeln!(out, "  {event:<24} {count}")?;
    }
    if !report.open.is_empty() {
        writeln!(
            out,
            "open        {} requests without an outcome: they run now, or ran at a crash",
            report.open.len()
        )?;
    }
    if report.unfinished_bytes > 0 {
        writeln!(
            out,
            "unfinished  {} bytes at the end of the journal, never acknowledged",
            report.unfinished_bytes
        )?;
    }
    if let Some(size) = report.contains_checkpoint {
        writeln!(out, "contains    the history of the older checkpoint of {size} leaves")?;
    }
    writeln!(out, "the log verifies")?;
    Ok(ExitCode::SUCCESS)
}

fn show(places: &Places, from: u64, count: u64) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let mut written = Ok(());
    let end = from.saturating_add(count);
    provenance::show(&places.log(), |leaf| {
        if leaf.index >= end {
            return false;
        }
        if leaf.index >= from {
            written = writeln!(out, "{}", leaf.json);
        }
        written.is_ok()
    })?;
    written?;
    Ok(ExitCode::SUCCESS)
}
