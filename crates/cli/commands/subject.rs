//! `subject`: what the log has about a person, and destroying their keys. Through the running server if there is one; on the
//! state itself if not. The identifier goes to the administration socket and nowhere else.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use gateway::{AdminCommand, AdminOutcome, FoundRow, Identifier, SubjectAct, SubjectCommand, SubjectOutcome};
use provenance::{About, Leaf, Pseudonym, Selection, Status};
use zeroize::Zeroizing;

use crate::args::{Person, Subject};
use crate::commands::keys::{OTHER_VERSION, administer, date};
use crate::commands::log::export::{self, Wanted};
use crate::places::Places;

/// More than any identifier has.
const IDENTIFIER_BYTES_MAX: u64 = 1024;

pub(crate) fn run(places: &Places, command: &Subject) -> anyhow::Result<ExitCode> {
    places.expect_log()?;
    match command {
        Subject::Find(person) => list(places, &found(places, person, SubjectAct::Find)?)?,
        Subject::Export { person, format, register, out } => {
            let rows = found(places, person, SubjectAct::Export)?;
            // Leaves are exported once they are signed for, and the last may be a second old.
            administer(places, AdminCommand::Checkpoint)?;
            let selection = Selection { about: Some(pseudonyms(&rows)), ..Selection::default() };
            let (register, out) = (register.clone(), out.as_deref());
            export::write(places, &Wanted { format: *format, selection, register, out })?;
        }
        Subject::Erase(person) => match ask(places, person, SubjectAct::Erase)? {
            SubjectOutcome::Erased { keys: 0, .. } => println!("nothing was kept about this person"),
            SubjectOutcome::Erased { keys, records } => println!(
                "keys destroyed: {keys}; records that name nobody now: {records}\n\
                 Copies of the state folder made earlier still have the keys."
            ),
            SubjectOutcome::Found(_) => bail!(OTHER_VERSION),
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn found(places: &Places, person: &Person, act: SubjectAct) -> anyhow::Result<Vec<FoundRow>> {
    match ask(places, person, act)? {
        SubjectOutcome::Found(rows) => Ok(rows),
        SubjectOutcome::Erased { .. } => bail!(OTHER_VERSION),
    }
}

fn ask(places: &Places, person: &Person, act: SubjectAct) -> anyhow::Result<SubjectOutcome> {
    let id = Identifier(identifier(person.file.as_deref())?);
    let command = SubjectCommand { act, id, kind: person.kind.map(Into::into) };
    match administer(places, AdminCommand::Subject(command))? {
        AdminOutcome::Subject(outcome) => Ok(outcome),
        _ => bail!(OTHER_VERSION),
    }
}

fn identifier(file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    // Room for everything at once, so that no copy is left behind by growing.
    let mut text = Zeroizing::new(String::with_capacity(2048));
    let read = match file {
        Some(path) => {
            let file = File::open(path).with_context(|| format!("--file {}", path.display()))?;
            file.take(IDENTIFIER_BYTES_MAX).read_to_string(&mut text)
        }
        None => {
            if std::io::stdin().is_terminal() {
                eprintln!("The identifier, then Enter and Ctrl-D:");
            }
            std::io::stdin().take(IDENTIFIER_BYTES_MAX).read_to_string(&mut text)
        }
    };
    read.map_err(|error| anyhow::anyhow!("the identifier cannot be read: {}", error.kind()))?;
    Ok(text)
}

fn pseudonyms(rows: &[FoundRow]) -> BTreeSet<Pseudonym> {
    rows.iter().map(|row| row.pseudonym).collect()
}

fn list(places: &Places, rows: &[FoundRow]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if rows.is_empty() {
        writeln!(out, "nothing is kept about this person")?;
        return Ok(());
    }
    writeln!(out, "{:<17} {:<18} {:>8} PSEUDONYM", "TYPE", "FROM", "RECORDS")?;
    for row in rows {
        let from = date(Some(provenance::epoch_start_ms(row.epoch)));
        writeln!(out, "{:<17} {from:<18} {:>8} {}", row.kind.as_str(), row.records, row.pseudonym.to_hex())?;
    }
    writeln!(out, "\n{:<18} {:>10} {:<12} {:<22} {:<10} RECEIPT", "AT", "LEAF", "WHAT", "USE CASE", "ENDED")?;
    for found in provenance::about(&places.log(), &pseudonyms(rows))? {
        record(&mut out, &found)?;
    }
    Ok(())
}

fn record(out: &mut impl Write, found: &About) -> std::io::Result<()> {
    let (at, index) = (date(Some(found.entry.ts_ms)), found.index);
    let Some(request) = found.request() else {
        let what = if let Leaf::AdminRead(read) = &found.entry.leaf { read.what.as_str() } else { "-" };
        return writeln!(out, "{at:<18} {index:>10} {what:<12}");
    };
    let case = request.use_case.as_ref().map_or("-", |case| case.id.as_str());
    let ended = match (&found.outcome, &request.decision.rule) {
        (Some((_, outcome)), _) => match outcome.status {
            Status::Completed => "completed",
            Status::Aborted => "aborted",
            Status::Failed => "failed",
        },
        (None, Some(rule)) => rule.as_str(),
        (None, None) => "not yet",
    };
    let (action, id) = (request.action.as_str(), request.id.to_hex());
    writeln!(out, "{at:<18} {index:>10} {action:<12} {case:<22} {ended:<10} {id}")
}
