//! Opens the state folder: log, ledger, keys, policy. Whoever holds it is the only writer.

use std::path::Path;

use anyhow::Context;
use gateway::{ActivePolicy, Gateway, Meter, Parts, PolicySource};
use ledger::{Faults, Ledger};
use provenance::{Clock, Configuration, Digest, KeyRing, Log, LogOptions, Name, Recovery};
use sha2::{Digest as _, Sha256};

use crate::encoders::Classifiers;
use crate::places::Places;

/// What the open state folder is to do.
pub(crate) struct Use {
    /// Choices that may run or wait.
    pub(crate) places: usize,
    /// Power while something is computed, where it cannot be measured.
    pub(crate) milliwatts: u64,
    /// The resolved settings, for the log: its digest is recorded.
    pub(crate) settings: String,
    /// The tier the engine will run on; `none` where nothing is generated.
    pub(crate) isa: String,
    /// The models that redaction profiles name; `None` where nothing is read.
    pub(crate) classifiers: Option<Classifiers>,
}

/// Opens everything and says that it did. Fails when another process holds the log.
pub(crate) async fn open(places: &Places, purpose: Use) -> anyhow::Result<(Gateway, Recovery)> {
    // Before the state folder is made, so that a policy that cannot be used leaves nothing behind.
    let classifiers = purpose.classifiers;
    let policy = policy(places, classifiers.as_ref())?;
    make_private(&places.state)?;
    remember(places, &policy)?;
    let (log, recovery) =
        Log::open(&places.log(), LogOptions::new(origin(places)?)).context("the provenance log")?;
    // Which root keys decided whose signatures counted is part of what ran.
    let trust_root = places.trust_root()?.map_or_else(String::new, |(_, text)| text);
    let store = places.quota_store()?;
    let settings = format!("{} trust_root={trust_root:?} quota_store={:?}", purpose.settings, store.place());
    let parts = Parts {
        log,
        ring: KeyRing::open(&places.state.join("subject-keys.json"))?,
        ledger: Ledger::open_with(places.state.join("ledger.sqlite"), store, Faults::default())?,
        policy,
        policy_source: policy_source(places, classifiers.clone()),
        meter: Meter::open(purpose.milliwatts),
        places: purpose.places,
        configuration: Configuration {
            build_sha256: Digest(build_sha256()?),
            config_sha256: Digest(Sha256::digest(settings.as_bytes()).into()),
            isa: Name::new(purpose.isa)?,
            prev_config_event: None,
        },
        clock: Clock::system_with(steady_ms),
        log_dir: places.log(),
    };
    let gateway = Gateway::start(parts).await?;
    if let Some(classifiers) = classifiers {
        classifiers.seal(&gateway).await?;
    }
    Ok((gateway, recovery))
}

/// Remembers the roster that a policy comes into force with.
fn remember(places: &Places, policy: &ActivePolicy) -> anyhow::Result<()> {
    policy.roster_version().map_or(Ok(()), |version| places.remember_roster(version))
}

fn policy(places: &Places, classifiers: Option<&Classifiers>) -> anyhow::Result<ActivePolicy> {
    match classifiers {
        Some(classifiers) => places.policy_with(&|profile| classifiers.redactor(profile)),
        None => places.policy(),
    }
}

fn policy_source(places: &Places, classifiers: Option<Classifiers>) -> PolicySource {
    let places = places.clone();
    let read = move || {
        let policy = policy(&places, classifiers.as_ref())?;
        remember(&places, &policy)?;
        anyhow::Ok(policy)
    };
    Box::new(move || read().map_err(|error| format!("{error:#}")))
}

/// Milliseconds since the machine started, its sleep included where the system can say that: a machine that wakes has
/// a clock that is right.
fn steady_ms() -> i64 {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000)
}

/// The log's name. It is drawn once and kept in the state folder, because it is part of the log's key.
fn origin(places: &Places) -> anyhow::Result<String> {
    let path = places.state.join("log.origin");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = provenance::ReceiptId::random()?;
            let origin = format!("proeftuin.invalid/log/{}", id.to_hex().get(..16).unwrap_or_default());
            // A crash before the log has its key leaves only this name, which the next start takes.
            std::fs::write(&path, format!("{origin}\n")).with_context(|| path.display().to_string())?;
            Ok(origin)
        }
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// SHA-256 of the running program, so that the log says which build did what.
pub(crate) fn build_sha256() -> anyhow::Result<[u8; 32]> {
    let path = std::env::current_exe().context("the program's own file")?;
    let mut file = std::fs::File::open(&path).with_context(|| path.display().to_string())?;
    let mut hash = Sha256::new();
    std::io::copy(&mut file, &mut HashWriter(&mut hash))?;
    Ok(hash.finalize().into())
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Makes a folder that only its owner can open.
pub(crate) fn make_private(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("the state folder {}", dir.display()))
}
