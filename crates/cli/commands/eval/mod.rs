//! `eval`: suites that evaluate a model, their reports, and signatures on those.

mod run;
mod verify;

use std::process::ExitCode;

use anyhow::Context;
use eval::Suite;
use policy::{EvaluationReport, MetricVerdict, Moment, SignedReport, Term};

use super::use_case::{DAY_MS, read_key};
use crate::args::{Eval, EvalSign};
use crate::commands::keys::now_ms;
use crate::places::{Places, write_whole};

pub(crate) fn run(places: &Places, command: &Eval) -> anyhow::Result<ExitCode> {
    match command {
        Eval::Suites => suites(),
        Eval::Run(args) => run::run(places, args),
        Eval::Sign(args) => sign(places, args),
        Eval::Verify(args) => verify::run(places, args),
        Eval::Schema => {
            print!("{}", policy::REPORT_SCHEMA);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn suites() -> anyhow::Result<ExitCode> {
    for suite in Suite::embedded()? {
        println!("{:<14} sha256 {}", suite.name, suite.sha256);
    }
    Ok(ExitCode::SUCCESS)
}

fn sign(places: &Places, args: &EvalSign) -> anyhow::Result<ExitCode> {
    let said = || args.report.display().to_string();
    let text = std::fs::read_to_string(&args.report).with_context(said)?;
    let report = EvaluationReport::parse(&text).map_err(anyhow::Error::msg).with_context(said)?;
    let date = seconds(now_ms());
    let expires = date.saturating_add(i64::from(args.days).saturating_mul(DAY_MS));
    let term = Term { date: Moment(date), expires: Moment(expires) };
    tell(&report);
    let signed = SignedReport::new(report, term, &read_key(&args.key)?)?;
    let path = match &args.out {
        Some(path) => path.clone(),
        None => places.policy_dir().context("or say where to write: --out FILE")?.join(signed.path()),
    };
    write_whole(&path, &signed.to_text()?)?;
    println!("signed {} as {}", path.display(), signed.key());
    println!("statement sha256 {}, until {}", signed.statement_sha256(), super::use_case::date(expires));
    Ok(ExitCode::SUCCESS)
}

/// Whole seconds: what is signed is read by people.
fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1000).saturating_mul(1000)
}

/// What a report says, for people.
fn tell(report: &EvaluationReport) {
    println!("{} of {}", report.suite.name, report.model.id);
    println!("  suite       sha256 {}", report.suite.sha256);
    println!("  model       sha256 {}", report.model.manifest_sha256);
    if let Some(gate) = &report.gate {
        println!("  gate        policy sha256 {}, with a key of {}", gate.policy_sha256, gate.use_case);
    }
    println!("  run         {} to {}", date(report.started), date(report.finished));
    for (name, metric) in &report.metrics {
        let bound = |word: &str, bound: Option<policy::Decimal>| {
            bound.map_or_else(String::new, |bound| format!(", {word} {bound}"))
        };
        let (least, most) = (bound("at least", metric.min), bound("at most", metric.max));
        let verdict = match metric.verdict {
            MetricVerdict::NotJudged => String::new(),
            verdict => format!(": {}", verdict.name()),
        };
        println!("  {name:<24} {}{least}{most}{verdict}", metric.value);
    }
    for (code, count) in &report.refusals {
        println!("  refused by {code}: {count}");
    }
    println!(
        "{}",
        if report.passes() { "every threshold of the suite is met" } else { "DOES NOT PASS the suite" }
    );
}

fn date(moment: Moment) -> String {
    super::use_case::date(moment.0)
}
