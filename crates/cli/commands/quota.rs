//! `quota`: through the running server if there is one; on the state itself if not.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use gateway::{AdminCommand, AdminOutcome, QuotaRow};

use crate::args::QuotaCommand;
use crate::commands::keys::{OTHER_VERSION, administer, date};
use crate::places::Places;

pub(crate) fn run(places: &Places, command: &QuotaCommand) -> anyhow::Result<ExitCode> {
    let command = match command {
        QuotaCommand::Show => AdminCommand::ShowQuota,
        QuotaCommand::Rebuild => AdminCommand::RebuildQuota,
        QuotaCommand::AcceptClock => AdminCommand::AcceptClock,
    };
    let mut out = std::io::stdout();
    match administer(places, command)? {
        AdminOutcome::Quota(rows) => show(&rows)?,
        AdminOutcome::QuotaRebuilt { counters, changed: 0 } => {
            writeln!(out, "{counters} counters, all as the log has them")?;
        }
        AdminOutcome::QuotaRebuilt { counters, changed } => {
            writeln!(out, "{counters} counters, {changed} of which stood otherwise before")?;
        }
        AdminOutcome::ClockAccepted { expected_ms, accepted_ms } => {
            let (expected, accepted) = (date(Some(expected_ms)), date(Some(accepted_ms)));
            writeln!(out, "the time is {accepted}; it had to be {expected}")?;
        }
        _ => bail!(OTHER_VERSION),
    }
    Ok(ExitCode::SUCCESS)
}

fn show(rows: &[QuotaRow]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<9} {:<9} {:<7} {:>12} {:>12} {:>12} {:<18} ID",
        "OF", "MEASURE", "WINDOW", "USED", "RESERVED", "LIMIT", "SINCE"
    )?;
    for row in rows {
        let QuotaRow { of, id, measure, window, start_ms, used, reserved, limit } = row;
        let limit = limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
        let since = date(Some(*start_ms));
        writeln!(
            out,
            "{of:<9} {measure:<9} {window:<7} {used:>12} {reserved:>12} {limit:>12} {since:<18} {id}"
        )?;
    }
    Ok(())
}
