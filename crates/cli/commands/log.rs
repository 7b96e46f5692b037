//! `log`: verify, show, export, report, prune, checkpoint, key. Verification needs the public key and the files, and nothing else.

pub(crate) mod export;
mod prune;
mod report;
mod witness;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use gateway::{AdminCommand, AdminOutcome};
use provenance::{LogPruned, Sealed, VerifierKey, WitnessKey, Witnessed};

use crate::args::LogCommand;
use crate::commands::keys::{OTHER_VERSION, administer, date};
use crate::places::Places;

pub(crate) use witness::parse_witness;

pub(crate) fn run(places: &Places, command: &LogCommand) -> anyhow::Result<ExitCode> {
    if let LogCommand::Witness(command) = command {
        return witness::witness(command);
    }
    places.expect_log()?;
    match command {
        LogCommand::Verify { against, key, witness } => {
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
            let witness = witness.as_deref().map(parse_witness).transpose()?;
            verify(places, &key, old.as_deref(), witness.as_ref())
        }
        LogCommand::Show { from, count } => show(places, *from, *count),
        LogCommand::Export(export) => export::run(places, export),
        LogCommand::Report(report) => report::run(places, report),
        LogCommand::Prune(order) => prune::run(places, order),
        LogCommand::Publish { folder } => {
            let copied = provenance::publish_copy(&places.log(), &own_key(places)?, folder)?;
            println!("{} leaves, root {}: the copy verifies", copied.signed_leaves, copied.root);
            Ok(ExitCode::SUCCESS)
        }
        LogCommand::Cosign(command) => witness::cosign(places, command),
        LogCommand::Witness(command) => witness::witness(command),
        LogCommand::Checkpoint => match administer(places, AdminCommand::Checkpoint)? {
            AdminOutcome::Checkpoint(text) => {
                std::io::stdout().write_all(text.as_bytes())?;
                Ok(ExitCode::SUCCESS)
            }
            _ => bail!(OTHER_VERSION),
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

fn verify(
    places: &Places,
    key: &VerifierKey,
    against: Option<&str>,
    witness: Option<&WitnessKey>,
) -> anyhow::Result<ExitCode> {
    let report = match witness {
        Some(witness) => provenance::verify_witnessed(&places.log(), key, against, witness)?,
        None => provenance::verify(&places.log(), key, against)?,
    };
    let mut out = std::io::stdout();
    writeln!(out, "log         {}", report.origin)?;
    writeln!(out, "root        {}", report.root)?;
    writeln!(out, "leaves      {} ({} signed)", report.leaves, report.signed_leaves)?;
    writeln!(out, "recomputed  {} hash tiles, {} entry bundles", report.tiles, report.bundles)?;
    if let Some(sealed) = &report.pruned {
        writeln!(out, "pruned      {}; {}", pruned(sealed), by(sealed))?;
    }
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
    if let Some(seen) = &report.witnessed {
        writeln!(out, "witnessed   {}", witnessed(seen))?;
    }
    writeln!(out, "the log verifies")?;
    Ok(ExitCode::SUCCESS)
}

/// What a witness saw, for people.
pub(crate) fn witnessed(seen: &Witnessed) -> String {
    let ms = i64::try_from(seen.time_s).ok().and_then(|s| s.checked_mul(1000));
    format!("the first {} leaves, by {} on {}", seen.size, seen.name, date(ms))
}

/// Which leaves were pruned, for people.
fn pruned(sealed: &Sealed) -> String {
    let day = |ms| {
        jiff::Timestamp::from_millisecond(ms)
            .map_or_else(|_| ms.to_string(), |at| at.strftime("%F").to_string())
    };
    let LogPruned { before, from_ms, to_ms, .. } = sealed.pruned;
    let last = before.saturating_sub(1);
    format!("leaves 0 to {last}, of {} to {}; their hashes lead to the root", day(from_ms), day(to_ms))
}

fn by(sealed: &Sealed) -> String {
    let waived = if sealed.pruned.minimum_waived { ", with the minimum of six months waived" } else { "" };
    let unfinished = if sealed.base < sealed.pruned.before { "; the next start finishes it" } else { "" };
    format!("sealed in leaf {} by user id {}{waived}{unfinished}", sealed.index, sealed.pruned.by.uid)
}

fn show(places: &Places, from: u64, count: u64) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let (mut written, mut end) = (Ok(()), None);
    provenance::show(&places.log(), |leaf| {
        // What was pruned is not there to be shown.
        let end = *end.get_or_insert_with(|| {
            if leaf.index > from {
                eprintln!("note: leaves before {} were pruned", leaf.index);
            }
            from.max(leaf.index).saturating_add(count)
        });
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
