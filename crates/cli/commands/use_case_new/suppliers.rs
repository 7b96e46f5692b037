//! Who runs the use case, and on what footing its suppliers work.

use std::path::Path;

use anyhow::Context;
use jiff::civil::Date;
use policy::{Operator, PolicyFiles, Service, Terms, is_sha256};
use sha2::{Digest as _, Sha256};

use super::questions::{CONTRACT, OPERATORS, PROCESSING, Question, REASON, SERVICES, TAKEN_BY, TERMS};
use super::{Talk, quoted, today};

const NAME: Question = Question {
    key: "name",
    ask: ["Hoe heet de leverancier?", "What is the supplier called?"],
    help: ["De naam in het contract.", "The name in the contract."],
};
const REFERENCE: Question = Question {
    key: "reference",
    ask: [
        "Welk nummer heeft het contract bij uw organisatie?",
        "Which number has the contract at your organisation?",
    ],
    help: ["Zoals het contractregister het noemt.", "As the register of contracts calls it."],
};
const WHICH: Question = Question {
    key: "named",
    ask: ["Welke dan?", "Which, then?"],
    help: ["In een paar woorden.", "In a few words."],
};

/// What the answers come to: the line for the top of the record, and the tables for its end.
pub(super) struct Answers {
    pub(super) line: String,
    pub(super) tables: String,
}

/// Asks who runs it and, of each supplier, what the gate asks. `policy` is the policy folder.
pub(super) fn ask(policy: &Path, personal_data: bool, talk: &mut Talk) -> anyhow::Result<Answers> {
    let operator = *of(
        Operator::ALL,
        OPERATORS,
        talk,
        ["Wie draait het programma waarmee dit gebeurt?", "Who runs the program that does this?"],
    )?;
    let line = format!("operated_by = \"{}\"\n", operator.name());
    let mut tables = String::new();
    let mut more = operator == Operator::Suppliers
        || talk.yes([
            "Komt er een leverancier aan te pas: voor machines, onderhoud, een model?",
            "Does a supplier have a part in it: for machines, maintenance, a model?",
        ])?;
    while more {
        tables.push_str(&supplier(policy, personal_data, talk)?);
        more = talk.yes(["Nog een leverancier?", "Another supplier?"])?;
    }
    Ok(Answers { line, tables })
}

/// One of a closed list, with words for each in the same order.
fn of<'a, T>(
    all: &'a [T],
    choices: &[(&str, super::Words)],
    talk: &mut Talk,
    ask: super::Words,
) -> anyhow::Result<&'a T> {
    let choices: Vec<_> = choices.iter().map(|(name, words)| (*name, talk.word(*words))).collect();
    let chosen = talk.choose(ask, &choices, 0)?;
    all.get(chosen).context("a choice without words")
}

fn supplier(policy: &Path, personal_data: bool, talk: &mut Talk) -> anyhow::Result<String> {
    let name = talk.needed(&NAME)?;
    let service =
        *of(Service::ALL, SERVICES, talk, ["Wat doet de leverancier?", "What does the supplier do?"])?;
    let mut text = format!("\n[[supplier]]\nname = {}\nservice = \"{}\"\n", quoted(&name), service.name());
    if service == Service::Other {
        text.push_str(&format!("service_named = {}\n", quoted(&talk.needed(&WHICH)?)));
    }
    // Keys of the supplier come before its tables.
    let (line, agreement) = if personal_data { processing(policy, talk)? } else { Default::default() };
    text.push_str(&line);
    let choices = CONTRACT.map(|(name, words)| (name, talk.word(words)));
    text.push_str(&match talk.choose(["Is er een contract?", "Is there a contract?"], &choices, 0)? {
        0 => contract(policy, talk)?,
        1 => exception(talk)?,
        _ => "# [supplier.contract] or [supplier.exception]: policy/README.md\n".to_owned(),
    });
    Ok(text + &agreement)
}

