//! `assess`: whether a filled-in form is complete, against the forms of the policy folder. Ids and dates are printed, never
//! an answer.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use policy::{Assessments, Forms, Output, Report, Standing};
use sha2::{Digest as _, Sha256};

use super::use_case::date;
use crate::args::Assess;
use crate::places::Places;

/// Largest file that is read, in bytes: forms carry their pictures within.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Longest line of ids, in characters.
const LINE_CHARS: usize = 96;

pub(crate) fn run(places: &Places, args: &Assess) -> anyhow::Result<ExitCode> {
    let bytes = read(&args.file)?;
    println!("{}", args.file.display());
    println!("sha256    {}", hex::encode(Sha256::digest(&bytes)));
    let text = std::str::from_utf8(&bytes).ok().filter(|text| text.trim_start().starts_with('{'));
    let Some(text) = text else {
        println!(
            "a document: nothing in it can be checked here, and people vouch for it with their signatures"
        );
        println!("enter its sha256 in the record, under [evidence.dpia] or [evidence.iama]");
        return Ok(ExitCode::SUCCESS);
    };
    let output = Output::parse(&args.file.display().to_string(), text)?;
    let forms = Forms::read(places.policy_files()?.iter())?;
    let report = forms.judge(&output);
    println!("form      {} ({})", output.kind().title(), output.urn());
    println!("exported  {}", date(output.created_ms()));
    if let Some(edited_ms) = report.last_edited_ms {
        println!("edited    {}", date(edited_ms));
    }
    print!("{}", told(&report));
    Ok(if report.standing == Standing::Complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let said = || path.display().to_string();
    let size = std::fs::metadata(path).with_context(said)?.len();
    if size > FILE_BYTES_MAX {
        bail!("{} has more than {FILE_BYTES_MAX} bytes; that is no assessment", path.display());
    }
    std::fs::read(path).with_context(said)
}

/// What can be said of a filled-in form, in plain words.
fn told(report: &Report) -> String {
    let mut text = String::new();
    match &report.standing {
        Standing::Complete => {
            let asked = report.asked;
            text.push_str(&format!(
                "complete: each of the {asked} questions that the form asks is answered\n"
            ));
        }
        Standing::Incomplete => {
            let (missing, asked) = (report.missing.len(), report.asked);
            text.push_str(&format!("NOT complete: {missing} of {asked} questions are not answered\n"));
            text.push_str(&ids(&report.missing));
            text.push_str("answer them in the form and export it again\n");
        }
        Standing::OtherVersion(versions) => {
            let have = versions.join(", ");
            text.push_str(&format!(
                "NOT judged: the policy folder has another version of this form, {have}\n"
            ));
            text.push_str(
                "put the definition of this version in its folder forms, or fill in the one that is there\n",
            );
        }
        _ => {
            text.push_str("NOT judged: the policy folder does not have this form\n");
            text.push_str(
                "put its definition in the folder forms, as YAML from the form's publisher, and name the policy \
                 folder with --policy DIR\n",
            );
        }
    }
    let lists = [
        (
            "answers to tasks that the form does not have, perhaps of an older version; they do no harm:",
            &report.unknown,
        ),
        ("sections that the author has not marked as done; they do no harm:", &report.unmarked),
        ("measures that need a line in use-cases/<id>.mitigations.toml:", &report.measures),
    ];
    for (title, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        let _ = writeln!(text, "{title}");
        text.push_str(&ids(list));
    }
    text
}

/// Ids in lines, indented.
fn ids(list: &[String]) -> String {
    let mut text = String::new();
    let mut line = String::from(" ");
    for id in list {
        if line.len().saturating_add(id.len()) > LINE_CHARS {
            let _ = writeln!(text, "{line}");
            line = String::from(" ");
        }
        let _ = write!(line, " {id}");
    }
    let _ = writeln!(text, "{line}");
    text
}

/// Where the assessments and measures of a use case stand, one line each.
pub(crate) fn tell_of(assessments: &Assessments) {
    for (kind, standing) in &assessments.standings {
        let said = match standing.as_str() {
            "complete" => "complete",
            "incomplete" => "NOT complete; proeftuin assess lists what is missing",
            "document" => "a document, known by its hash",
            "changed" => "NOT the file whose hash the record has",
            _ => "NOT judged: its form is not in policy/forms, or in another version",
        };
        println!("{:<9} {said}", kind.name());
    }
    for control in &assessments.measures.controls {
        println!("measure   rests on the control {}, looked at with each request", control.name());
    }
    for open in &assessments.measures.open {
        println!("measure   {open} has nothing behind it yet");
    }
}
