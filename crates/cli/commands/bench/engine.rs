//! `bench engine`: a model straight in the engine, and a clock beside it.

use std::process::ExitCode;

use eval::{Better, Definition, EngineBench, EngineWorkload, Figure, OURS, Record};

use super::{hand_over, load_options, model, warn_of_debug};
use crate::args;
use crate::places::Places;
use crate::progress::Bar;

pub(super) fn run(places: &Places, args: &args::Engine) -> anyhow::Result<ExitCode> {
    let mut definition = Definition::<EngineWorkload>::load(&args.workloads.definitions)?;
    definition.keep(&args.workloads.workloads)?;
    let (files, facts, notes) = model(places, &args.model)?;
    let options = load_options(&args.model);
    let bar = Bar::new("loading");
    let bench = EngineBench::load(&files, &options, &definition, &mut |done, total| bar.set(done, total))?;
    drop(bar);
    let mut record = Record::new("engine", &bench.report.isa);
    record.notes = notes;
    warn_of_debug(&mut record);
    eprintln!("{} threads, {}, loaded in {:.2} s", options.threads, bench.report.isa, bench.load_s);
    let (figures, left_out) =
        eval::run_engine(&bench, &definition, args.runs, &mut |line| eprintln!("{line}"))?;
    record.model = Some(facts);
    record.threads = Some(options.threads);
    record.definition_sha256 = Some(hex::encode(definition.sha256));
    record.figures = figures;
    record.notes.extend(left_out);
    let once = |metric, unit, value| Figure::new("load", metric, unit, Better::Lower, OURS, vec![value]);
    record.figures.push(once("time", "s", bench.load_s));
    if let Some(bytes) = eval::peak_resident_bytes() {
        record.figures.push(once("peak resident memory", "MB", bytes as f64 / 1e6));
    }
    hand_over(&record, args.out.as_deref())
}
