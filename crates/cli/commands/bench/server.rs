//! `bench server`: a load on servers of one's own.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use eval::{Definition, LoadLimits, OURS, Record, ServerWorkload, System, Target};

use super::{hand_over, version_of};
use crate::args;

pub(super) fn run(args: &args::Server) -> anyhow::Result<ExitCode> {
    let mut definition = Definition::<ServerWorkload>::load(&args.workloads.definitions)?;
    definition.keep(&args.workloads.workloads)?;
    let targets = match &args.url {
        Some(url) => vec![Target::new(OURS, url, &args.key, args.model.clone()).map_err(anyhow::Error::msg)?],
        None => args.targets.clone(),
    };
    let ours = targets.first().context("name a server with --url or --target")?.name.clone();
    let twice = |target: &Target| targets.iter().filter(|other| other.name == target.name).count() > 1;
    if let Some(target) = targets.iter().find(|target| twice(target)) {
        bail!("two targets are called {}", target.name);
    }
    let limits = LoadLimits {
        runs: args.runs,
        request: Duration::from_secs(args.timeout_s),
        run: Duration::from_secs(args.run_s),
    };
    let mut record = Record::new("server", &eval::isa()?);
    let (figures, notes) = eval::run_server(&targets, &definition, limits, &mut |line| eprintln!("{line}"))?;
    let systems = targets.iter().map(|target| System {
        name: target.name.clone(),
        version: version_of(&args.peer_versions, &target.name),
        command: None,
    });
    record.systems = systems.collect();
    record.definition_sha256 = Some(hex::encode(definition.sha256));
    record.ratios = eval::ratios(&ours, &figures);
    record.figures = figures;
    record.notes = notes;
    record.notes.iter().for_each(|note| eprintln!("{note}"));
    hand_over(&record, args.out.as_deref())
}
