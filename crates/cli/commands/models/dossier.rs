//! What is known of models beyond their bytes, for the terminal.

use std::process::ExitCode;

use registry::{Dossier, Model, Registry};

use crate::places::Places;

const UNKNOWN: &str = "unknown";

/// How open each model is, and what of it a use case would have to motivate.
pub(super) fn openness(places: &Places) -> anyhow::Result<ExitCode> {
    let registry = places.registry()?;
    println!(
        "{:<32} {:<8} {:<8} {:<13} {:<16} TO MOTIVATE",
        "ID", "WEIGHTS", "CODE", "TRAINING DATA", "LICENCE"
    );
    for model in registry.models() {
        let dossier = model.dossier.as_ref();
        let [weights, code, data] = dossier.map_or(["no dossier", "", ""], |dossier| {
            [dossier.weights.name(), dossier.code.name(), dossier.training_data.name()]
        });
        let points = model.open_points();
        let points = if points.is_empty() { "nothing".to_owned() } else { points.join(", ") };
        println!("{:<32} {weights:<8} {code:<8} {data:<13} {:<16} {points}", model.id, model.license);
    }
    Ok(ExitCode::SUCCESS)
}

/// The dossier, line by line, and its digest: what signers of a use case sign.
pub(super) fn show(registry: &Registry, model: &Model) {
    match registry.signature(&model.id) {
        Ok(None) => println!("signature      none"),
        Ok(Some(signed)) => {
            println!("signature      holds, {} key {}", signed.curve.name(), signed.key_sha256)
        }
        Err(error) => println!("signature      REFUSED: {error}"),
    }
    let Some(dossier) = &model.dossier else {
        println!(
            "dossier        none: add [model.dossier] to models.toml; no pilot runs with this model before"
        );
        return;
    };
    let digest = model.dossier_sha256().map(hex::encode).unwrap_or_default();
    println!("dossier        sha256 {digest}");
    for (term, said) in lines(dossier) {
        println!("  {term:<20} {said}");
    }
    let open = model.open_points();
    if !open.is_empty() {
        println!("  {:<20} {}", "to motivate", open.join(", "));
    }
}

fn lines(dossier: &Dossier) -> Vec<(&'static str, String)> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| UNKNOWN.to_owned());
    let review = dossier.legal_review.as_ref();
    let review = review.map(|review| format!("{}, {}, until {}", review.by, review.date, review.review_by));
    let mut lines = vec![
        ("weights", dossier.weights.name().to_owned()),
        ("code", dossier.code.name().to_owned()),
        ("training data", dossier.training_data.name().to_owned()),
        ("developer", format!("{} ({})", text(&dossier.developer), text(&dossier.country))),
        ("packed by", text(&dossier.packed_by)),
        ("trained on", text(&dossier.trained_on)),
        ("trained until", text(&dossier.trained_until)),
        ("training energy", text(&dossier.training_kwh.map(|kwh| format!("{kwh} kWh")))),
        ("opt-outs honoured", format!("{} ({})", dossier.opt_outs.name(), text(&dossier.opt_outs_evidence))),
        ("legal review", text(&review)),
        ("limitations", text(&dossier.limitations)),
    ];
    match &dossier.lineage {
        None => lines.push(("made from", UNKNOWN.to_owned())),
        Some(ancestors) if ancestors.is_empty() => lines.push(("made from", "nothing before it".to_owned())),
        Some(ancestors) => {
            lines.extend(ancestors.iter().map(|a| ("made from", format!("{}: {}", a.name, a.step))));
        }
    }
    lines
}
