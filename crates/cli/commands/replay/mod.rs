//! `replay`: the answer of a receipt once more, from the pinned model and the body that was sent, compared by commitments.
//!
//! It touches no state of a server: log, ledger and keys are made in a private folder that vanishes.

mod compare;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use anyhow::{Context, bail};
use gateway::{ActivePolicy, GenerationRequest, Meter, Parts, Permitted, Replayer, Serving};
use ledger::{Faults, Ledger, QuotaStore};
use provenance::{
    CHOICES_MAX, Clock, Configuration, Digest, KeyRing, Log, LogOptions, Name, Proven, ReceiptId, Status,
    VerifierKey,
};
use server::kept::{self, Kept};

use crate::args::{self, ReceiptOutput};
use crate::commands::receipt::{open, parse_key, read, verified};
use crate::encoders::Classifiers;
use crate::office;
use crate::places::Places;
use crate::progress::Bar;
use compare::{Circumstances, Report};

/// One receipt with the body that was sent.
struct Case {
    kept: Kept,
    permitted: Permitted,
    request: GenerationRequest,
}

pub(crate) fn run(places: &Places, args: &args::Replay) -> anyhow::Result<ExitCode> {
    if args.files.len() != args.inputs.len() {
        bail!(
            "{} receipts and {} bodies: give --input FILE once for each receipt",
            args.files.len(),
            args.inputs.len()
        );
    }
    let key = parse_key(&args.key)?;
    let cases = args
        .files
        .iter()
        .zip(&args.inputs)
        .map(|(file, input)| case(file, input, &key).with_context(|| file.display().to_string()));
    let cases: Vec<Case> = cases.collect::<anyhow::Result<_>>()?;
    // The roster may have had newer versions since.
    let equal = regenerate(&places.in_the_past(), args, cases)?;
    Ok(if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn case(file: &Path, input: &Path, key: &VerifierKey) -> anyhow::Result<Case> {
    let kept = open(file, key)?;
    if let Proven::Denied(denied) = verified(&kept.receipt, key)? {
        let rule = denied.request.decision.rule.as_ref().map_or("?", Name::as_str);
        bail!(
            "the request was denied by the rule {rule} (the receipt verifies): nothing was generated, so there is nothing to \
             replay; `proeftuin receipt verify` says more"
        );
    }
    let permitted = Permitted::of(&kept.receipt, key)?;
    let action = permitted.intent().request.action.to_string();
    let request = kept::request(&action, &read(input)?).with_context(|| input.display().to_string())?;
    if !permitted.is_of(&request) {
        bail!("{} is not the body that was sent under this receipt", input.display());
    }
    if permitted.outcome().facts.status != Status::Completed {
        bail!("the answer was broken off before its end, at a moment that cannot be found again");
    }
    Ok(Case { kept, permitted, request })
}

/// Has every request answered again and says what came of it. Whether all came out equal.
fn regenerate(places: &Places, args: &args::Replay, cases: Vec<Case>) -> anyhow::Result<bool> {
    let serving = load(places, args, &cases)?;
    let classifiers = Classifiers::of_policy(places, args.engine.encoder_limit())?;
    let policy = places.policy_with(&|profile| classifiers.redactor(profile))?;
    let build_sha256 = Digest(office::build_sha256()?);
    let here: Vec<_> = cases
        .iter()
        .map(|case| Circumstances::new(&serving, &policy, case.permitted.intent(), build_sha256))
        .collect();
    let folder = Folder::new()?;
    // Each request is answered at the moment it was; the clock stands still meanwhile.
    let at_ms = Arc::new(AtomicI64::new(cases.first().map_or(0, |case| case.permitted.at_ms())));
    let clock = Arc::clone(&at_ms);
    let parts = parts(places, &folder, policy, build_sha256, Clock::from_fn(move || clock.load(Relaxed)))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let replayer = Replayer::start(parts, serving).await?;
        let (mut equal, total) = (0_usize, cases.len());
        for (Case { kept, permitted, request }, here) in cases.into_iter().zip(here) {
            at_ms.store(permitted.at_ms(), Relaxed);
            let replayed = replayer.replay(&permitted, request).await.map_err(|refusal| {
                let differs = here.differing(permitted.intent());
                let because =
                    if differs.is_empty() { String::new() } else { format!("; {}", differs.join("; ")) };
                anyhow::anyhow!("request {} cannot be replayed: {refusal}{because}", kept.receipt.id)
            })?;
            let report = Report::of(&here, &permitted, &replayed, &kept.choices);
            let text = match args.output {
                ReceiptOutput::Text => report.text(&kept.receipt.id),
                ReceiptOutput::Json => report.json(&kept.receipt.id)?,
            };
            std::io::stdout().write_all(text.as_bytes())?;
            equal = equal.saturating_add(usize::from(report.equal()));
        }
        replayer.stop().await;
        if total > 1 && args.output == ReceiptOutput::Text {
            writeln!(std::io::stdout(), "{equal} of {total} are equal")?;
        }
        Ok(equal == total)
    })
}

