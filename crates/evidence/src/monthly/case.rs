//! The month of one use case.

use std::collections::BTreeMap;

use policy::Language;

use super::{CaseMonth, Month, moment, percentile, plot};
use crate::html::Page;
use crate::words::{number, say};

pub(super) fn section(page: &mut Page, month: &Month, id: &str, case: &CaseMonth, language: Language) {
    let none = say(language, "no use case", "geen toepassing");
    page.within("<section class=\"case\"><h2>", if id.is_empty() { none } else { id }, "</h2>\n");
    if case.demo {
        page.within(
            "<p class=\"bad\">",
            say(language, "a demonstration, no pilot", "een demonstratie, geen proef"),
            "</p>",
        );
    }
    figures(page, case, language);
    plot::days(page, month, case, language);
    days(page, case, language);
    denials(page, month, case, language);
    counted(
        page,
        say(language, "Found before the model", "Gevonden vóór het model"),
        &case.redacted,
        language,
    );
    counted(
        page,
        say(language, "Found in answers", "Gevonden in antwoorden"),
        &case.found_in_answers,
        language,
    );
    latency(page, case, language);
    in_force(page, case, language);
    page.raw("</section>\n");
}

fn figures(page: &mut Page, case: &CaseMonth, language: Language) {
    page.raw("<dl>");
    for (term, count) in [
        (say(language, "Requests let in", "Verzoeken toegelaten"), case.admitted()),
        (say(language, "Requests denied", "Verzoeken geweigerd"), case.denials()),
        (say(language, "Tokens to the model", "Tokens naar het model"), case.tokens_in),
        (say(language, "Tokens from the model", "Tokens van het model"), case.tokens_out),
    ] {
        page.pair(term, &number(count, language));
    }
    for (status, count) in &case.ended {
        page.pair(ended(status, language), &number(*count, language));
    }
    if case.unfinished > 0 {
        page.pair(
            say(language, "Without an outcome yet", "Nog zonder uitkomst"),
            &number(case.unfinished, language),
        );
    }
    page.pair(say(language, "Energy", "Energie"), &energy(case, language)).raw("</dl>\n");
}

fn ended(status: &str, language: Language) -> &'static str {
    match status {
        "completed" => say(language, "Answers that came to their end", "Antwoorden voltooid"),
        "aborted" => say(language, "Broken off", "Afgebroken"),
        _ => say(language, "Failed", "Mislukt"),
    }
}

fn energy(case: &CaseMonth, language: Language) -> String {
    let measured: u64 = case.energy_sources.values().sum();
    if measured == 0 {
        return say(language, "not recorded", "niet vastgelegd").to_owned();
    }
    let tenths = case.millijoules / 100 % 10;
    let joules = number(case.millijoules / 1000, language);
    let point = say(language, ".", ",");
    let sources: Vec<String> = case
        .energy_sources
        .iter()
        .map(|(source, count)| format!("{} {}", number(*count, language), self::source(source, language)))
        .collect();
    let of = say(language, "for", "voor");
    let requests = say(language, "requests", "verzoeken");
    format!(
        "{joules}{point}{tenths} J {of} {} {requests}: {}",
        number(measured, language),
        sources.join(", ")
    )
}

fn source(source: &str, language: Language) -> &'static str {
    match source {
        "rapl" => say(language, "by the processor's meter", "volgens de meter van de processor"),
        "stated" => say(language, "by a stated power", "volgens een opgegeven vermogen"),
        _ => say(language, "of unknown source", "van onbekende bron"),
    }
}

fn days(page: &mut Page, case: &CaseMonth, language: Language) {
    page.raw("<div class=\"figures\">").table(&[
        say(language, "Day", "Dag"),
        say(language, "Let in", "Toegelaten"),
        say(language, "Denied", "Geweigerd"),
    ]);
    for (day, counts) in &case.days {
        let (admitted, denied) = (number(counts.admitted, language), number(counts.denied, language));
        page.row(&[&day.to_string(), &admitted, &denied]);
    }
    page.end_table().raw("</div>");
}

