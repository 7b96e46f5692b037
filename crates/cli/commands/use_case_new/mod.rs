//! `use-case new`: a record, question by question, for people who write no TOML.

mod questions;
mod suppliers;

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::civil::Date;
use policy::{DataClass, PolicySet, Status};

use self::questions::{
    ACCOUNTABILITY, CLASSES, EVALUATIONS, LISTS, MOTIVATION, NEEDED, NEXT, Question, Words,
};
use crate::args::{Lang, New};
use crate::commands::keys::now_ms;
use crate::places::{Places, write_whole};

pub(crate) fn run(places: &Places, new: &New) -> anyhow::Result<ExitCode> {
    let dir = places.policy_dir()?;
    let file = format!("use-cases/{}.toml", new.id);
    let path = dir.join(&file);
    let mut talk =
        Talk { lines: Box::new(std::io::stdin().lock()), dutch: new.lang.unwrap_or_else(lang) == Lang::Nl };
    let text = if path.exists() {
        complete(places, &new.id, &path, &mut talk)?
    } else {
        begin(places, &new.id, &mut talk)?
    };
    let files = places.policy_files()?.with(&file, &text)?;
    PolicySet::load(&files).context("the record cannot be used, and was not written")?;
    write_whole(&path, &text)?;
    println!("{}", path.display());
    println!("{}\n  proeftuin use-case check {} --policy {}", talk.word(NEXT), new.id, dir.display());
    Ok(ExitCode::SUCCESS)
}

/// The language of the environment (POSIX locale), Dutch or else English.
fn lang() -> Lang {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| std::env::var(name).ok());
    if set.is_some_and(|locale| locale.starts_with("nl")) { Lang::Nl } else { Lang::En }
}

/// A whole record: what is needed is asked until it is answered, the rest may stay open.
fn begin(places: &Places, id: &str, talk: &mut Talk) -> anyhow::Result<String> {
    talk.say([
        "Een nieuw dossier. Na elke vraag staat wat een goed antwoord is; een leeg antwoord laat een vraag open waar dat kan.",
        "A new record. After each question stands what a good answer is; an empty answer leaves a question open where it may.",
    ])?;
    let mut text =
        format!("# proeftuin use-case new\n\nid = {}\nkind = \"pilot\"\nrevision = 1\n", quoted(id));
    for question in NEEDED {
        text.push_str(&format!("{} = {}\n", question.key, quoted(&talk.needed(question)?)));
    }
    text.push_str("status = \"draft\"\n");
    let registry = places.registry()?;
    let model = model(&registry, talk)?;
    text.push_str(&format!("models = [{}]\n", quoted(&model.id)));
    text.push_str(&format!(
        "allowed_roles = {}\n",
        list(&talk.or_default(
            ["Welke rollen mogen haar gebruiken? Met komma's.", "Which roles may use it? With commas."],
            "medewerker",
        )?)
    ));
    let (lines, personal_data) = data(talk)?;
    text.push_str(&lines);
    let run = suppliers::ask(places.policy_dir()?, personal_data, talk)?;
    text.push_str(&run.line);
    text.push_str(&window(talk)?);
    text.push_str(&limits(talk)?);
    text.push_str(&informed(places, talk)?);
    text.push_str(&signed_of(model, talk)?);
    text.push_str("\n[accountability]\n");
    for question in ACCOUNTABILITY {
        text.push_str(&line(question, &quoted(&talk.open(question)?), talk));
    }
    for question in LISTS {
        text.push_str(&line(question, &list(&talk.open(question)?), talk));
    }
    let demands = evaluations(talk)?;
    text.push_str("\n[evidence]\n");
    for name in ["dpia", "iama"] {
        text.push_str(&format!(
            "# {name} = {{ sha256 = \"…\", date = 2026-01-31T09:00:00+01:00, review_by = 2027-01-31T09:00:00+01:00 }}\n"
        ));
    }
    text.push_str(&demands);
    text.push_str(&run.tables);
    Ok(text)
}

