//! `log report`: a month of the verified log, counted.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use evidence::{CaseMonth, LogRead, Month, monthly};
use policy::Language;
use provenance::{Leaf, Name, OutcomeFacts, RequestFacts, Shown, Status};

use super::export::day_ms;
use crate::args::LogReport;
use crate::commands::keys::now_ms;
use crate::places::Places;

pub(super) fn run(places: &Places, report: &LogReport) -> anyhow::Result<ExitCode> {
    let language = Language::from(report.language);
    let after = report.month.last_of_month().tomorrow()?;
    let mut tally = Tally::new(report, day_ms(report.month)?, day_ms(after)?);
    let read = provenance::verify_each(&places.log(), &super::own_key(places)?, |leaf| tally.take(&leaf))?;
    let mut month = tally.finish();
    month.log = LogRead {
        origin: read.origin,
        root: read.root,
        signed_leaves: read.signed_leaves,
        pruned_ms: read.pruned.map(|sealed| (sealed.pruned.from_ms, sealed.pruned.to_ms)),
        ..month.log
    };
    month.made_ms = now_ms();
    month.remedies = remedies(places, language)?;
    let page = monthly(&month, language);
    match &report.out {
        Some(path) => std::fs::write(path, page).with_context(|| path.display().to_string())?,
        None => std::io::stdout().write_all(page.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What each rule tells whom it stops; those of the policy and those that are built into it.
fn remedies(places: &Places, language: Language) -> anyhow::Result<BTreeMap<String, String>> {
    let policy = places.policy()?;
    let built_in = policy::built_in_reasons();
    let told = |reason: &policy::Reason| match language {
        Language::English => reason.remedy.clone(),
        Language::Dutch => reason.remedy_nl.clone(),
    };
    let all = built_in.iter().chain(policy.reasons());
    Ok(all.map(|reason| (reason.rule.clone(), told(reason))).collect())
}

/// Counts leaves as they come; holds what the counts are made of and the requests under way.
struct Tally {
    from_ms: i64,
    until_ms: i64,
    month: Month,
    /// Use case of each open intent of the month.
    open: HashMap<u64, String>,
}

impl Tally {
    fn new(report: &LogReport, from_ms: i64, until_ms: i64) -> Self {
        let month = Month {
            year: report.month.year(),
            month: report.month.month(),
            only: report.use_case.clone(),
            ..Month::default()
        };
        Self { from_ms, until_ms, month, open: HashMap::new() }
    }

    fn take(&mut self, leaf: &Shown) {
        let at_ms = leaf.entry.ts_ms;
        self.month.log.first_ms.get_or_insert(at_ms);
        self.month.log.last_ms = Some(at_ms);
        match &leaf.entry.leaf {
            Leaf::Intent(intent) => {
                if let Some(case) = self.request(at_ms, &intent.request) {
                    let tokens = intent.request.input.as_ref().map_or(0, |input| input.tokens);
                    case.tokens_in += u64::from(tokens);
                    case.unfinished += 1;
                    if let Some(model) = &intent.request.model {
                        let key = (model.id.to_string(), model.manifest_sha256.to_hex());
                        *case.models.entry(key).or_default() += 1;
                    }
                    self.open.insert(leaf.index, case_id(&intent.request));
                }
            }
            Leaf::Denied(denied) => {
                if let Some(case) = self.request(at_ms, &denied.request) {
                    let rule = denied.request.decision.rule.as_ref().map_or("", Name::as_str);
                    *case.denied.entry(rule.to_owned()).or_default() += 1;
                }
            }
            Leaf::Outcome(outcome) => {
                if let Some(id) = self.open.remove(&outcome.intent_seq) {
                    ended(self.month.cases.entry(id).or_default(), &outcome.facts);
                }
            }
            // They belong to no use case, so a page about one does not count them.
            Leaf::UnauthenticatedDenials(denials)
                if self.is_in(denials.to_ms) && self.month.only.is_none() =>
            {
                for (reason, count) in &denials.counts {
                    let name = serde_json::to_value(reason).ok();
                    let name = name.as_ref().and_then(|name| name.as_str()).unwrap_or_default();
                    *self.month.strangers.entry(name.to_owned()).or_default() += u64::from(*count);
                }
            }
            _ => {}
        }
    }

    fn is_in(&self, at_ms: i64) -> bool {
        (self.from_ms..self.until_ms).contains(&at_ms)
    }

    /// Counts what permitted and denied requests share; `None` where the request is not of the month or the use case.
    fn request(&mut self, at_ms: i64, request: &RequestFacts) -> Option<&mut CaseMonth> {
        let id = case_id(request);
        if !self.is_in(at_ms) || self.month.only.as_ref().is_some_and(|only| *only != id) {
            return None;
        }
        let day = i8::try_from((at_ms - self.from_ms) / 86_400_000 + 1).ok()?;
        let case = self.month.cases.entry(id).or_default();
        case.demo |= request.demo;
        let counts = case.days.entry(day).or_default();
        match request.decision.verdict {
            provenance::Verdict::Permit => counts.admitted += 1,
            provenance::Verdict::Deny => counts.denied += 1,
        }
        add(&mut case.redacted, request.redaction.iter().flat_map(|redaction| &redaction.counts));
        let policy = case.policies.entry(request.policy_pack_sha256.to_hex()).or_insert((0, at_ms, at_ms));
        *policy = (policy.0 + 1, policy.1.min(at_ms), policy.2.max(at_ms));
        if let Some(use_case) = &request.use_case {
            *case.revisions.entry(use_case.rev).or_default() += 1;
        }
        Some(case)
    }

    fn finish(self) -> Month {
        self.month
    }
}

fn case_id(request: &RequestFacts) -> String {
    request.use_case.as_ref().map_or_else(String::new, |case| case.id.to_string())
}

fn ended(case: &mut CaseMonth, facts: &OutcomeFacts) {
    case.unfinished = case.unfinished.saturating_sub(1);
    let status = match facts.status {
        Status::Completed => "completed",
        Status::Aborted => "aborted",
        Status::Failed => "failed",
    };
    *case.ended.entry(status.to_owned()).or_default() += 1;
    case.tokens_out += facts.choices.iter().map(|choice| u64::from(choice.tokens)).sum::<u64>();
    add(&mut case.found_in_answers, facts.screen.iter().flat_map(|screen| &screen.counts));
    if let Some(millijoules) = facts.joules_milli {
        case.millijoules = case.millijoules.saturating_add(millijoules);
        let source = match facts.energy_source {
            Some(provenance::EnergySource::Rapl) => "rapl",
            Some(provenance::EnergySource::Stated) => "stated",
            None => "unknown",
        };
        *case.energy_sources.entry(source.to_owned()).or_default() += 1;
    }
    if facts.status == Status::Completed {
        *case.ms.entry(facts.ms).or_default() += 1;
        if let Some(ms) = facts.first_token_ms {
            *case.first_token_ms.entry(ms).or_default() += 1;
        }
    }
}

fn add<'a>(sums: &mut BTreeMap<String, u64>, counts: impl Iterator<Item = (&'a Name, &'a u32)>) {
    for (kind, count) in counts {
        *sums.entry(kind.to_string()).or_default() += u64::from(*count);
    }
}
