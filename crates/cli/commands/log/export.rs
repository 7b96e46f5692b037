//! `log export`: the verified log in the formats of others.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::civil::Date;
use provenance::{Exporter, Report, Selection, Summary, VerifierKey};

use crate::args::{LogExport, LogFormat};
use crate::places::Places;

pub(super) fn run(places: &Places, export: &LogExport) -> anyhow::Result<ExitCode> {
    if let (Some(from), Some(to)) = (export.from, export.to)
        && from > to
    {
        bail!("--from {from} is after --to {to}; nothing lies between them");
    }
    let key = super::own_key(places)?;
    let (report, summary) = match &export.out {
        Some(path) => to_file(places, &key, export, path)?,
        None => {
            // What is printed cannot be taken back: the log is verified before, and again as it is printed.
            provenance::verify(&places.log(), &key, None)?;
            project(places, &key, export, std::io::stdout().lock())?
        }
    };
    tell(export, &report, &summary);
    Ok(ExitCode::SUCCESS)
}

/// First moment of a day in UTC, ms since 1970.
pub(super) fn day_ms(day: Date) -> anyhow::Result<i64> {
    Ok(jiff::tz::Offset::UTC.to_timestamp(day.at(0, 0, 0, 0))?.as_millisecond())
}

/// Writes beside the file and renames: a log that turns out broken leaves none. It holds pseudonyms, so nobody else reads it.
fn to_file(
    places: &Places,
    key: &VerifierKey,
    export: &LogExport,
    path: &Path,
) -> anyhow::Result<(Report, Summary)> {
    let mut name = path.file_name().context("--out must name a file")?.to_owned();
    name.push(".unverified");
    let unverified = path.with_file_name(name);
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unverified);
    let file = file.with_context(|| unverified.display().to_string())?;
    let done = project(places, key, export, file).and_then(|done| {
        File::open(&unverified)?.sync_all()?;
        fs::rename(&unverified, path).with_context(|| path.display().to_string())?;
        Ok(done)
    });
    if done.is_err() {
        let _ = fs::remove_file(&unverified);
    }
    done
}

fn project(
    places: &Places,
    key: &VerifierKey,
    export: &LogExport,
    out: impl Write,
) -> anyhow::Result<(Report, Summary)> {
    let next_day = |day: Date| day.tomorrow().map_err(anyhow::Error::from).and_then(day_ms);
    let selection = Selection {
        from_ms: export.from.map(day_ms).transpose()?,
        until_ms: export.to.map(next_day).transpose()?,
        use_case: export.use_case.clone(),
        about: None,
    };
    let out = BufWriter::with_capacity(1 << 16, out);
    let mut exporter = Exporter::new(export.format.into(), selection, export.register.clone(), out)?;
    let mut taken = Ok(());
    let report = provenance::verify_each(&places.log(), key, |leaf| {
        if taken.is_ok() {
            taken = exporter.take(&leaf);
        }
    })?;
    taken?;
    Ok((report, exporter.finish()?))
}

fn tell(export: &LogExport, report: &Report, summary: &Summary) {
    let Summary { rows, unfinished, without_data_subject } = summary;
    eprintln!(
        "the log verifies: {rows} rows of {} signed leaves; root {}",
        report.signed_leaves, report.root
    );
    let ended_only = !matches!(export.format, LogFormat::Adl | LogFormat::Jsonl);
    if *unfinished > 0 && ended_only {
        eprintln!("note: {unfinished} requests have no outcome yet and are not in it");
    }
    if *without_data_subject > 0 {
        eprintln!(
            "note: {without_data_subject} rows are about no data subject, because the callers named none; the standard asks for one"
        );
    }
    let later = report.leaves.saturating_sub(report.signed_leaves);
    if later > 0 {
        eprintln!(
            "note: {later} leaves are not under a signed checkpoint yet and are not in it; export again later"
        );
    }
}