/// From when on the suites that are built in have to be met.
fn evaluations(talk: &mut Talk) -> anyhow::Result<String> {
    let choices: Vec<_> = EVALUATIONS.iter().map(|(name, words)| (*name, talk.word(*words))).collect();
    let chosen = talk.choose(
        [
            "Vanaf wanneer moeten evaluaties van het model er liggen, door een evaluator ondertekend?",
            "From when on must evaluations of the model lie there, signed by an evaluator?",
        ],
        &choices,
        0,
    )?;
    let needed_for = EVALUATIONS.get(chosen).map_or("accepted", |(name, _)| name);
    let mut text = String::new();
    if needed_for == "none" {
        return Ok(text);
    }
    for suite in eval::Suite::embedded()? {
        text.push_str(&format!(
            "\n[[evaluation]]\nsuite = {}\nsuite_sha256 = {}\nneeded_for = \"{needed_for}\"\nmax_age_days = 365\n",
            quoted(&suite.name),
            quoted(&suite.sha256)
        ));
    }
    Ok(text)
}

/// Asks only what an earlier run left open, and changes nothing else.
fn complete(places: &Places, id: &str, path: &Path, talk: &mut Talk) -> anyhow::Result<String> {
    let set = places.policy()?;
    let case = set.use_case(id).with_context(|| format!("{} is not in the policy", path.display()))?;
    if case.status != Status::Draft {
        bail!(
            "{id} is no draft any more; a change voids its signatures, so make it by hand and have it signed again"
        );
    }
    let mut text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut open = 0;
    for (questions, empty) in [(ACCOUNTABILITY, "\"\""), (LISTS, "[]")] {
        for question in questions {
            let blank = format!("{} = {empty}", question.key);
            if text.lines().any(|line| line == blank) {
                open += 1;
                let said = talk.open(question)?;
                let value = if empty == "[]" { list(&said) } else { quoted(&said) };
                text = text.replace(&blank, &format!("{} = {value}", question.key));
            }
        }
    }
    if case.operated_by.is_none() {
        open += 1;
        let run = suppliers::ask(places.policy_dir()?, case.max_data_class > DataClass::None, talk)?;
        // Keys of the record come before its tables; the first line of each record is its own.
        let at = text.find("\nstatus = ").context("the record has no line that begins with status")?;
        text.insert_str(at.saturating_add(1), &run.line);
        text.push_str(&run.tables);
    }
    if open == 0 {
        talk.say(["Er staat geen vraag meer open.", "No question is open any more."])?;
    }
    Ok(text)
}

/// The question as a comment, and the answer.
fn line(question: &Question, value: &str, talk: &Talk) -> String {
    format!("# {}\n{} = {value}\n", talk.word(question.ask), question.key)
}

/// What of a model is signed with the record, and what its dossier leaves open.
fn signed_of(model: &registry::Model, talk: &mut Talk) -> anyhow::Result<String> {
    let id = quoted(&model.id);
    let mut text = format!("\n[model_sha256]\n{id} = {}\n", quoted(&hex::encode(model.sha256())));
    if let Some(sha256) = model.dossier_sha256() {
        text.push_str(&format!("\n[model_dossier_sha256]\n{id} = {}\n", quoted(&hex::encode(sha256))));
    }
    let open = model.open_points();
    if !open.is_empty() {
        eprintln!("\n{}: {}", model.id, open.join(", "));
        let said = talk.open(&MOTIVATION)?;
        let comment = format!("\n# {}. {}\n", open.join(", "), talk.word(MOTIVATION.ask));
        // A blank answer would not load; the lines wait for one.
        let hash = if said.is_empty() { "# " } else { "" };
        text.push_str(&format!("{comment}{hash}[model_motivation]\n{hash}{id} = {}\n", quoted(&said)));
    }
    Ok(text)
}

/// One of the approved models.
fn model<'a>(registry: &'a registry::Registry, talk: &mut Talk) -> anyhow::Result<&'a registry::Model> {
    let approved: Vec<_> = registry.models().iter().filter(|model| model.approved().is_ok()).collect();
    let choices: Vec<_> = approved
        .iter()
        .map(|model| (model.id.as_str(), model.description.as_deref().unwrap_or("")))
        .collect();
    let chosen = talk.choose(["Welk model?", "Which model?"], &choices, 0)?;
    approved.get(chosen).copied().context("models.toml has no approved model")
}

