//! `cargo xtask tidy [--everything]`: the checks of the library, by hand.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a command line tool")]

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use xtask::{Reach, tidy};

const USAGE: &str = "usage: cargo xtask tidy [--everything]

tidy            check the walls of the workspace; the same runs in cargo test
  --everything  judge the licences of every feature and platform, not this machine's alone (downloads them)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let reach = match arguments.as_slice() {
        ["tidy"] => Reach::Host,
        ["tidy", "--everything"] => Reach::Everything,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match report(reach) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("tidy could not run: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Prints the violations and gives their number.
fn report(reach: Reach) -> anyhow::Result<usize> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("xtask lies in crates/")?;
    let violations = tidy(root, reach)?;
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => println!("tidy"),
        count => println!("\n{count} violations"),
    }
    Ok(violations.len())
}
