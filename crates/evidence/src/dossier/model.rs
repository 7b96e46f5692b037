//! What is known of a model beyond its bytes.

use policy::Language;
use registry::{Model, Openness, OptOuts};

use crate::html::Page;
use crate::words::{number, openness, say, training_data};

/// Its rows in a list of facts; one row says so where `models.toml` has no dossier.
pub(super) fn facts(page: &mut Page, entry: &Model, language: Language) {
    let Some(dossier) = &entry.dossier else {
        page.pair(
            say(language, "Dossier", "Dossier"),
            say(language, "none in models.toml", "geen in models.toml"),
        );
        return;
    };
    let unknown = say(language, "unknown", "onbekend");
    let parts: [(&str, Openness); 3] = [
        (say(language, "Weights", "Gewichten"), dossier.weights),
        (say(language, "Code", "Code"), dossier.code),
        (say(language, "Openness of training data", "Openheid van trainingsdata"), dossier.training_data),
    ];
    for (term, part) in parts {
        page.pair(term, openness(part, language));
    }
    let developer = dossier.developer.as_deref().unwrap_or(unknown);
    let country = dossier.country.as_deref().unwrap_or(unknown);
    page.pair(say(language, "Developer", "Ontwikkelaar"), &format!("{developer} ({country})"));
    let told = |text: &Option<String>| text.clone().unwrap_or_else(|| unknown.to_owned());
    page.pair(say(language, "Packed by", "Verpakt door"), &told(&dossier.packed_by));
    page.pair(
        say(language, "Training data", "Trainingsdata"),
        training_data(entry.training_data(), language),
    );
    page.pair(say(language, "Training data until", "Trainingsdata tot"), &told(&dossier.trained_until));
    let energy = dossier.training_kwh.map(|kwh| format!("{} kWh", number(kwh, language)));
    page.pair(say(language, "Energy of training", "Energie van de training"), &told(&energy));
    let honoured = match dossier.opt_outs {
        OptOuts::Yes => say(language, "honoured", "gehonoreerd"),
        OptOuts::No => say(language, "not honoured", "niet gehonoreerd"),
        OptOuts::Unknown => unknown,
    };
    let evidence = dossier.opt_outs_evidence.as_ref().map_or_else(String::new, |text| format!(" ({text})"));
    page.pair(
        say(language, "Makers who opted out", "Makers die hun werk voorbehielden"),
        &format!("{honoured}{evidence}"),
    );
    let review = dossier.legal_review.as_ref().map(|review| {
        let until = say(language, "until", "tot en met");
        format!("{}, {}, {until} {}", review.by, review.date, review.review_by)
    });
    page.pair(say(language, "Legal review", "Juridische toets"), &told(&review));
    let lineage = dossier.lineage.as_ref().map(|ancestors| {
        let told: Vec<_> = ancestors.iter().map(|a| format!("{} ({})", a.name, a.step)).collect();
        if told.is_empty() {
            say(language, "trained from nothing", "van niets af getraind").to_owned()
        } else {
            told.join("; ")
        }
    });
    page.pair(say(language, "Made from", "Gemaakt uit"), &told(&lineage));
    page.pair(say(language, "Known limitations", "Bekende beperkingen"), &told(&dossier.limitations));
    if let Some(pin) = &entry.signature {
        page.pair_code(
            say(language, "Signed by the key, SHA-256", "Ondertekend met de sleutel, SHA-256"),
            &pin.key.sha256_hex(),
        );
    }
}
