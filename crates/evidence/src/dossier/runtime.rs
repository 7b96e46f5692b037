//! What runs: models, use so far, and the rules that guard it.

use std::collections::BTreeMap;

use policy::Language;
use registry::Model;

use crate::html::Page;
use crate::words::{long_date, number, say};
use crate::{NamedModel, Subject, Totals, purl};

pub(super) fn sections(page: &mut Page, subject: &Subject<'_>, language: Language) {
    page.within("<section><h2>", say(language, "Models", "Modellen"), "</h2>\n");
    for model in &subject.models {
        self::model(page, model, language);
    }
    page.raw("</section>\n");
    if let Some(totals) = &subject.totals {
        self::totals(page, totals, language);
    }
    rules(page, subject, language);
}

fn model(page: &mut Page, model: &NamedModel<'_>, language: Language) {
    page.within("<div class=\"model\"><h3>", model.id, "</h3>");
    match model.entry {
        Some(entry) => entry_facts(page, model, entry, language),
        None => {
            page.within(
                "<p class=\"bad\">",
                say(language, "not in models.toml", "niet in models.toml"),
                "</p>",
            );
        }
    }
    page.raw("</div>\n");
}

fn entry_facts(page: &mut Page, model: &NamedModel<'_>, entry: &Model, language: Language) {
    if let Some(description) = &entry.description {
        page.within("<p>", description, "</p>");
    }
    page.raw("<dl>");
    page.pair(say(language, "Status", "Status"), model_status(entry.status, language));
    page.pair(say(language, "Licence", "Licentie"), &entry.license);
    super::model::facts(page, entry, language);
    page.pair(say(language, "Languages", "Talen"), &entry.limits.languages.join(", "));
    page.pair(
        say(language, "Longest context", "Langste context"),
        &format!("{} tokens", number(entry.limits.context_tokens.into(), language)),
    );
    page.pair_code(say(language, "From", "Herkomst"), &purl::package(entry));
    let pinned = hex::encode(entry.sha256());
    page.pair_code(say(language, "Pinned, SHA-256", "Vastgelegd, SHA-256"), &pinned);
    signed_for(page, say(language, "Signed for", "Ondertekend voor"), model.signed_sha256, &pinned, language);
    if let Some(dossier) = entry.dossier_sha256().map(hex::encode) {
        page.pair_code(say(language, "Dossier, SHA-256", "Modeldossier, SHA-256"), &dossier);
        let term = say(language, "Dossier signed for", "Modeldossier ondertekend voor");
        signed_for(page, term, model.signed_dossier_sha256, &dossier, language);
    }
    if let Some(why) = model.motivation {
        page.pair(say(language, "Why this model", "Waarom dit model"), why);
    }
    page.raw("</dl>");
}

/// Whether what was signed is what is here.
fn signed_for(page: &mut Page, term: &'static str, signed: Option<&str>, here: &str, language: Language) {
    page.raw("<dt>").text(term).raw("</dt><dd>");
    match signed {
        Some(sha256) if sha256 == here => {
            page.within("<span class=\"good\">", say(language, "this hash", "deze hash"), "</span>")
        }
        Some(sha256) => {
            page.within("<span class=\"bad\">", say(language, "another hash: ", "een andere hash: "), "");
            page.raw("<code>").text(sha256).raw("</code></span>")
        }
        None => page.within("<span class=\"none\">", say(language, "no hash", "geen hash"), "</span>"),
    };
    page.raw("</dd>");
}

fn model_status(status: registry::Status, language: Language) -> &'static str {
    match status {
        registry::Status::Proposed => say(language, "proposed", "voorgesteld"),
        registry::Status::Approved => say(language, "approved", "goedgekeurd"),
        registry::Status::Suspended => say(language, "suspended", "opgeschort"),
        registry::Status::Revoked => say(language, "revoked", "ingetrokken"),
    }
}

fn totals(page: &mut Page, totals: &Totals, language: Language) {
    page.within("<section><h2>", say(language, "Use so far", "Gebruik tot nu toe"), "</h2><dl>\n");
    if let Some((first, last)) = totals.span_ms {
        let span = [first, last].map(|ms| long_date(ms, language)).join(" – ");
        page.pair(say(language, "In the log", "In het logboek"), &span);
    }
    let denied = totals.denied.values().fold(0u64, |sum, count| sum.saturating_add(*count));
    let counts = [
        (say(language, "Requests let in", "Verzoeken toegelaten"), totals.admitted),
        (say(language, "Answers that came to their end", "Antwoorden voltooid"), totals.completed),
        (say(language, "Requests denied", "Verzoeken geweigerd"), denied),
        (say(language, "Tokens to the model", "Tokens naar het model"), totals.tokens_in),
        (say(language, "Tokens from the model", "Tokens van het model"), totals.tokens_out),
    ];
    for (term, count) in counts {
        page.pair(term, &number(count, language));
    }
    for (term, counted) in [
        (say(language, "Denied by", "Geweigerd door"), &totals.denied),
        (say(language, "Personal data found", "Persoonsgegevens gevonden"), &totals.found),
    ] {
        if !counted.is_empty() {
            page.pair(term, &tally(counted, language));
        }
    }
    page.raw("</dl></section>\n");
}

fn tally(counted: &BTreeMap<String, u64>, language: Language) -> String {
    let one = |(name, count): (&String, &u64)| format!("{name} {}", number(*count, language));
    counted.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn rules(page: &mut Page, subject: &Subject<'_>, language: Language) {
    page.within("<section><h2>", say(language, "Rules that refuse", "Regels die weigeren"), "</h2>\n");
    page.within(
        "<p>",
        say(
            language,
            "Each request is judged by these rules, in this order. One that applies refuses it, and tells this:",
            "Elk verzoek wordt aan deze regels getoetst, in deze volgorde. Een regel die van toepassing is, weigert het \
             en zegt dit:",
        ),
        "</p>\n<table class=\"rules\"><tbody>\n",
    );
    for reason in &subject.rules {
        let told = match language {
            Language::English => &reason.remedy,
            Language::Dutch => &reason.remedy_nl,
        };
        page.within("<tr><td><code>", &reason.rule, "</code></td>").within("<td>", told, "</td></tr>\n");
    }
    page.end_table().raw("</section>\n");
}