/// A gateway without a past, whose log nobody keeps.
fn parts(
    places: &Places,
    folder: &Folder,
    policy: ActivePolicy,
    build_sha256: Digest,
    clock: Clock,
) -> anyhow::Result<Parts> {
    let (log, _) = Log::open(&folder.0.join("log"), LogOptions::new("proeftuin.invalid/replay"))?;
    let ledger = folder.0.join("ledger.sqlite");
    let reread = places.clone();
    Ok(Parts {
        log,
        ring: KeyRing::open(&folder.0.join("subject-keys.json"))?,
        ledger: Ledger::open_with(ledger, QuotaStore::parse("sqlite")?, Faults::default())?,
        policy,
        policy_source: Box::new(move || reread.policy().map_err(|error| format!("{error:#}"))),
        meter: Meter::open(0),
        places: CHOICES_MAX,
        configuration: Configuration {
            build_sha256,
            config_sha256: Digest([0; 32]),
            isa: Name::new(gateway::isa()?)?,
            prev_config_event: None,
        },
        clock,
        log_dir: folder.0.join("log"),
    })
}

/// The model that the records name, verified while it is read.
fn load(places: &Places, args: &args::Replay, cases: &[Case]) -> anyhow::Result<Serving> {
    let mut ids = cases.iter().filter_map(|case| Some(&case.permitted.intent().request.model.as_ref()?.id));
    let id = ids.next().context("the record names no model")?;
    if let Some(other) = ids.find(|other| *other != id) {
        bail!("these receipts are of two models, {id} and {other}; replay those of one at a time");
    }
    let id = id.as_str();
    if let Some(other) = args.engine.model.as_deref().filter(|other| *other != id) {
        bail!(
            "the receipt is of the model {id}, and --model (or PROEFTUIN_MODEL) is {other}; leave that out"
        );
    }
    let registry = places.registry()?;
    if !registry.is_fetched(id, &places.store) {
        bail!(
            "the model {id} is not in {}; `proeftuin models fetch {id}` gets it, and --store names another folder",
            places.store.display()
        );
    }
    let bar = Bar::new("loading");
    let mut progress = |done, total| bar.set(done, total);
    let settings = args.engine.settings(u32::try_from(CHOICES_MAX)?)?;
    let (serving, _) = gateway::load(&registry, id, &places.store, &settings, 0, &mut progress)?;
    Ok(serving)
}

/// A folder that only its owner can open, and that vanishes. What is written there holds no text.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let path = std::env::temp_dir().join(format!("proeftuin-replay-{}", ReceiptId::random()?.to_hex()));
        let said = |path: &Path| format!("a folder for the replay, {}", path.display());
        std::fs::DirBuilder::new().mode(0o700).create(&path).with_context(|| said(&path))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind on failure is a log without text, and empty counters.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
