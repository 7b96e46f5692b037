//! `log export`: the verified log in the formats of others.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use gateway::{AdminCommand, AdminOutcome, ExportRange};
use jiff::civil::Date;
use provenance::{Exporter, Report, Selection, Summary, VerifierKey};

use crate::args::{LogExport, LogFormat};
use crate::commands::keys::{OTHER_VERSION, administer};
use crate::places::Places;

/// What is written, and where.
pub(crate) struct Wanted<'a> {
    pub(crate) format: LogFormat,
    pub(crate) selection: Selection,
    pub(crate) register: Option<String>,
    /// Standard output where none is named.
    pub(crate) out: Option<&'a Path>,
}

pub(super) fn run(places: &Places, export: &LogExport) -> anyhow::Result<ExitCode> {
    if let (Some(from), Some(to)) = (export.from, export.to)
        && from > to
    {
        bail!("--from {from} is after --to {to}; nothing lies between them");
    }
    let next_day = |day: Date| day.tomorrow().map_err(anyhow::Error::from).and_then(day_ms);
    let about = &export.data_subjects;
    let selection = Selection {
        from_ms: export.from.map(day_ms).transpose()?,
        until_ms: export.to.map(next_day).transpose()?,
        use_case: export.use_case.clone(),
        about: (!about.is_empty()).then(|| about.iter().copied().collect()),
    };
    let (register, out) = (export.register.clone(), export.out.as_deref());
    write(places, &Wanted { format: export.format, selection, register, out })?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the verified log, or nothing.
pub(crate) fn write(places: &Places, wanted: &Wanted) -> anyhow::Result<()> {
    let key = super::own_key(places)?;
    let (report, summary) = match wanted.out {
        Some(path) => to_file(places, &key, wanted, path)?,
        None => {
            // What is printed cannot be taken back: the log is verified before, and again as it is printed.
            let (verified, counted) = project(places, &key, wanted, u64::MAX, std::io::sink())?;
            seal(places, wanted, &counted)?;
            project(places, &key, wanted, verified.signed_leaves, std::io::stdout().lock())?
        }
    };
    tell(wanted.format, &report, &summary);
    Ok(())
}

/// First moment of a day in UTC, ms since 1970.
pub(super) fn day_ms(day: Date) -> anyhow::Result<i64> {
    Ok(jiff::tz::Offset::UTC.to_timestamp(day.at(0, 0, 0, 0))?.as_millisecond())
}

/// Writes beside the file and renames: a log that turns out broken leaves none. It holds pseudonyms, so nobody else reads it.
fn to_file(
    places: &Places,
    key: &VerifierKey,
    wanted: &Wanted,
    path: &Path,
) -> anyhow::Result<(Report, Summary)> {
    let mut name = path.file_name().context("--out must name a file")?.to_owned();
    name.push(".unverified");
    let unverified = path.with_file_name(name);
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unverified);
    let file = file.with_context(|| unverified.display().to_string())?;
    let done = project(places, key, wanted, u64::MAX, file).and_then(|done| {
        seal(places, wanted, &done.1)?;
        File::open(&unverified)?.sync_all()?;
        fs::rename(&unverified, path).with_context(|| path.display().to_string())?;
        Ok(done)
    });
    if done.is_err() {
        let _ = fs::remove_file(&unverified);
    }
    done
}

/// The log says who exports what, before anybody has it. A copy without its key cannot say anything, and nobody asked for it.
fn seal(places: &Places, wanted: &Wanted, summary: &Summary) -> anyhow::Result<()> {
    if !places.log().join("keys").join("log.key").exists() {
        eprintln!("note: this copy of a log has no signing key, so the export is sealed nowhere");
        return Ok(());
    }
    let Selection { from_ms, until_ms, use_case, about } = wanted.selection.clone();
    let sealed = AdminCommand::SealExport(ExportRange {
        format: wanted.format.name(),
        from_ms,
        until_ms,
        use_case,
        data_subjects: about.map_or(0, |about| about.len() as u64),
        rows: summary.rows,
    });
    match administer(places, sealed).context("an export is sealed in the log before it is given out")? {
        AdminOutcome::ExportSealed => Ok(()),
        _ => bail!(OTHER_VERSION),
    }
}

fn project(
    places: &Places,
    key: &VerifierKey,
    wanted: &Wanted,
    leaves: u64,
    out: impl Write,
) -> anyhow::Result<(Report, Summary)> {
    let out = BufWriter::with_capacity(1 << 16, out);
    let (selection, register) = (wanted.selection.clone(), wanted.register.clone());
    let mut exporter = Exporter::new(wanted.format.into(), selection, register, out)?;
    let mut taken = Ok(());
    let report = provenance::verify_each(&places.log(), key, |leaf| {
        if taken.is_ok() && leaf.index < leaves {
            taken = exporter.take(&leaf);
        }
    })?;
    taken?;
    Ok((report, exporter.finish()?))
}

fn tell(format: LogFormat, report: &Report, summary: &Summary) {
    let Summary { rows, unfinished, without_data_subject } = summary;
    eprintln!(
        "the log verifies: {rows} rows of {} signed leaves; root {}",
        report.signed_leaves, report.root
    );
    let ended_only = !matches!(format, LogFormat::Adl | LogFormat::Jsonl);
    if *unfinished > 0 && ended_only {
        eprintln!("note: {unfinished} requests have no outcome yet and are not in it");
    }
    if *without_data_subject > 0 {
        eprintln!(
            "note: {without_data_subject} rows are about no data subject, because the callers named none; the standard asks for one"
        );
    }
    if let Some(sealed) = &report.pruned {
        eprintln!("note: pruned, and so not in it: {}", super::pruned(sealed));
    }
    let later = report.leaves.saturating_sub(report.signed_leaves);
    if later > 0 {
        eprintln!(
            "note: {later} leaves are not under a signed checkpoint yet and are not in it; export again later"
        );
    }
}
