//! What the record says: purpose, people and data, what the organisation answers for, window and limits.

use policy::{Kind, Language, SpecialCategoryAction};

use crate::Subject;
use crate::html::Page;
use crate::words::{data_class, long_date, number, say};

pub(super) fn sections(page: &mut Page, subject: &Subject<'_>, language: Language) {
    purpose(page, subject, language);
    data(page, subject, language);
    accountability(page, subject, language);
    bounds(page, subject, language);
}

fn purpose(page: &mut Page, subject: &Subject<'_>, language: Language) {
    let case = subject.case;
    page.within("<section><h2>", say(language, "The use case", "De toepassing"), "</h2><dl>\n");
    page.pair(say(language, "Purpose", "Doel"), &case.purpose);
    page.pair(say(language, "Legal basis", "Grondslag"), &case.legal_basis);
    page.pair(say(language, "Organisation", "Organisatie"), &case.organisation);
    page.pair(say(language, "Owner", "Eigenaar"), &case.owner);
    page.pair(say(language, "Kind", "Soort"), kind(case.kind, language));
    page.pair_code(say(language, "Id", "Id"), &case.id);
    page.pair_code(
        say(language, "Processing activity", "Verwerkingsactiviteit"),
        &case.processing_activity_id,
    );
    if let Some(exemption) = &case.exemption {
        let text = format!("{} ({})", exemption.ground, exemption.authority);
        page.pair(say(language, "Exemption (lifts no rule)", "Uitzondering (heft geen regel op)"), &text);
    }
    page.raw("</dl></section>\n");
}

fn kind(kind: Kind, language: Language) -> &'static str {
    match kind {
        Kind::Pilot => say(language, "pilot: work on own texts", "pilot: werk aan eigen teksten"),
        Kind::Demo => say(language, "demo: no personal data at all", "demo: geen enkel persoonsgegeven"),
    }
}

fn data(page: &mut Page, subject: &Subject<'_>, language: Language) {
    let (case, account) = (subject.case, subject.accountability);
    page.within("<section><h2>", say(language, "People and data", "Mensen en gegevens"), "</h2><dl>\n");
    page.pair(say(language, "People concerned", "Betrokkenen"), &listed(&account.affected_groups, language));
    page.pair(
        say(language, "Categories of data", "Soorten gegevens"),
        &listed(&account.data_categories, language),
    );
    page.pair(
        say(language, "Heaviest that is taken", "Zwaarste die is toegestaan"),
        data_class(case.max_data_class, language),
    );
    let special = match case.special_category_action {
        SpecialCategoryAction::Refuse => say(language, "refused", "geweigerd"),
        SpecialCategoryAction::Strip => say(language, "masked", "gemaskeerd"),
        SpecialCategoryAction::Allow => say(language, "authorised", "toegestaan"),
    };
    page.pair(say(language, "Special categories", "Bijzondere categorieën"), special);
    page.pair_code(say(language, "Redaction profile", "Redactieprofiel"), &case.redaction_profile);
    let restore = if case.restore_placeholders {
        say(language, "put back in the answer", "teruggezet in het antwoord")
    } else {
        say(language, "not put back in the answer", "niet teruggezet in het antwoord")
    };
    page.pair(say(language, "What was replaced is", "Wat is vervangen, wordt"), restore);
    page.raw("</dl></section>\n");
}

fn listed(items: &[String], language: Language) -> String {
    if items.is_empty() { not_answered(language).to_owned() } else { items.join(", ") }
}

fn not_answered(language: Language) -> &'static str {
    say(language, "not answered", "niet beantwoord")
}

fn accountability(page: &mut Page, subject: &Subject<'_>, language: Language) {
    let account = subject.accountability;
    page.within("<section><h2>", say(language, "Accountability", "Verantwoording"), "</h2><dl>\n");
    let answers = [
        (say(language, "Alternatives", "Alternatieven"), &account.alternatives),
        (say(language, "Proportionality", "Proportionaliteit"), &account.proportionality),
        (say(language, "Human oversight", "Menselijk toezicht"), &account.human_oversight),
        (say(language, "Retention", "Bewaren"), &account.retention),
        (say(language, "Exit plan", "Beëindiging"), &account.exit_plan),
        (say(language, "Contact", "Contact"), &account.contact_email),
    ];
    for (term, text) in answers {
        let text = text.trim();
        page.pair(term, if text.is_empty() { not_answered(language) } else { text });
    }
    page.raw("</dl></section>\n");
}

fn bounds(page: &mut Page, subject: &Subject<'_>, language: Language) {
    let case = subject.case;
    page.within("<section><h2>", say(language, "Window and limits", "Looptijd en grenzen"), "</h2><dl>\n");
    let window = format!(
        "{} {} {}",
        long_date(case.window.not_before_ms, language),
        say(language, "up to", "tot"),
        long_date(case.window.not_after_ms, language)
    );
    page.pair(say(language, "May run", "Mag draaien"), &window);
    let limits = [
        (say(language, "Tokens a request", "Tokens per verzoek"), case.limits.tokens_per_request),
        (say(language, "Requests a minute", "Verzoeken per minuut"), case.limits.requests_per_minute),
        (say(language, "Tokens a day", "Tokens per dag"), case.limits.tokens_per_day),
    ];
    for (term, limit) in limits {
        page.pair(term, &number(limit, language));
    }
    let roles: Vec<&str> = case.allowed_roles.iter().map(String::as_str).collect();
    page.pair(say(language, "Roles that may use it", "Rollen die het mogen gebruiken"), &roles.join(", "));
    page.pair(
        say(language, "Guidance that users acknowledge first", "Afspraken die gebruikers eerst bevestigen"),
        case.informed.guidance.as_deref().unwrap_or(not_answered(language)),
    );
    let training: Vec<&str> = case.informed.training.iter().map(String::as_str).collect();
    if !training.is_empty() {
        let term = say(language, "Trainings that users hold", "Trainingen die gebruikers hebben");
        page.pair(term, &training.join(", "));
    }
    page.raw("</dl></section>\n");
}