/// Data, redaction and mark; and whether personal data may occur.
fn data(talk: &mut Talk) -> anyhow::Result<(String, bool)> {
    let classes: Vec<_> = CLASSES.iter().map(|(name, words)| (*name, talk.word(*words))).collect();
    let chosen = talk.choose(
        [
            "Wat is het zwaarste dat in een tekst mag staan? Persoonsgegevens gaan er altijd eerst uit.",
            "What is the heaviest that may stand in a text? Personal data are taken out first, always.",
        ],
        &classes,
        0,
    )?;
    let class = CLASSES.get(chosen).map_or("none", |(name, _)| name);
    let special = chosen >= 3
        && talk.yes([
            "Mogen bijzondere persoonsgegevens door, ontdaan van namen?",
            "May special categories pass, once names are taken out?",
        ])?;
    let restore = talk.yes([
        "Zet het programma namen en nummers terug in het antwoord?",
        "Does the program put names and numbers back into the answer?",
    ])?;
    let mark = talk.or_default(
        [
            "Welke regel staat zichtbaar onder elk antwoord? Een streepje voor geen.",
            "Which line stands visibly under each answer? A hyphen for none.",
        ],
        talk.word(["Gemaakt met AI; lees het na.", "Made with AI; check it."]),
    )?;
    let mark = if mark == "-" { String::new() } else { format!("visible_mark = {}\n", quoted(&mark)) };
    let action = if special { "allow" } else { "refuse" };
    let text = format!(
        "max_data_class = \"{class}\"\nredaction_profile = \"default\"\nspecial_category_action = \"{action}\"\n\
         restore_placeholders = {restore}\n{mark}"
    );
    Ok((text, class != "none"))
}

/// Today, in UTC.
fn today() -> anyhow::Result<Date> {
    Ok(jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_millisecond(now_ms())?).date())
}

fn window(talk: &mut Talk) -> anyhow::Result<String> {
    let from = talk.date(["Vanaf welke dag?", "From which day on?"], today()?)?;
    let year_on = from.checked_add(jiff::Span::new().years(1)).unwrap_or(Date::MAX);
    let until = loop {
        let until = talk.date(["Tot welke dag?", "Until which day?"], year_on)?;
        if until > from {
            break until;
        }
        talk.say(["Die dag komt niet na de eerste.", "That day does not come after the first."])?;
    };
    Ok(format!("\n[window]\nnot_before = {from}T00:00:00Z\nnot_after = {until}T00:00:00Z\n"))
}

fn limits(talk: &mut Talk) -> anyhow::Result<String> {
    let asked: [(&str, Words, u64); 3] = [
        (
            "tokens_per_request",
            [
                "Hoeveel tokens mag één verzoek kosten? Een bladzijde is zo'n 700.",
                "How many tokens may one request take? A page is some 700.",
            ],
            4096,
        ),
        (
            "requests_per_minute",
            ["Hoeveel verzoeken per minuut, samen?", "How many requests a minute, together?"],
            30,
        ),
        ("tokens_per_day", ["Hoeveel tokens per dag, samen?", "How many tokens a day, together?"], 500_000),
    ];
    let mut text = "\n[limits]\n".to_owned();
    for (key, ask, default) in asked {
        let number = loop {
            let said = talk.or_default(ask, &default.to_string())?;
            match said.replace(['.', '_', ' '], "").parse::<u64>() {
                Ok(number) if number > 0 => break number,
                _ => talk.say(["Geef een getal boven nul.", "Give a number above zero."])?,
            }
        };
        text.push_str(&format!("{key} = {number}\n"));
    }
    Ok(text)
}

