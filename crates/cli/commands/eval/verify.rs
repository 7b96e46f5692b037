//! `eval verify`: what a signed report is worth here and now.

use std::process::ExitCode;

use anyhow::Context;
use policy::{PolicySet, SignedReport};

use super::{date, tell};
use crate::args::EvalVerify;
use crate::commands::keys::now_ms;
use crate::places::Places;

pub(super) fn run(places: &Places, args: &EvalVerify) -> anyhow::Result<ExitCode> {
    let said = args.signed.display().to_string();
    let text = std::fs::read_to_string(&args.signed).with_context(|| said.clone())?;
    let signed = SignedReport::parse(&said, &text)?;
    tell(signed.report());
    let findings = [
        signature(places, &signed)?,
        term(&signed),
        pinned(places, &signed)?,
        (signed.report().passes(), "thresholds of the suite".to_owned()),
    ];
    let mut holds = true;
    for (held, what) in findings {
        println!("{:<5} {what}", if held { "holds" } else { "VOID" });
        holds &= held;
    }
    if let Some(id) = &args.use_case {
        holds &= demanded(places, &signed, id)?;
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Who signed, as far as the roster tells.
fn signature(places: &Places, signed: &SignedReport) -> anyhow::Result<(bool, String)> {
    let key = signed.key();
    if !signed.is_genuine() {
        return Ok((false, format!("signature: it does not verify under {key}")));
    }
    let Some((root, _)) = places.trust_root()? else {
        let what = format!("signature: by {key}; whose that is, no trust root says (--trust-root, --policy)");
        return Ok((false, what));
    };
    Ok(match policy::evaluator(&places.policy_files()?, &root, signed)? {
        Ok(person) => (true, format!("signature: by {person}, an evaluator of the roster, {key}")),
        Err(why) => (false, format!("signature: {why}")),
    })
}

fn term(signed: &SignedReport) -> (bool, String) {
    let (term, now) = (signed.term(), now_ms());
    let what = format!("term: signed {}, until {}", date(term.date), date(term.expires));
    (term.date.0 <= now && now < term.expires.0, what)
}

/// Whether it is about the files that models.toml pins.
fn pinned(places: &Places, signed: &SignedReport) -> anyhow::Result<(bool, String)> {
    let model = &signed.report().model;
    let registry = places.registry()?;
    Ok(match registry.entry(&model.id) {
        Ok(entry) if hex::encode(entry.sha256()) == model.manifest_sha256 => {
            (true, format!("model: the files that models.toml pins for {}", model.id))
        }
        Ok(_) => (false, format!("model: models.toml pins other files for {}", model.id)),
        Err(_) => (false, format!("model: {} is not in models.toml", model.id)),
    })
}

/// Judged as the gate will: as if it lay in the policy folder, alone of its kind.
fn demanded(places: &Places, signed: &SignedReport, id: &str) -> anyhow::Result<bool> {
    let path = signed.path();
    let mut files = Vec::new();
    for (name, text) in places.policy_files()?.iter() {
        if !name.starts_with("evaluations/") {
            files.push((name.to_owned(), text.to_owned()));
        }
    }
    files.push((path, signed.to_text()?));
    let files = policy::PolicyFiles::from_entries(files)?;
    let root = places.trust_root()?.map(|(root, _)| root);
    let set = PolicySet::load_trusting(&files, root.as_ref()).context("the policy cannot be used")?;
    let evaluations =
        set.evaluations(id).with_context(|| format!("there is no use-cases/{id}.toml in the policy"))?;
    let report = signed.report();
    let mine =
        |one: &&policy::Evaluated| one.demand.suite == report.suite.name && one.model == report.model.id;
    let Some(one) = evaluations.evaluated.iter().find(mine) else {
        println!("VOID  {id} demands no {} of {}", report.suite.name, report.model.id);
        return Ok(false);
    };
    let too_old = one.too_old_ms.is_some_and(|end| end <= now_ms());
    for (fault, detail) in &one.faults {
        println!("VOID  {id}: {}: {detail}", fault.code());
    }
    if too_old {
        println!("VOID  {id}: it is older than {} days", one.demand.max_age_days);
    }
    let holds = one.faults.is_empty() && !too_old;
    if holds {
        println!("holds {id}: it is the evaluation that the record demands");
    }
    Ok(holds)
}
