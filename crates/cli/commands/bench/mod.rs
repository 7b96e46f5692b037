//! `bench`: the measuring instrument. It serves nothing and opens no state.

mod engine;
mod fidelity;
mod pair;
mod report;
mod server;
mod table;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use eval::{ModelFacts, PinnedFile, Record};

use crate::args::{Bench, MeasuredModel};
use crate::places::Places;
use crate::progress::Bar;

pub(crate) fn run(places: &Places, command: &Bench) -> anyhow::Result<ExitCode> {
    match command {
        Bench::Engine(args) => engine::run(places, args),
        Bench::Pair(args) => pair::run(places, args),
        Bench::Server(args) => server::run(args),
        Bench::Fidelity(args) => fidelity::run(places, args),
        Bench::Report(args) => report::run(args),
    }
}

/// The files of the model to measure, what a record says of it, and what its reader must know.
fn model(
    places: &Places,
    args: &MeasuredModel,
) -> anyhow::Result<(Vec<PinnedFile>, ModelFacts, Vec<String>)> {
    if let Some(path) = &args.file {
        let bar = Bar::new("hashing");
        let file = eval::hash_file(path, &mut |done, total| bar.set(done, total))?;
        drop(bar);
        let facts = ModelFacts {
            name: file_name(path),
            sha256: hex::encode(file.sha256),
            size_bytes: file.size_bytes,
        };
        let note =
            format!("{} is approved by nobody: loaded as it was found, for measuring only", facts.name);
        eprintln!("{note}\nsha256 {}", facts.sha256);
        return Ok((vec![file], facts, vec![note]));
    }
    let id = args.model.as_deref().context("name a model with --file or --model")?;
    let registry = places.registry()?;
    let entry = registry.entry(id)?;
    let facts = ModelFacts {
        name: entry.id.clone(),
        sha256: hex::encode(entry.sha256()),
        size_bytes: entry.size_bytes(),
    };
    Ok((registry.pinned(id, &places.store)?, facts, Vec::new()))
}

fn load_options(args: &MeasuredModel) -> eval::LoadOptions {
    let defaults = eval::LoadOptions::default();
    eval::LoadOptions {
        threads: args.threads.map_or(defaults.threads, usize::from),
        kv_type: args.kv_type,
        ..defaults
    }
}

/// A path's last part: records hold no folder of anybody's machine.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The version said of a system; "unknown" when none was.
fn version_of(versions: &[(String, String)], name: &str) -> String {
    let said = versions.iter().find(|(of, _)| of == name);
    said.map_or_else(|| "unknown".to_owned(), |(_, version)| version.clone())
}

/// Says a debug build's figures for what they are.
fn warn_of_debug(record: &mut Record) {
    if record.build.profile != "release" {
        let note = "a debug build measured: its figures mean nothing";
        eprintln!("{note}");
        record.notes.push(note.to_owned());
    }
}

/// Prints the table, and writes the record where it was asked for; `-` is standard output instead of the table.
fn hand_over(record: &Record, out: Option<&Path>) -> anyhow::Result<ExitCode> {
    match out {
        Some(path) if path == Path::new("-") => print!("{}", record.to_json()),
        Some(path) => {
            print!("{}", table::table(record));
            record.write(path)?;
            eprintln!("record written to {}", path.display());
        }
        None => print!("{}", table::table(record)),
    }
    Ok(ExitCode::SUCCESS)
}
