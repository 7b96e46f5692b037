//! `completions` and `man`, from the same table as the help.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::Arguments;

pub(crate) fn completions(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "proeftuin", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// One page for the whole program, its subcommands after it.
pub(crate) fn man() -> anyhow::Result<ExitCode> {
    let mut page = Vec::new();
    let mut command = Arguments::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    writeln!(page, ".SH COMMANDS IN FULL")?;
    for subcommand in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        subcommand_page(subcommand, &mut page)?;
    }
    io::stdout().write_all(&page)?;
    Ok(ExitCode::SUCCESS)
}

fn subcommand_page(command: &clap::Command, page: &mut Vec<u8>) -> anyhow::Result<()> {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    writeln!(page, ".SS {}", name.replace('-', "\\-"))?;
    let man = clap_mangen::Man::new(command.clone());
    man.render_description_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_options_section(page)?;
    for subcommand in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        subcommand_page(subcommand, page)?;
    }
    Ok(())
}
