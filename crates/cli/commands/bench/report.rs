//! `bench report`: records as a page.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use eval::Record;

use crate::args;

pub(super) fn run(args: &args::Report) -> anyhow::Result<ExitCode> {
    let records = args.records.iter().map(|path| Record::read(path)).collect::<Result<Vec<_>, _>>()?;
    let write = |path: &Path, text: String| {
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
        anyhow::Ok(())
    };
    if let Some(path) = &args.html {
        write(path, eval::html(&records))?;
    }
    if let Some(path) = &args.svg {
        write(path, eval::svg(&records))?;
    }
    Ok(ExitCode::SUCCESS)
}
