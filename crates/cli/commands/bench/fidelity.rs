//! `bench fidelity`: how close our distributions are to a reference's.

use std::process::ExitCode;

use eval::{BaseFile, Fidelity, Record};

use super::{file_name, hand_over, load_options, model};
use crate::args;
use crate::places::Places;
use crate::progress::Bar;

pub(super) fn run(places: &Places, args: &args::Fidelity) -> anyhow::Result<ExitCode> {
    let mut base = BaseFile::open(&args.base)?;
    let (files, facts, notes) = model(places, &args.model)?;
    let options = load_options(&args.model);
    let bar = Bar::new("loading");
    let mut loaded = eval::load(&files, &options, &mut |done, total| bar.set(done, total))?;
    drop(bar);
    let mut record = Record::new("fidelity", &loaded.report.isa);
    record.notes = notes;
    record.notes.push(format!(
        "reference {}: {} chunks of {} tokens",
        file_name(&args.base),
        base.n_chunk,
        base.n_ctx
    ));
    let mut say = |done: usize, total: usize, so_far: Option<&Fidelity>| {
        if let Some(found) = so_far {
            eprintln!(
                "chunk {done} of {total}: PPL {:.4} (reference {:.4}), mean KL {:.6}, same top {:.2} %",
                found.ppl.value,
                found.ppl_base.value,
                found.kl_mean.value,
                found.same_top.value * 100.0
            );
        }
    };
    let found = eval::fidelity(&mut loaded, &mut base, &args.base, &mut say)?;
    record.model = Some(facts);
    record.threads = Some(options.threads);
    record.notes.push(format!("{} positions", found.positions));
    record.figures = found.figures();
    hand_over(&record, args.out.as_deref())
}
