//! `guidance`: what users read, who acknowledged it, and who holds which training. Changes go through the running server if
//! there is one, so that they count at once; on the state itself if not.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use gateway::{AdminCommand, AdminOutcome, GuidanceCommand, GuidanceOutcome, PersonRow, WithdrawnFrom};
use serde_json::{Value, json};

use crate::args::{Acknowledge, Guidance, Holder, Lang};
use crate::commands::chat::{error_of, is_local};
use crate::commands::identity::issuer;
use crate::commands::keys::{OTHER_VERSION, administer, date};
use crate::places::Places;

pub(crate) fn run(places: &Places, command: Guidance) -> anyhow::Result<ExitCode> {
    match command {
        Guidance::Show { id: None, lang } => list_texts(places, lang)?,
        Guidance::Show { id: Some(id), lang } => show(places, &id, lang)?,
        Guidance::Acknowledge(args) => return acknowledge(places, args),
        Guidance::Attest { who, training, by, until } => {
            let actor = actor(places, &who)?;
            let until_ms = end_of(&until)?;
            let kept = format!("{actor} holds {training}");
            let command = GuidanceCommand::Attest { actor, training, given_by: by, until_ms };
            say_kept(&kept, change(places, command)?);
        }
        Guidance::Withdraw { who, guidance, training } => {
            let actor = actor(places, &who)?;
            let from = match (guidance, training) {
                (Some(id), _) => WithdrawnFrom::Guidance(id),
                (None, Some(id)) => WithdrawnFrom::Training(id),
                (None, None) => bail!("name what is withdrawn: --guidance ID or --training ID"),
            };
            change(places, GuidanceCommand::Withdraw { actor, from })?;
            println!("withdrawn; it no longer counts");
        }
        Guidance::List { actor } => {
            let GuidanceOutcome::People(rows) = change(places, GuidanceCommand::List)? else {
                bail!("{OTHER_VERSION}")
            };
            list(&rows, actor.as_deref())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn change(places: &Places, command: GuidanceCommand) -> anyhow::Result<GuidanceOutcome> {
    match administer(places, AdminCommand::Guidance(command))? {
        AdminOutcome::Guidance(outcome) => Ok(outcome),
        _ => bail!("{OTHER_VERSION}"),
    }
}

fn say_kept(what: &str, outcome: GuidanceOutcome) {
    match outcome {
        GuidanceOutcome::Kept { until_ms: Some(until_ms) } => {
            println!("{what}, until {}", date(Some(until_ms)));
        }
        _ => println!("{what}, as long as the text stays"),
    }
}

/// The person, as the ledger has them.
fn actor(places: &Places, who: &Holder) -> anyhow::Result<String> {
    match (&who.actor, &who.issuer, &who.subject) {
        (Some(actor), _, _) => Ok(actor.clone()),
        (None, Some(name), Some(subject)) => Ok(identity::actor_of(&issuer(places, name)?.url, subject)),
        _ => bail!("name the person: --actor NAME, or --issuer NAME --subject SUBJECT"),
    }
}

/// The first moment after a day, in UTC.
fn end_of(day: &str) -> anyhow::Result<i64> {
    let day: jiff::civil::Date =
        day.parse().with_context(|| format!("--until {day}: write a day as 2027-01-31"))?;
    let after = day.tomorrow().context("--until: that day is too far ahead")?;
    Ok(jiff::tz::Offset::UTC.to_timestamp(after.at(0, 0, 0, 0))?.as_millisecond())
}

fn list_texts(places: &Places, lang: Lang) -> anyhow::Result<()> {
    let set = places.policy()?;
    let mut out = std::io::stdout().lock();
    for guidance in set.guidance() {
        let title = guidance.title(lang.into());
        writeln!(out, "{} version {}: {title}", guidance.id, guidance.version)?;
        writeln!(out, "  sha256 {}", hex::encode(guidance.sha256))?;
        let named = |case: &&policy::UseCase| case.informed.guidance.as_ref() == Some(&guidance.id);
        for case in set.use_cases().filter(named) {
            let training: Vec<&str> = case.informed.training.iter().map(String::as_str).collect();
            let with = if training.is_empty() {
                String::new()
            } else {
                format!(", with training {}", training.join(", "))
            };
            writeln!(out, "  asked by {}{with}", case.id)?;
        }
    }
    if set.guidance().next().is_none() {
        writeln!(out, "policy/guidance is empty")?;
    }
    Ok(())
}

fn show(places: &Places, id: &str, lang: Lang) -> anyhow::Result<()> {
    let set = places.policy()?;
    let found = set.guidance().find(|guidance| guidance.id == id);
    let guidance = found.with_context(|| format!("there is no guidance/{id}.toml in the policy"))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", guidance.text(lang.into()).trim_end())?;
    writeln!(out, "\n{id} version {}, sha256 {}", guidance.version, hex::encode(guidance.sha256))?;
    Ok(())
}

fn acknowledge(places: &Places, args: Acknowledge) -> anyhow::Result<ExitCode> {
    // What was typed counts before what the environment says.
    let by_name = args.who.actor.is_some() || args.who.subject.is_some();
    if by_name {
        let id = args.id.context("name the guidance that was acknowledged on paper")?;
        let actor = actor(places, &args.who)?;
        let kept = format!("{actor} acknowledged {id}");
        let command = GuidanceCommand::Acknowledge { actor, guidance: id };
        say_kept(&kept, change(places, command)?);
        return Ok(ExitCode::SUCCESS);
    }
    let (Some(url), Some(key)) = (args.url, args.key) else {
        bail!("name the server with --url and your key with --key; or who did so on paper, with --actor NAME")
    };
    if !is_local(&url) {
        bail!(
            "--url must be http:// on this machine: elsewhere the key would travel unprotected; open /guidance of \
             the server in a browser instead"
        );
    }
    let server = Server::new(&url, key, args.use_case.unwrap_or_default(), args.lang);
    let sha256 = match args.sha256 {
        Some(sha256) => sha256,
        None => match server.read_and_ask()? {
            Some(sha256) => sha256,
            None => return Ok(ExitCode::FAILURE),
        },
    };
    let said = server.call(Some(&json!({"sha256": sha256})))?;
    println!("acknowledged: {} version {}", text(&said, "id"), text(&said, "version"));
    let rows = said.get("training").and_then(Value::as_array).into_iter().flatten();
    let open = rows.filter(|row| text(row, "state") != "current");
    for row in open {
        println!("training {}: {}", text(row, "id"), text(row, "state"));
    }
    Ok(ExitCode::SUCCESS)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A running server, as its user meets it.
struct Server {
    agent: ureq::Agent,
    base: String,
    key: String,
    /// Empty where none is named.
    use_case: String,
    lang: Lang,
}

impl Server {
    fn new(url: &str, key: String, use_case: String, lang: Lang) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
        let base = url.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        Self { agent: ureq::Agent::new_with_config(config), base, key, use_case, lang }
    }

    /// Shows the text; its hash when the user confirms.
    fn read_and_ask(&self) -> anyhow::Result<Option<String>> {
        let said = self.call(None)?;
        println!("{}\n", text(&said, "text").trim_end());
        let dutch = self.lang == Lang::Nl;
        let (question, yes, no) = if dutch {
            ("Hebt u dit gelezen, en houdt u zich eraan? Typ ja.", "ja", "niet bevestigd")
        } else {
            ("Have you read this, and will you keep to it? Type yes.", "yes", "not acknowledged")
        };
        eprint!("{question}\n> ");
        std::io::stderr().flush()?;
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        if line.trim().eq_ignore_ascii_case(yes) {
            return Ok(Some(text(&said, "sha256").to_owned()));
        }
        eprintln!("{no}");
        Ok(None)
    }

    fn call(&self, body: Option<&Value>) -> anyhow::Result<Value> {
        let lang = if self.lang == Lang::Nl { "nl" } else { "en" };
        let bearer = format!("Bearer {}", self.key);
        let sent = match body {
            None => self
                .agent
                .get(format!("{}/v1/proeftuin/guidance?lang={lang}", self.base))
                .header("Authorization", bearer)
                .header("OpenAI-Project", &self.use_case)
                .call(),
            Some(body) => self
                .agent
                .post(format!("{}/v1/proeftuin/guidance/acknowledge?lang={lang}", self.base))
                .header("Authorization", bearer)
                .header("OpenAI-Project", &self.use_case)
                .header("Content-Type", "application/json")
                .send(body.to_string()),
        };
        let mut reply = sent.context("the server cannot be reached")?;
        let status = reply.status();
        let said: Value =
            serde_json::from_reader(reply.body_mut().as_reader()).context("an unreadable reply")?;
        if !status.is_success() {
            bail!("{}", error_of(&said));
        }
        Ok(said)
    }
}

fn list(rows: &[PersonRow], actor: Option<&str>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<24} {:<9} {:<20} {:<11} {:<18} {:<18} VERSION / BY",
        "PERSON", "WHAT", "ID", "STATE", "SINCE", "UNTIL"
    )?;
    for row in rows.iter().filter(|row| actor.is_none_or(|actor| actor == row.actor)) {
        let what = if row.training { "training" } else { "guidance" };
        let since = date(Some(row.at_ms));
        let until = row.until_ms.map_or_else(|| "-".to_owned(), |ms| date(Some(ms)));
        let PersonRow { actor, id, detail, state, .. } = row;
        writeln!(out, "{actor:<24} {what:<9} {id:<20} {state:<11} {since:<18} {until:<18} {detail}")?;
    }
    Ok(())
}
