//! `redact`: the redaction of the gateway as a tool of its own. Nothing is sent anywhere or kept.

mod html;
mod show;
pub(crate) mod test;

use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use redact::{Explanation, Input, Profile, Redactor};
use zeroize::Zeroizing;

use crate::args::{InputFormat, Redact, RedactCommand, RedactOutput, Switch};
use crate::encoders::Classifiers;
use crate::places::Places;

/// Exit code of an error under `--check`, where 1 says that something was found.
const ERROR_OF_CHECK: u8 = 2;

/// One input, as it was read.
pub(crate) struct Source {
    name: String,
    text: Zeroizing<String>,
    format: InputFormat,
}

impl Source {
    fn input(&self) -> Input<'_> {
        match self.format {
            InputFormat::Json => Input::Json(&self.text),
            InputFormat::Csv => Input::Csv(&self.text),
            InputFormat::Auto | InputFormat::Text | InputFormat::Markdown => Input::Text(&self.text),
        }
    }
}

pub(crate) fn run(places: &Places, args: &Redact) -> anyhow::Result<ExitCode> {
    if let Some(RedactCommand::Test { profile, tests }) = &args.command {
        return test::run(places, profile.as_deref(), tests);
    }
    match strip(places, args) {
        Err(error) if args.check => {
            eprintln!("proeftuin: {error:#}");
            Ok(ExitCode::from(ERROR_OF_CHECK))
        }
        done => done,
    }
}

/// Nobody waits for a request here, so a long text may take its time.
pub(crate) const NAMES_LIMIT: Duration = Duration::from_secs(3600);

fn strip(places: &Places, args: &Redact) -> anyhow::Result<ExitCode> {
    let profile = args.profile.as_deref().map(profile).transpose()?.unwrap_or_default();
    let profile = match args.names {
        Some(names) => profile.looking_for_names(names == Switch::On),
        None => profile,
    };
    let limit_bytes = profile.limits().text_bytes_max;
    let redactor = Classifiers::of_profile(places, &profile, NAMES_LIMIT)?.redactor(profile)?;
    let mut sources = Vec::new();
    if args.files.is_empty() {
        sources.push(source("standard input", args.format, std::io::stdin(), limit_bytes)?);
    }
    for path in &args.files {
        let name = path.display().to_string();
        let file = std::fs::File::open(path).with_context(|| name.clone())?;
        sources.push(source(&name, args.format, file, limit_bytes)?);
    }
    let inputs: Vec<Input<'_>> = sources.iter().map(Source::input).collect();
    let explanation = redactor.explain_inputs(&inputs).with_context(|| names(&sources))?;
    print(args, &redactor, &sources, &explanation)?;
    let found = args.check && !explanation.findings.is_empty();
    Ok(if found { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The inputs, by number where there are more: errors say which by its number.
fn names(sources: &[Source]) -> String {
    if let [one] = sources {
        return one.name.clone();
    }
    let numbered =
        (0_usize..).zip(sources).map(|(number, source)| format!("input {number}: {}", source.name));
    numbered.collect::<Vec<_>>().join(", ")
}

/// Reads a profile from a file.
pub(crate) fn profile(path: &Path) -> anyhow::Result<Profile> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Profile::from_toml(&text).with_context(|| path.display().to_string())
}

/// Reads an input; not much more of it than may be stripped.
fn source(name: &str, format: InputFormat, from: impl Read, limit_bytes: usize) -> anyhow::Result<Source> {
    let mut bytes = Zeroizing::new(Vec::new());
    let limit = u64::try_from(limit_bytes).unwrap_or(u64::MAX).saturating_add(1);
    from.take(limit).read_to_end(&mut bytes).with_context(|| name.to_owned())?;
    if bytes.len() > limit_bytes {
        anyhow::bail!(
            "{name} has more than {limit_bytes} bytes; split it, or raise limits.text_bytes_max in the profile"
        );
    }
    let text =
        std::str::from_utf8(&bytes).with_context(|| format!("{name} is not UTF-8; convert it first"))?;
    let format = if format == InputFormat::Auto { guess(name, text) } else { format };
    Ok(Source { name: name.to_owned(), text: Zeroizing::new(text.to_owned()), format })
}

/// By the name's ending, and for JSON by what stands there.
fn guess(name: &str, text: &str) -> InputFormat {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "json" => InputFormat::Json,
        "csv" | "tsv" => InputFormat::Csv,
        "md" | "markdown" => InputFormat::Markdown,
        "" if text.trim_start().starts_with(['{', '[']) => {
            let parsed = serde_json::from_str::<serde::de::IgnoredAny>(text);
            if parsed.is_ok() { InputFormat::Json } else { InputFormat::Text }
        }
        _ => InputFormat::Text,
    }
}

fn print(
    args: &Redact,
    redactor: &Redactor,
    sources: &[Source],
    explanation: &Explanation,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    let chosen = match args.output {
        Some(output) => output,
        None if args.explain => RedactOutput::Explain,
        None => RedactOutput::Text,
    };
    match chosen {
        RedactOutput::Text => {
            for text in &explanation.texts {
                out.write_all(text.as_bytes())?;
            }
        }
        RedactOutput::Json => {
            writeln!(out, "{}", show::json(redactor, sources, explanation, args.explain))?;
        }
        RedactOutput::Html => {
            out.write_all(html::page(redactor, sources, explanation, args.explain, args.lang).as_bytes())?;
        }
        RedactOutput::Explain => {
            // https://no-color.org: set and not empty.
            let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let colour = out.is_terminal() && !plain;
            out.write_all(show::terminal(sources, explanation, colour).as_bytes())?;
        }
    }
    Ok(())
}
