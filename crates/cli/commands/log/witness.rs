//! `log cosign` on the side of the log, `log witness` on the side of a second organisation.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use gateway::{AdminCommand, AdminOutcome};
use provenance::{CosignRequest, Witness, WitnessKey};
use zeroize::Zeroizing;

use crate::args::{LogCosign, LogWitness};
use crate::commands::keys::{OTHER_VERSION, administer, now_ms};
use crate::commands::receipt::{key_text, parse_key, read};
use crate::places::Places;

pub(super) fn cosign(places: &Places, command: &LogCosign) -> anyhow::Result<ExitCode> {
    match command {
        LogCosign::Request { witness, since } => {
            let key = super::own_key(places)?;
            let since = match (witness, since) {
                (Some(witness), _) => {
                    provenance::cosigned_size(&places.log(), &key, &parse_witness(witness)?)?
                }
                (None, Some(since)) => *since,
                (None, None) => bail!("say since when: --witness KEY, or --since LEAVES"),
            };
            let request = provenance::cosign_request(&places.log(), &key, since)?;
            std::io::stdout().write_all(request.to_text().as_bytes())?;
        }
        LogCosign::Add { file, witness } => {
            let note = text(file)?;
            let witness = parse_witness(witness)?.to_string();
            match administer(places, AdminCommand::AddCosigned { note, witness })? {
                AdminOutcome::Cosigned => eprintln!("published"),
                _ => bail!(OTHER_VERSION),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A witness key as typed, or the file that holds it.
pub(crate) fn parse_witness(given: &str) -> anyhow::Result<WitnessKey> {
    Ok(WitnessKey::parse(&key_text("--witness", given, |text| WitnessKey::parse(text).is_ok())?)?)
}

fn text(file: &Path) -> anyhow::Result<String> {
    let bytes = read(file)?;
    Ok(std::str::from_utf8(&bytes).with_context(|| format!("{} is no text", file.display()))?.to_owned())
}

pub(super) fn witness(command: &LogWitness) -> anyhow::Result<ExitCode> {
    let log_key = parse_key(&command.log_key)?;
    let request = CosignRequest::parse(&text(&command.request)?)?;
    let (witness, held) = own_key(command)?;
    // Two at once could each extend the same old checkpoint.
    held.lock().with_context(|| command.key.display().to_string())?;
    let last = match fs::read_to_string(&command.last) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| command.last.display().to_string()),
    };
    let time_s = u64::try_from(now_ms() / 1000).context("the clock stands before 1970")?;
    let note = witness.cosign(&request, &log_key, last.as_deref(), time_s)?;
    keep(&command.last, &note).with_context(|| command.last.display().to_string())?;
    std::io::stdout().write_all(note.as_bytes())?;
    eprintln!("cosigned by {}", witness.public());
    Ok(ExitCode::SUCCESS)
}

/// The signing key, made where it is not there and a name is given, and its file.
fn own_key(command: &LogWitness) -> anyhow::Result<(Witness, File)> {
    let path = || command.key.display().to_string();
    if !command.key.exists() {
        let name = command
            .name
            .as_deref()
            .with_context(|| format!("{} is not there; --name makes a key", path()))?;
        if command.last.exists() {
            bail!(
                "{} was cosigned with another key than a new one; restore that key",
                command.last.display()
            );
        }
        let secret = Zeroizing::new(format!("{}\n", Witness::generate(name)?.to_secret_text().as_str()));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&command.key)
            .with_context(path)?;
        file.write_all(secret.as_bytes()).and_then(|()| file.sync_all()).with_context(path)?;
    }
    let mut file = File::open(&command.key).with_context(path)?;
    let mode = file.metadata().with_context(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("{} has mode {:o}; make it 600", path(), mode & 0o777);
    }
    let mut secret = Zeroizing::new(String::new());
    file.read_to_string(&mut secret).with_context(path)?;
    let witness = Witness::parse(&secret).with_context(path)?;
    if let Some(name) = command.name.as_deref().filter(|name| *name != witness.public().name()) {
        bail!("{} is the key of {}, not of {name}", path(), witness.public().name());
    }
    Ok((witness, file))
}

/// Makes what was cosigned last durable before the cosignature is handed out. A crash leaves the old one or the new one; after the
/// old one the same request is cosigned again.
fn keep(last: &Path, note: &str) -> std::io::Result<()> {
    let mut name = last.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = last.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(note.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, last)?;
    let folder = last.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
