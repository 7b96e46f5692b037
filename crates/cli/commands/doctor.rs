//! `doctor`: does to itself what `serve` does to itself, and says what held and with which settings.

use std::process::ExitCode;

use hardening::{Measure, Report, Standing};
use serde_json::{Value, json};

use crate::args::{Doctor, DoctorOutput};
use crate::places::Places;
use crate::{args, process};

pub(crate) fn run(places: &Places, doctor: &Doctor, hardened: &Report) -> anyhow::Result<ExitCode> {
    // Read first: afterwards there is only what a server may still do.
    let settings = settings(places, &doctor.serve)?;
    let lines = process::confine(places, doctor.serve.engine.device)?;
    let report = hardened.clone().with(lines).with([hardening::try_lock_memory()]);
    match doctor.output {
        DoctorOutput::Text => print!("{}", text(&report, &settings)),
        DoctorOutput::Json => println!("{:#}", as_json(&report, &settings)),
    }
    let falls_short = report.unmet().next().is_some();
    Ok(if doctor.strict && falls_short { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What each setting comes to, with the flag or variable it has; nothing secret is among them.
fn settings(places: &Places, serve: &args::Serve) -> anyhow::Result<Vec<(&'static str, String)>> {
    let engine = &serve.engine;
    let registry = places.registry()?;
    let model = match (&engine.model, registry.default_model()) {
        (Some(id), _) => id.clone(),
        (None, Some(model)) => model.id.clone(),
        (None, None) => "none".to_owned(),
    };
    let here = if registry.is_fetched(&model, &places.store) { "here" } else { "not fetched" };
    let threads = engine.threads.map_or_else(|| "one a core".to_owned(), |threads| threads.to_string());
    let mut settings = places.shown()?;
    settings.extend(serve.reach.shown());
    settings.extend([
        ("max-queued", serve.max_queued.to_string()),
        ("drain-s", serve.drain_s.to_string()),
        ("demo", (!serve.no_demo).to_string()),
        ("require-hardening", serve.require_hardening.to_string()),
        ("model", format!("{model} ({here})")),
        ("embeddings", serve.embeddings.clone().unwrap_or_else(|| "none".to_owned())),
        ("device", format!("{:?}", engine.device).to_lowercase()),
        ("threads", threads),
        ("kv-mib", engine.kv_mib.to_string()),
        ("kv-type", format!("{:?}", engine.kv_type).to_lowercase()),
        ("max-running", engine.max_running.to_string()),
        ("step-tokens", engine.step_tokens.to_string()),
        ("draft-tokens", engine.draft_tokens.to_string()),
        ("milliwatts", engine.milliwatts().to_string()),
    ]);
    Ok(settings)
}

fn text(report: &Report, settings: &[(&str, String)]) -> String {
    let mut text = String::from("Measures, as a server on this machine would have them\n\n");
    for line in report.lines() {
        text.push_str(&format!(
            "  {:<20} {:<12} {}\n",
            line.measure.to_string(),
            line.standing.to_string(),
            line.found
        ));
    }
    let unmet: Vec<_> = report.unmet().collect();
    if unmet.is_empty() {
        text.push_str("\nEverything holds.\n");
    } else {
        text.push_str("\nWhat to do\n\n");
        for line in unmet {
            text.push_str(&format!("  {}: {}\n", line.measure, line.measure.advice()));
        }
    }
    text.push_str("\nSettings\n\n");
    for (name, value) in settings {
        text.push_str(&format!("  {name:<20} {value}\n"));
    }
    text
}

fn as_json(report: &Report, settings: &[(&str, String)]) -> Value {
    let measures: Vec<Value> = report
        .lines()
        .iter()
        .map(|line| {
            json!({
                "measure": line.measure.name(),
                "standing": standing(line.standing),
                "found": line.found,
                "advice": advice(line.measure, line.standing),
            })
        })
        .collect();
    let settings: serde_json::Map<String, Value> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect();
    json!({ "holds": report.unmet().next().is_none(), "measures": measures, "settings": settings })
}

fn advice(measure: Measure, standing: Standing) -> Option<&'static str> {
    matches!(standing, Standing::NotHeld | Standing::Unavailable).then(|| measure.advice())
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Held => "held",
        Standing::NotHeld => "not-held",
        Standing::Unavailable => "unavailable",
        _ => "note",
    }
}

#[cfg(test)]
mod tests {
    use hardening::Line;

    use super::*;

    fn report(standing: Standing) -> Report {
        let line = |measure, standing| Line { measure, standing, found: "found".to_owned() };
        Report::default().with([line(Measure::Files, Standing::Held), line(Measure::Egress, standing)])
    }

    #[test]
    fn what_does_not_hold_comes_with_advice() {
        for lacking in [Standing::NotHeld, Standing::Unavailable] {
            let report = report(lacking);
            let json = as_json(&report, &[("listen", "here".to_owned())]);
            assert_eq!(json["holds"], false);
            assert_eq!(json["measures"][0]["advice"], Value::Null);
            assert_eq!(json["measures"][1]["advice"], Measure::Egress.advice());
            assert_eq!(json["settings"]["listen"], "here");
            assert!(text(&report, &[]).contains(&format!("egress: {}", Measure::Egress.advice())));
        }
        let report = report(Standing::Held);
        assert_eq!(as_json(&report, &[])["holds"], true);
        assert!(text(&report, &[]).contains("Everything holds"));
    }
}