fn denials(page: &mut Page, month: &Month, case: &CaseMonth, language: Language) {
    if case.denied.is_empty() {
        return;
    }
    page.within("<h3>", say(language, "Denied, by rule", "Geweigerd, per regel"), "</h3>");
    page.table(&[
        say(language, "Rule", "Regel"),
        say(language, "Requests", "Verzoeken"),
        say(language, "What helps", "Wat helpt"),
    ]);
    for (rule, count) in &case.denied {
        let helps = month.remedies.get(rule).map_or_else(|| own_rule(rule, language), String::as_str);
        page.row(&[rule, &number(*count, language), helps]);
    }
    page.end_table();
}

/// What is not in the policy is a check of the program, which told the caller with the figures of that moment.
fn own_rule(rule: &str, language: Language) -> &'static str {
    if rule.starts_with("quota-") {
        return say(
            language,
            "The allowance was used up. Ask later, ask for fewer tokens, or have the quota of the use case raised.",
            "Het tegoed was op. Vraag het later, vraag minder tokens, of laat het quotum van de toepassing verhogen.",
        );
    }
    say(
        language,
        "A check of the program itself, or a rule that today's policy no longer has; the refusal told the caller what to do.",
        "Een controle van het programma zelf, of een regel die het beleid van nu niet meer heeft; de weigering zei de \
         aanvrager wat te doen.",
    )
}

fn counted(page: &mut Page, heading: &'static str, counts: &BTreeMap<String, u64>, language: Language) {
    page.within("<h3>", heading, "</h3>");
    if counts.is_empty() {
        page.within("<p class=\"none\">", say(language, "Nothing.", "Niets."), "</p>");
        return;
    }
    page.raw("<div class=\"figures\">")
        .table(&[say(language, "Kind", "Soort"), say(language, "Times", "Keren")]);
    for (kind, count) in counts {
        page.row(&[kind, &number(*count, language)]);
    }
    page.end_table().raw("</div>");
}

fn latency(page: &mut Page, case: &CaseMonth, language: Language) {
    if case.ms.is_empty() {
        return;
    }
    page.within(
        "<h3>",
        say(language, "How long it took", "Hoe lang het duurde"),
        "</h3><div class=\"figures\">",
    );
    page.table(&[
        say(language, "Milliseconds, of completed requests", "Milliseconden, van voltooide verzoeken"),
        "p50",
        "p90",
        "p95",
        "p99",
        say(language, "longest", "langste"),
    ]);
    for (term, counts) in [
        (say(language, "to the first token", "tot het eerste token"), &case.first_token_ms),
        (say(language, "to the end", "tot het einde"), &case.ms),
    ] {
        let at = |percent| percentile(counts, percent).map_or("–".to_owned(), |ms| number(ms, language));
        let cells: Vec<String> = [50, 90, 95, 99, 100].into_iter().map(at).collect();
        let row: Vec<&str> = std::iter::once(term).chain(cells.iter().map(String::as_str)).collect();
        page.row(&row);
    }
    page.end_table().raw("</div>");
}

fn in_force(page: &mut Page, case: &CaseMonth, language: Language) {
    page.within("<h3>", say(language, "In force", "Van kracht"), "</h3><dl>");
    let requests = say(language, "requests", "verzoeken");
    for ((id, sha256), count) in &case.models {
        let term = format!("{} {id}", say(language, "Model", "Model"));
        page.pair_code(&term, &format!("{sha256}\n{} {requests}", number(*count, language)));
    }
    for (sha256, (count, first, last)) in &case.policies {
        let span = format!(
            "{sha256}\n{} {requests}, {} – {}",
            number(*count, language),
            moment(*first),
            moment(*last)
        );
        page.pair_code(say(language, "Policy", "Beleid"), &span);
    }
    for (revision, count) in &case.revisions {
        let term = format!("{} {revision}", say(language, "Record, revision", "Dossier, versie"));
        page.pair(&term, &format!("{} {requests}", number(*count, language)));
    }
    page.raw("</dl>\n");
}