/// What users read and learn first.
fn informed(places: &Places, talk: &mut Talk) -> anyhow::Result<String> {
    let set = places.policy()?;
    let known: Vec<&str> = set.guidance().map(|guidance| guidance.id.as_str()).collect();
    if !known.is_empty() {
        eprintln!("\npolicy/guidance: {}", known.join(", "));
    }
    let guidance = talk.or_default(
        [
            "Welke gebruiksafspraken lezen en bevestigen gebruikers vooraf?",
            "Which guidance do users read and acknowledge first?",
        ],
        known.first().copied().unwrap_or("ambtenaren"),
    )?;
    let training = talk.or_default(
        [
            "Welke trainingen moeten zij hebben gevolgd? Met komma's; een streepje voor geen.",
            "Which trainings must they have followed? With commas; a hyphen for none.",
        ],
        "-",
    )?;
    let training = if training == "-" { String::new() } else { format!("training = {}\n", list(&training)) };
    Ok(format!("\n[informed]\nguidance = {}\n{training}", quoted(&guidance)))
}

/// A TOML basic string; what JSON escapes, TOML reads the same.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A TOML array of what stands between commas.
fn list(text: &str) -> String {
    let items: Vec<_> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(quoted).collect();
    format!("[{}]", items.join(", "))
}

/// A conversation on the terminal: questions on standard error, answers from standard input.
struct Talk {
    lines: Box<dyn BufRead>,
    dutch: bool,
}

impl Talk {
    fn word(&self, words: Words) -> &'static str {
        let [dutch, english] = words;
        if self.dutch { dutch } else { english }
    }

    fn say(&mut self, words: Words) -> anyhow::Result<()> {
        eprintln!("{}", self.word(words));
        Ok(())
    }

    /// One line, without what a terminal may have sent beside text.
    fn read(&mut self) -> anyhow::Result<String> {
        eprint!("> ");
        std::io::stderr().flush()?;
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            bail!("the answers ended before the record was whole; nothing was written");
        }
        Ok(line.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned())
    }

    fn open(&mut self, question: &Question) -> anyhow::Result<String> {
        eprintln!("\n{}\n  {}", self.word(question.ask), self.word(question.help));
        self.read()
    }

    fn needed(&mut self, question: &Question) -> anyhow::Result<String> {
        loop {
            let said = self.open(question)?;
            if !said.is_empty() {
                return Ok(said);
            }
            self.say(["Dit kan niet open blijven.", "This cannot stay open."])?;
        }
    }

    fn or_default(&mut self, ask: Words, default: &str) -> anyhow::Result<String> {
        eprintln!("\n{} [{default}]", self.word(ask));
        let said = self.read()?;
        Ok(if said.is_empty() { default.to_owned() } else { said })
    }

    /// The index of one of `choices`, each with a name and what it means.
    fn choose(&mut self, ask: Words, choices: &[(&str, &str)], default: usize) -> anyhow::Result<usize> {
        eprintln!("\n{}", self.word(ask));
        for (number, (name, meaning)) in (1..).zip(choices) {
            eprintln!("  {number}  {name}: {meaning}");
        }
        loop {
            eprintln!("[{}]", default.saturating_add(1));
            let said = self.read()?;
            if said.is_empty() {
                return Ok(default);
            }
            let named = choices.iter().position(|(name, _)| *name == said);
            let numbered = said.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            match named.or(numbered).filter(|chosen| *chosen < choices.len()) {
                Some(chosen) => return Ok(chosen),
                None => self.say(["Kies een nummer uit de lijst.", "Choose a number of the list."])?,
            }
        }
    }

    fn yes(&mut self, ask: Words) -> anyhow::Result<bool> {
        let no = if self.dutch { "nee" } else { "no" };
        loop {
            let said = self.or_default(ask, no)?.to_lowercase();
            match said.as_str() {
                "ja" | "j" | "yes" | "y" => return Ok(true),
                "nee" | "n" | "no" => return Ok(false),
                _ => self.say(["Antwoord met ja of nee.", "Answer with yes or no."])?,
            }
        }
    }

    fn date(&mut self, ask: Words, default: Date) -> anyhow::Result<Date> {
        loop {
            match self.or_default(ask, &default.to_string())?.parse() {
                Ok(date) => return Ok(date),
                Err(_) => self.say(["Schrijf een dag als 2026-01-31.", "Write a day as 2026-01-31."])?,
            }
        }
    }
}
