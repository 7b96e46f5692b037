//! The dossier: everything about one use case on one page that prints, holds no script and loads nothing.

mod approval;
mod evaluation;
mod model;
mod record;
mod runtime;
mod supplier;

pub(crate) use evaluation::{ends_ms, state};
use policy::{Decision, Language};

use crate::Subject;
use crate::html::Page;
use crate::words::{long_date, rfc3339, say, status};

/// The page, as HTML.
#[must_use]
pub fn dossier(subject: &Subject<'_>, language: Language) -> String {
    let mut page = Page::default();
    page.raw("<!doctype html>\n").raw(say(language, "<html lang=\"en\">", "<html lang=\"nl\">"));
    page.raw("<head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    // Nothing can be loaded or run, even if a text were to get where it should not.
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">");
    page.within("<title>", &subject.case.title, "</title>");
    page.raw("<style>").raw(include_str!("dossier/style.css")).raw("</style></head><body><main>\n");
    head(&mut page, subject, language);
    standing(&mut page, subject, language);
    record::sections(&mut page, subject, language);
    supplier::section(&mut page, subject, language);
    approval::sections(&mut page, subject, language);
    evaluation::section(&mut page, subject, language);
    runtime::sections(&mut page, subject, language);
    foot(&mut page, subject, language);
    page.raw("</main></body></html>\n");
    page.finish()
}

fn head(page: &mut Page, subject: &Subject<'_>, language: Language) {
    let case = subject.case;
    page.raw("<header>").within("<p class=\"over\">", &case.organisation, "</p>");
    page.within("<h1>", &case.title, "</h1>").raw("<p class=\"marks\">");
    if subject.standing.is_permit() {
        page.within("<span class=\"mark good\">", say(language, "runs now", "draait nu"), "</span>");
    } else {
        page.within(
            "<span class=\"mark bad\">",
            say(language, "does not run now", "draait nu niet"),
            "</span>",
        );
    }
    page.within("<span class=\"mark\">", status(case.status, language), "</span>");
    let revision = format!("{} {}", say(language, "revision", "versie"), case.revision);
    page.within("<span class=\"mark\">", &revision, "</span>");
    page.within("<span class=\"mark\">", &long_date(subject.made_ms, language), "</span></p></header>\n");
}

/// Whether it runs, and what is missing with what to do about it.
fn standing(page: &mut Page, subject: &Subject<'_>, language: Language) {
    let reasons = match &subject.standing {
        Decision::Permit(_) => &[][..],
        Decision::Deny(denial) => denial.reasons.as_slice(),
    };
    let mut gaps: Vec<(String, &str)> = Vec::new();
    for reason in reasons {
        let remedy = match language {
            Language::English => &reason.remedy,
            Language::Dutch => &reason.remedy_nl,
        };
        gaps.push((reason.rule.clone(), remedy));
    }
    if subject.account(|a| &a.contact_email).is_none() {
        gaps.push((
            "accountability.contact_email".to_owned(),
            say(
                language,
                "Nobody outside knows whom to write to. Fill it in; the Algoritmeregister asks for it.",
                "Niemand buiten weet waar vragen terechtkunnen. Vul het in; het Algoritmeregister vraagt erom.",
            ),
        ));
    }
    for model in subject.models.iter().filter(|model| model.entry.is_none()) {
        gaps.push((
            model.id.to_owned(),
            say(
                language,
                "The model is not in models.toml, so it cannot run. Pin it: proeftuin models pin.",
                "Het model staat niet in models.toml en kan dus niet draaien. Leg het vast: proeftuin models pin.",
            ),
        ));
    }
    page.within("<section><h2>", say(language, "What is missing", "Wat ontbreekt"), "</h2>\n");
    if gaps.is_empty() {
        page.within("<p>", say(language, "Nothing.", "Niets."), "</p>");
    } else {
        page.raw("<ul class=\"gaps\">");
        for (what, remedy) in &gaps {
            page.within("<li><code>", what, "</code> ").within("<span>", remedy, "</span></li>\n");
        }
        page.raw("</ul>");
    }
    page.raw("</section>\n");
}

fn foot(page: &mut Page, subject: &Subject<'_>, language: Language) {
    page.raw("<footer><dl>");
    page.pair_code(say(language, "Record, SHA-256", "Dossier, SHA-256"), &hex::encode(subject.case.sha256));
    page.pair_code(
        say(language, "Policy folder, SHA-256", "Beleidsmap, SHA-256"),
        &hex::encode(subject.policy_sha256),
    );
    page.pair_code(say(language, "Made", "Gemaakt"), &rfc3339(subject.made_ms));
    page.raw("</dl>").within(
        "<p>",
        say(
            language,
            "This page shows what the record, the signatures and the log say; it proves nothing itself. The proof is \
             in the policy folder and the log: proeftuin use-case status, proeftuin log verify.",
            "Deze pagina toont wat het dossier, de handtekeningen en het logboek zeggen; zij bewijst zelf niets. Het \
             bewijs ligt in de beleidsmap en het logboek: proeftuin use-case status, proeftuin log verify.",
        ),
        "</p></footer>\n",
    );
}
