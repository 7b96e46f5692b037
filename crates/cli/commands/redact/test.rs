//! `redact test`: whether profiles do what the tests beside them say.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use redact::{Redactor, Trials};

use crate::encoders::Classifiers;
use crate::places::Places;

/// The tests of one profile, and how they went.
pub(crate) struct Held {
    pub(crate) tests: usize,
    pub(crate) failures: Vec<String>,
}

pub(super) fn run(places: &Places, profile: Option<&Path>, files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let all = match profile {
        Some(path) => {
            let profile = super::profile(path)?;
            let redactor =
                Classifiers::of_profile(places, &profile, super::NAMES_LIMIT)?.redactor(profile)?;
            if files.is_empty() {
                bail!("name the files with tests of {}", path.display());
            }
            let of = |file: &PathBuf| {
                let name = file.display().to_string();
                let text = std::fs::read_to_string(file).with_context(|| name.clone())?;
                hold(&name, &text, &redactor)
            };
            files.iter().map(of).collect::<anyhow::Result<Vec<_>>>()?
        }
        None if files.is_empty() => of_policy(places)?,
        None => bail!("name the profile that the tests are for with --profile FILE"),
    };
    Ok(if tell(&all) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints how tests went; whether all hold.
pub(crate) fn tell(all: &[(String, Held)]) -> bool {
    for (name, held) in all {
        for failure in &held.failures {
            println!("{failure}");
        }
        let holding = held.tests.saturating_sub(held.failures.len());
        println!("{name}: {holding} of {} tests hold", held.tests);
    }
    all.iter().all(|(_, held)| held.failures.is_empty())
}

/// `redaction/tests/NAME.toml` for each `redaction/NAME.toml` of the policy that has one.
pub(crate) fn of_policy(places: &Places) -> anyhow::Result<Vec<(String, Held)>> {
    let files = places.policy_files()?;
    let tests = files.iter().filter_map(|(path, text)| {
        Some((path.strip_prefix("redaction/tests/")?.strip_suffix(".toml")?, path, text))
    });
    tests
        .map(|(name, path, text)| {
            let profile = crate::places::profiles(&files).find(|(own, _)| *own == name);
            let profile = profile
                .with_context(|| format!("policy/{path} tests redaction/{name}.toml, which is not there"))?;
            let profile = profile.1?;
            let classifiers = Classifiers::of_profile(places, &profile, super::NAMES_LIMIT)?;
            hold(path, text, &classifiers.redactor(profile)?)
        })
        .collect()
}

fn hold(name: &str, text: &str, redactor: &Redactor) -> anyhow::Result<(String, Held)> {
    let trials = Trials::from_toml(text).with_context(|| name.to_owned())?;
    let trials = trials.run(redactor).with_context(|| name.to_owned())?;
    let failed = trials.iter().filter(|trial| !trial.failures.is_empty());
    let failures = failed
        .map(|trial| {
            format!("{name}, line {}: {}\n    {}", trial.line, trial.name, trial.failures.join("\n    "))
        })
        .collect();
    Ok((name.to_owned(), Held { tests: trials.len(), failures }))
}