fn contract(policy: &Path, talk: &mut Talk) -> anyhow::Result<String> {
    let reference = talk.needed(&REFERENCE)?;
    let terms = *of(Terms::ALL, TERMS, talk, ["Onder welke voorwaarden?", "Under which terms?"])?;
    let mut text =
        format!("[supplier.contract]\nreference = {}\nterms = \"{}\"\n", quoted(&reference), terms.name());
    if terms == Terms::Other {
        text.push_str(&format!("terms_named = {}\n", quoted(&talk.needed(&WHICH)?)));
    }
    text.push_str(&document(policy, talk)?);
    let from = talk.date(
        ["Wat is de eerste dag van het contract?", "What is the first day of the contract?"],
        today()?,
    )?;
    let until = last_day(from, talk)?;
    text.push_str(&format!("from = {from}T00:00:00Z\n{until}"));
    Ok(text)
}

fn exception(talk: &mut Talk) -> anyhow::Result<String> {
    let (motivation, by) = (talk.needed(&REASON)?, talk.needed(&TAKEN_BY)?);
    let until = last_day(today()?, talk)?;
    Ok(format!("[supplier.exception]\nmotivation = {}\nby = {}\n{until}", quoted(&motivation), quoted(&by)))
}

/// The key of the supplier, or the table, that says what binds it as a processor.
fn processing(policy: &Path, talk: &mut Talk) -> anyhow::Result<(String, String)> {
    let choices = PROCESSING.map(|(name, words)| (name, talk.word(words)));
    let chosen = talk.choose(
        [
            "Er kunnen persoonsgegevens voorkomen. Is er een verwerkersovereenkomst?",
            "Personal data may occur. Is there a processing agreement?",
        ],
        &choices,
        0,
    )?;
    Ok(match chosen {
        0 => {
            let document = document(policy, talk)?;
            let until = last_day(today()?, talk)?;
            (String::new(), format!("[supplier.agreement]\n{document}{until}"))
        }
        1 => (format!("no_personal_data = {}\n", quoted(&talk.needed(&REASON)?)), String::new()),
        _ => (String::new(), "# [supplier.agreement]: policy/README.md\n".to_owned()),
    })
}

/// The file of a document, or its hash: what is written of it. A file outside `policy/contracts` stays where it is.
fn document(policy: &Path, talk: &mut Talk) -> anyhow::Result<String> {
    loop {
        let said = talk.needed(&Question {
            key: "file",
            ask: ["In welk bestand staat het?", "Which file is it?"],
            help: [
                "De plek op deze machine, zoals beleid/contracts/hosting.pdf, of de SHA-256 van het bestand. Alleen de hash \
                 komt in het dossier.",
                "Its place on this machine, such as policy/contracts/hosting.pdf, or the SHA-256 of the file. Only the hash \
                 goes into the record.",
            ],
        })?;
        if is_sha256(&said) {
            return Ok(format!("sha256 = \"{said}\"\n"));
        }
        let path = Path::new(&said);
        match std::fs::read(path) {
            Ok(bytes) => {
                let sha256 = hex::encode(Sha256::digest(bytes));
                return Ok(format!("sha256 = \"{sha256}\"\n{}", inside(policy, path)));
            }
            Err(error) => eprintln!("{said}: {error}"),
        }
    }
}

/// The line that names a file which lies in the policy folder.
fn inside(policy: &Path, path: &Path) -> String {
    let real = policy.canonicalize().ok().zip(path.canonicalize().ok());
    let below = real.and_then(|(policy, path)| Some(path.strip_prefix(policy).ok()?.to_str()?.to_owned()));
    match below.filter(|name| PolicyFiles::is_document(name)) {
        Some(name) => format!("file = {}\n", quoted(&name)),
        None => String::new(),
    }
}

/// The line that says when something is over, from its last day.
fn last_day(from: Date, talk: &mut Talk) -> anyhow::Result<String> {
    let year_on = from.checked_add(jiff::Span::new().years(1)).unwrap_or(Date::MAX);
    loop {
        let last = talk.date(
            [
                "Wat is de laatste dag? Is er geen: de dag waarop opnieuw wordt gekeken.",
                "What is the last day? If there is none: the day on which it is looked at again.",
            ],
            year_on,
        )?;
        match last.tomorrow() {
            Ok(over) if over > from => return Ok(format!("until = {over}T00:00:00Z\n")),
            _ => talk.say(["Die dag ligt te vroeg.", "That day is too early."])?,
        }
    }
}
