//! `policy`: whether a folder can be used, who may do what by it, and what a change of it changes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use gateway::{AdminCommand, AdminOutcome};
use policy::{ModelFacts, PolicySet, Survey, tell, tell_changes, tell_informed_changes};

use crate::args::{Policy, Telling};
use crate::commands::keys::now_ms;
use crate::commands::redact::test::{of_policy, tell as tell_tests};
use crate::places::Places;

/// How long before something ends it is worth a line.
const SOON_MS: i64 = 30 * 24 * 3_600_000;

pub(crate) fn run(places: &Places, command: &Policy) -> anyhow::Result<ExitCode> {
    match command {
        Policy::Check => check(places),
        Policy::Test => test(places),
        Policy::Reload => reload(places),
        Policy::Explain { id, telling } => explain(places, id.as_deref(), telling),
        Policy::Diff { before, telling } => diff(places, before, telling),
    }
}

fn check(places: &Places) -> anyhow::Result<ExitCode> {
    let set = places.policy()?;
    let cases = set.check_tables()?;
    println!("policy    sha256 {}", hex::encode(set.digest()));
    println!("rules     {}, {cases} cases of decision tables hold", set.rules().count());
    println!("records   {} use cases", set.use_cases().count());
    let redaction = of_policy(places)?;
    let tests = redaction.iter().fold(0_usize, |sum, (_, held)| sum.saturating_add(held.tests));
    if redaction.iter().any(|(_, held)| !held.failures.is_empty()) {
        tell_tests(&redaction);
        bail!("tests of redaction profiles fail; mend the profile or the test");
    }
    println!("redaction {tests} tests of profiles hold");
    if set.rules_approved() {
        println!("approved  the rules are the built-in ones or those that the roster names");
    } else {
        println!("approved  NO: every request is denied, as rules-not-approved");
    }
    if !set.identity().is_empty() {
        println!(
            "tokens    {}",
            if set.identity().approved() {
                "of the issuers that the roster names"
            } else {
                "NONE: identity-not-approved; see identity check"
            }
        );
    }
    let models = models(places)?;
    let notes: Vec<_> = set.use_cases().flat_map(|case| attention(&set, case, &models, now_ms())).collect();
    for note in &notes {
        println!("attention {note}");
    }
    Ok(if set.rules_approved() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What will stop a use case soon, or would surprise its owner.
fn attention(set: &PolicySet, case: &policy::UseCase, models: &[ModelFacts], now_ms: i64) -> Vec<String> {
    let mut notes = Vec::new();
    if !case.status.runs() {
        return notes;
    }
    for model in &case.models {
        match models.iter().find(|known| known.id == *model) {
            None => notes.push(format!("{}: model {model} is not in models.toml", case.id)),
            Some(known) if known.status != "approved" => {
                notes.push(format!("{}: model {model} is {}", case.id, known.status));
            }
            Some(known) => {
                let lapses = known.dossier.as_ref().and_then(|dossier| dossier.review_lapses_ms);
                if let Some(end) = lapses.filter(|end| end.saturating_sub(now_ms) < SOON_MS) {
                    let verb = if end <= now_ms { "lapsed on" } else { "lapses on" };
                    let at = super::use_case::date(end);
                    notes.push(format!("{}: the legal review of model {model} {verb} {at}", case.id));
                }
            }
        }
    }
    if let (Some(id), None) = (&case.informed.guidance, set.guidance_of(&case.id)) {
        notes.push(format!("{}: guidance {id} is not in policy/guidance", case.id));
    }
    let approvals = set.approvals(&case.id);
    let mut ends = vec![("the period of the use case", case.window.not_after_ms)];
    let assessments = [("the DPIA", &case.evidence.dpia), ("the IAMA", &case.evidence.iama)];
    ends.extend(assessments.iter().filter_map(|(name, a)| Some((*name, a.as_ref()?.review_by_ms))));
    if let Some(approvals) = approvals {
        let advice = [
            ("the advice of the CIO", &approvals.cio_advice),
            ("the advice of the FG", &approvals.fg_advice),
        ];
        ends.extend(advice.iter().filter_map(|(name, a)| Some((*name, a.as_ref()?.expires_ms))));
        ends.extend(approvals.owner_decision.iter().map(|d| ("the decision of the owner", d.expires_ms)));
        ends.extend(approvals.roster.iter().map(|(_, _, expires_ms)| ("the roster", *expires_ms)));
    }
    for evaluated in set.evaluations(&case.id).into_iter().flat_map(|evaluations| &evaluations.evaluated) {
        let end = evaluated.expires_ms.into_iter().chain(evaluated.too_old_ms).min();
        ends.extend(end.map(|end| ("an evaluation", end)));
        if let Some((_, detail)) =
            evaluated.faults.first().filter(|_| evaluated.demand.is_needed(case.status))
        {
            notes.push(format!("{}: {} of {}: {detail}", case.id, evaluated.demand.suite, evaluated.model));
        }
    }
    supplied(set, case, &mut notes, &mut ends);
    let soon = |end: i64| end.saturating_sub(now_ms) < SOON_MS;
    notes.extend(ends.into_iter().filter(|(_, end)| soon(*end)).map(|(what, end)| {
        let verb = if end <= now_ms { "ended on" } else { "ends on" };
        format!("{}: {what} {verb} {}", case.id, super::use_case::date(end))
    }));
    notes
}

/// What of its suppliers does not hold, and what ends.
fn supplied(
    set: &PolicySet,
    case: &policy::UseCase,
    notes: &mut Vec<String>,
    ends: &mut Vec<(&'static str, i64)>,
) {
    let Some(suppliers) = set.suppliers(&case.id) else { return };
    let findings = suppliers.findings.iter().filter(|finding| finding.counts(case));
    notes.extend(findings.map(|finding| format!("{}: {}", case.id, super::use_case::told(finding))));
    let named = [
        ("the contract with a supplier", suppliers.ends_ms),
        ("the processing agreement with a supplier", suppliers.agreement_ends_ms),
        ("the exception for a supplier", suppliers.exception_ends_ms),
    ];
    ends.extend(named.into_iter().filter_map(|(name, end)| Some((name, end?))));
}

fn test(places: &Places) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for (path, held) in places.policy()?.tables() {
        match held {
            Ok(cases) => println!("{path}: {cases} cases hold"),
            Err(error) => {
                println!("{error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    if !tell_tests(&of_policy(places)?) {
        code = ExitCode::FAILURE;
    }
    Ok(code)
}

fn reload(places: &Places) -> anyhow::Result<ExitCode> {
    match server::ask(&places.admin_socket(), &AdminCommand::ReloadPolicy)? {
        Some(AdminOutcome::PolicyReloaded { sha256, changed }) => {
            println!("{}in force: sha256 {sha256}", if changed { "" } else { "nothing changed; " });
            Ok(ExitCode::SUCCESS)
        }
        Some(_) => {
            bail!("the running server gave no usable reply; it may be another version of this program")
        }
        None => bail!("no server runs on {}; one that starts reads the policy", places.state.display()),
    }
}

fn explain(places: &Places, id: Option<&str>, telling: &Telling) -> anyhow::Result<ExitCode> {
    let set = places.policy()?;
    if let Some(id) = id {
        set.use_case(id).with_context(|| format!("there is no use-cases/{id}.toml in the policy"))?;
    }
    let survey = survey(places, &set, telling)?;
    let survey =
        survey.into_iter().filter(|((asker, _), _)| id.is_none_or(|id| asker.use_case == id)).collect();
    print!("{}", tell(&survey, telling.lang.into()));
    print!("{}", set.tell_informed(id, telling.lang.into()));
    print!("{}", set.tell_suppliers(id, telling.lang.into()));
    Ok(ExitCode::SUCCESS)
}

fn diff(places: &Places, before: &Path, telling: &Telling) -> anyhow::Result<ExitCode> {
    if !before.is_dir() {
        bail!("{} is not a folder; name the policy folder as it was", before.display());
    }
    let old_places = places.of_the_past(before);
    let (old, new) = (old_places.policy()?, places.policy()?);
    if old.digest() == new.digest() {
        println!("the folders are the same");
        return Ok(ExitCode::SUCCESS);
    }
    rules_changed(&old, &new);
    files_changed(&old_places, places)?;
    let changes =
        tell_changes(&survey(places, &old, telling)?, &survey(places, &new, telling)?, telling.lang.into());
    let asked = tell_informed_changes(&old, &new, telling.lang.into());
    print!("{asked}");
    let [was, is] = [&old, &new].map(|set| set.tell_suppliers(None, telling.lang.into()));
    for line in is.lines().filter(|line| !was.lines().any(|other| other == *line)) {
        println!("{line}");
    }
    if changes.is_empty() {
        println!("nobody may do more or less than before");
    } else {
        print!("{changes}");
    }
    Ok(ExitCode::SUCCESS)
}

/// One line for each rule that came, went or says something else.
fn rules_changed(old: &PolicySet, new: &PolicySet) {
    let rules = |set: &PolicySet| -> BTreeMap<String, String> {
        set.rules().filter_map(|(id, _)| Some((id.to_owned(), set.rule_text(id)?.to_owned()))).collect()
    };
    print_changes("rule", &rules(old), &rules(new));
}

/// One line for each file other than rules that came, went or changed.
fn files_changed(old: &Places, new: &Places) -> anyhow::Result<()> {
    let files = |places: &Places| -> anyhow::Result<BTreeMap<String, String>> {
        let files = places.policy_files()?;
        let other = files.iter().filter(|(path, _)| !path.starts_with("rules/"));
        let texts = other.map(|(path, text)| (path.to_owned(), text.to_owned()));
        let documents = files.documents().map(|(path, sha256)| (path.to_owned(), hex::encode(sha256)));
        Ok(texts.chain(documents).collect())
    };
    print_changes("file", &files(old)?, &files(new)?);
    Ok(())
}

fn print_changes(what: &str, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) {
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        println!("{what} {name} is gone");
    }
    for (name, text) in new {
        match old.get(name) {
            None => println!("{what} {name} is new"),
            Some(before) if before != text => println!("{what} {name} has changed"),
            Some(_) => {}
        }
    }
}

fn survey(places: &Places, set: &PolicySet, telling: &Telling) -> anyhow::Result<Survey> {
    Ok(set.survey(&models(places)?, moment(telling.at.as_deref())?))
}

/// `--at`, or now; milliseconds since 1970 UTC.
pub(crate) fn moment(at: Option<&str>) -> anyhow::Result<i64> {
    let Some(text) = at else { return Ok(now_ms()) };
    let at = text.parse::<jiff::Timestamp>();
    Ok(at.with_context(|| format!("--at {text}: write 2026-01-31T09:00:00+01:00"))?.as_millisecond())
}

/// The models of `models.toml`, as if each were loaded as pinned.
pub(crate) fn models(places: &Places) -> anyhow::Result<Vec<ModelFacts>> {
    let registry = places.registry()?;
    let facts = registry.models().iter();
    let facts = facts.map(|model| gateway::model_facts(&registry, model, Some(model.sha256())));
    Ok(facts.collect())
}
