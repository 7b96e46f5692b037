//! `eval run`: from a suite to a report.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use eval::{About, EMBEDDED_TEXT, ExtraKeys, Gate, GateAddress, Measured, Suite};
use policy::{EngineRef, EvaluatedModel, GateRef, Moment, ReportFile, SuiteKind};
use registry::{Model, Registry};

use super::{seconds, tell};
use crate::args::EvalRun;
use crate::commands::keys::now_ms;
use crate::places::{Places, write_whole};
use crate::progress::{Bar, Steps};

/// What a run gave, with what it went through.
type Ran = (Measured, EngineRef, Option<GateRef>);

pub(super) fn run(places: &Places, args: &EvalRun) -> anyhow::Result<ExitCode> {
    let suite = Suite::load(&args.suite)?;
    let registry = places.registry()?;
    let entry = match &args.model {
        Some(id) => registry.entry(id)?,
        None => {
            registry.default_model().context("models.toml has no default model; name one with --model")?
        }
    };
    let started = Moment(seconds(now_ms()));
    let model = evaluated_model(entry);
    let (measured, engine, gate) = if suite.kind().through_the_gate() {
        through_the_gate(places, args, &suite, &model)?
    } else {
        directly(places, args, &suite, &registry, entry)?
    };
    let finished = Moment(seconds(now_ms()).max(started.0));
    let report = eval::evaluation_report(&suite, measured, About { model, engine, gate, started, finished })?;
    let bytes = report.to_canonical().map_err(anyhow::Error::msg)?;
    // Whole or not at all: a run that was stopped leaves no report.
    write_whole(&args.out, &String::from_utf8(bytes)?)?;
    tell(&report);
    println!("report written to {}", args.out.display());
    Ok(if report.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn evaluated_model(entry: &Model) -> EvaluatedModel {
    let file = |file: &registry::ModelFile| ReportFile {
        name: file.path.clone(),
        sha256: hex::encode(file.sha256),
        size_bytes: file.size_bytes.to_string(),
    };
    EvaluatedModel {
        id: entry.id.clone(),
        manifest_sha256: hex::encode(entry.sha256()),
        template_sha256: entry.chat_template.as_ref().map(|pin| hex::encode(pin.sha256)),
        files: entry.files.iter().map(file).collect(),
    }
}

/// From here on there is no network, no other program and no file to write but the report. What is read is public, so a system
/// that lacks some of it is no reason to stop.
fn confine(out: &Path) -> anyhow::Result<()> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let grants = hardening::Grants { write: vec![folder.to_owned()], inet: false };
    for line in hardening::confine_server(&grants) {
        tracing::debug!("hardening: {line}");
    }
    Ok(())
}

fn directly(
    places: &Places,
    args: &EvalRun,
    suite: &Suite,
    registry: &Registry,
    entry: &Model,
) -> anyhow::Result<Ran> {
    let text = match &args.text {
        Some(path) => std::fs::read_to_string(path).with_context(|| path.display().to_string())?,
        None => EMBEDDED_TEXT.to_owned(),
    };
    let files = registry.to_evaluate(&entry.id, &places.store)?;
    confine(&args.out)?;
    let defaults = eval::LoadOptions::default();
    let options =
        eval::LoadOptions { threads: args.threads.map_or(defaults.threads, usize::from), ..defaults };
    let bar = Bar::new("loading");
    let mut loaded = eval::load(&files, &options, &mut |done, total| bar.set(done, total))?;
    drop(bar);
    let steps = Steps::new("chunk");
    let measured = eval::perplexity(suite, &mut loaded, &text, &mut |done, total| steps.set(done, total))?;
    let build_sha256 = hex::encode(crate::office::build_sha256()?);
    Ok((measured, EngineRef { build_sha256, isa: loaded.report.isa.clone() }, None))
}

fn through_the_gate(
    places: &Places,
    args: &EvalRun,
    suite: &Suite,
    model: &EvaluatedModel,
) -> anyhow::Result<Ran> {
    let Some(url) = &args.url else {
        bail!("the suite {} goes through a running server: name it with --url", suite.name)
    };
    let key = |variable: &str| {
        std::env::var(variable).with_context(|| format!("the key in the environment variable {variable}"))
    };
    let extra = |variable: &Option<String>| variable.as_deref().map(key).transpose();
    let keys = ExtraKeys { revoked: extra(&args.revoked_key_env)?, ended: extra(&args.ended_key_env)? };
    let address = GateAddress {
        url: url.clone(),
        key: key(&args.key_env)?,
        patience: Duration::from_secs(args.timeout_s),
    };
    let gate = Gate::open(address, model, &places.policy_files()?)?;
    let steps = Steps::new("request");
    let mut progress = |done, total| steps.set(done, total);
    let measured = match suite.kind() {
        SuiteKind::Leakage => eval::leakage(suite, &gate, &mut progress)?,
        _ => eval::refusals(suite, &gate, &keys, &mut progress)?,
    };
    Ok((measured, gate.engine().clone(), Some(gate.reference().clone())))
}
