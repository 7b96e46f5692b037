//! The command line. `args.rs` says what may be typed, `places.rs` what it means on this machine, `commands/` does it.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a command line does")]

mod args;
mod broker;
mod commands;
mod encoders;
mod fetching;
mod office;
mod places;
mod process;
mod progress;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Command};
use crate::places::Places;

/// What is freed holds nothing of a prompt any more.
#[global_allocator]
static ALLOCATOR: hardening::WipingAllocator = hardening::WipingAllocator;

/// 0 done, 1 failed or refused, 2 wrong usage (clap's own).
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    hardening::hide_panic_payloads();
    let hardened = hardening::confine_process();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(tracing::Level::INFO)
        .with_target(false)
        .init();
    match run(arguments, &hardened) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proeftuin: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments, hardened: &hardening::Report) -> anyhow::Result<ExitCode> {
    let places = Places::resolve(&arguments.places)?;
    match arguments.command {
        Command::Broker { destinations } => broker::run(&destinations),
        Command::Serve(serve) => commands::serve::run(&places, &serve, hardened),
        Command::Doctor(doctor) => commands::doctor::run(&places, &doctor, hardened),
        Command::Chat(chat) => commands::chat::run(&places, &chat, hardened),
        Command::Models(models) => commands::models::run(&places, &models),
        Command::Keys(keys) => commands::keys::run(&places, keys),
        Command::Identity(identity) => commands::identity::run(&places, &identity),
        Command::UseCase(use_case) => commands::use_case::run(&places, &use_case),
        Command::Roster(roster) => commands::roster::run(&places, &roster),
        Command::Policy(policy) => commands::policy::run(&places, &policy),
        Command::Guidance(guidance) => commands::guidance::run(&places, guidance),
        Command::Quota(quota) => commands::quota::run(&places, &quota),
        Command::Assess(assess) => commands::assess::run(&places, &assess),
        Command::Redact(redact) => commands::redact::run(&places, &redact),
        Command::Log(log) => commands::log::run(&places, &log),
        Command::Subject(subject) => commands::subject::run(&places, &subject),
        Command::Receipt(receipt) => commands::receipt::run(&receipt),
        Command::Replay(replay) => commands::replay::run(&places, &replay),
        Command::Bench(bench) => commands::bench::run(&places, &bench),
        Command::Eval(eval) => commands::eval::run(&places, &eval),
        Command::Version(version) => commands::version::run(&version),
        Command::Completions { shell } => commands::shell::completions(shell),
        Command::Man => commands::shell::man(),
    }
}

/// Whoever reads our output may stop reading, as `head` does: that is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().filter_map(|cause| cause.downcast_ref()).any(broken)
}
