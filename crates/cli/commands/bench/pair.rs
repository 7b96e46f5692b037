//! `bench pair`: ours and peers' own tools in turn.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use eval::{Definition, EngineWorkload, OURS, Record, Side, SideCommand, System};

use super::{hand_over, load_options, model, version_of, warn_of_debug};
use crate::args;
use crate::places::Places;

pub(super) fn run(places: &Places, args: &args::Pair) -> anyhow::Result<ExitCode> {
    let mut definition = Definition::<EngineWorkload>::load(&args.workloads.definitions)?;
    if args.workloads.workloads.is_empty() {
        // A peer's tool has no name for the others.
        definition.workloads.retain(|(_, workload)| workload.peer.is_some());
    }
    definition.keep(&args.workloads.workloads)?;
    let (_, facts, notes) = model(places, &args.model)?;
    let threads = load_options(&args.model).threads;
    let ours = Side { name: OURS.to_owned(), command: SideCommand::Own(own_command(places, args, threads)?) };
    let peers: Vec<Side> = args
        .peer_commands
        .iter()
        .map(|(name, line)| Side { name: name.clone(), command: SideCommand::Shell(line.clone()) })
        .collect();
    let mut names: Vec<&str> = peers.iter().map(|peer| peer.name.as_str()).collect();
    names.sort_unstable();
    if names.contains(&OURS) || names.windows(2).any(|pair| pair.first() == pair.last()) {
        bail!("each peer needs a name of its own: --peer-command NAME=COMMAND");
    }
    let mut record = Record::new("pair", &eval::isa()?);
    record.notes = notes;
    warn_of_debug(&mut record);
    if args.ours.is_some() {
        record.notes.push("ours is another program than the one that kept this record".to_owned());
    }
    let patience = Duration::from_secs(args.timeout_s);
    let (figures, left_out) =
        eval::run_pair(&ours, &peers, &definition, args.rounds, patience, &mut |line| eprintln!("{line}"))?;
    for system in &mut record.systems {
        system.command = Some(ours.shown());
    }
    record.systems.extend(peers.iter().map(|peer| System {
        name: peer.name.clone(),
        version: version_of(&args.peer_versions, &peer.name),
        command: Some(peer.shown()),
    }));
    record.model = Some(facts);
    record.threads = Some(threads);
    record.definition_sha256 = Some(hex::encode(definition.sha256));
    record.ratios = eval::ratios(OURS, &figures);
    record.figures = figures;
    record.notes.extend(left_out);
    hand_over(&record, args.out.as_deref())
}

/// `bench engine` of this program, or of the one that was named, once.
fn own_command(places: &Places, args: &args::Pair, threads: usize) -> anyhow::Result<Vec<OsString>> {
    let program = match &args.ours {
        Some(program) => program.clone(),
        None => std::env::current_exe().context("this program's own path")?,
    };
    let mut words: Vec<OsString> = vec![program.into(), "bench".into(), "engine".into()];
    let mut add = |flag: &str, value: OsString| words.extend([flag.into(), value]);
    if let Some(file) = &args.model.file {
        add("--file", file.into());
    }
    if let Some(id) = &args.model.model {
        add("--model", id.into());
        add("--store", places.store.clone().into());
        if let Some(models) = places.models_file() {
            add("--models", models.into());
        }
    }
    for definition in &args.workloads.definitions {
        add("--definition", definition.into());
    }
    add("--threads", threads.to_string().into());
    add("--runs", "1".into());
    add("--out", "-".into());
    Ok(words)
}
