//! `log prune`: through the running server if there is one, on the state itself if not.

use std::process::ExitCode;

use anyhow::{Context, bail};
use gateway::{AdminCommand, AdminOutcome};

use super::export::day_ms;
use crate::args::LogPrune;
use crate::commands::keys::{OTHER_VERSION, administer, date, now_ms};
use crate::places::Places;

pub(super) fn run(places: &Places, order: &LogPrune) -> anyhow::Result<ExitCode> {
    let before_ms = match (order.before, order.keep_months) {
        (Some(day), _) => day_ms(day)?,
        (None, Some(months)) => provenance::months_before(now_ms(), months)
            .context("--keep-months goes back before the calendar")?,
        (None, None) => bail!("say what may go: --before DATE or --keep-months N"),
    };
    let command = AdminCommand::PruneLog { before_ms, waive_minimum: order.waive_minimum };
    match administer(places, command)? {
        AdminOutcome::LogPruned(pruned) => println!(
            "pruned: leaves 0 to {}, of {} to {}, are gone, and the keys of {} epochs with them; leaf {} says so",
            pruned.before.saturating_sub(1),
            date(Some(pruned.from_ms)),
            date(Some(pruned.to_ms)),
            pruned.key_epochs,
            pruned.sealed_in
        ),
        AdminOutcome::NothingPruned { why } => println!("{why}"),
        _ => bail!(OTHER_VERSION),
    }
    Ok(ExitCode::SUCCESS)
}
