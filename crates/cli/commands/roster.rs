//! `roster`: who may sign, vouched for by root keys that lie elsewhere.

use std::process::ExitCode;

use anyhow::{Context, bail};
use policy::{Fault, PolicyFiles, PolicySet};

use super::use_case::read_key;
use crate::args::Roster;
use crate::places::{Places, write_whole};

pub(crate) fn run(places: &Places, command: &Roster) -> anyhow::Result<ExitCode> {
    match command {
        Roster::Sign { key } => {
            let dir = places.policy_dir()?;
            let files = places.policy_files()?;
            let (path, text) = policy::seal_roster(&files, &read_key(key)?)?;
            write_whole(&dir.join(&path), &text)?;
            println!("signed the roster: {path}");
            if let Some(line) = rules_line(&files)? {
                println!("{line}");
            }
            if let Some(line) = identity_line(&files) {
                println!("{line}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Roster::Check => check(places),
    }
}

/// What to write where the rules are not the built-in ones.
fn rules_line(files: &PolicyFiles) -> anyhow::Result<Option<String>> {
    let digest = files.rules_digest();
    let built_in = PolicyFiles::embedded()?.rules_digest() == digest;
    Ok((!built_in).then(|| {
        format!(
            "the rules are not the built-in ones: they hold only where roster.toml says, before it is signed,\n\
             rules_sha256 = \"{}\"",
            hex::encode(digest)
        )
    }))
}

/// What to write where tokens are taken.
pub(crate) fn identity_line(files: &PolicyFiles) -> Option<String> {
    let digest = files.identity_digest()?;
    Some(format!(
        "tokens are taken only where roster.toml names the issuers and keys that are here, before it is signed,\n\
         identity_sha256 = \"{}\"",
        hex::encode(digest)
    ))
}

fn check(places: &Places) -> anyhow::Result<ExitCode> {
    let Some((root, _)) = places.trust_root()? else {
        bail!("name the root keys with --trust-root FILE; without them nobody can tell whose roster this is")
    };
    let files = places.policy_files()?;
    let set = PolicySet::load_trusting(&files, Some(&root)).context("the policy cannot be used")?;
    if let Some(line) = rules_line(&files)? {
        println!("{line}");
    }
    if let Some(line) = identity_line(&files).filter(|_| !set.identity_approved()) {
        println!("{line}");
    }
    match policy::roster_finding(&files, &root)? {
        None => {
            println!(
                "roster version {}: the root keys vouch for it",
                set.roster_version().unwrap_or_default()
            );
            for line in policy::roster_lines(&files)? {
                println!("  {line}");
            }
            if set.rules_approved() {
                return Ok(ExitCode::SUCCESS);
            }
            println!("the rules are not the ones this roster names, so every request is denied");
        }
        Some(finding) => {
            println!("{}: {}", finding.path, finding.detail);
            if finding.fault == Fault::RosterNotSigned {
                println!("have it signed by the holders of the root keys: proeftuin roster sign --key FILE");
            }
        }
    }
    Ok(ExitCode::FAILURE)
}
