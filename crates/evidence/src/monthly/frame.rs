//! What stands around the use cases: whose log it is, what it does not know, and how long it is kept.

use policy::Language;

use super::{Month, moment, pruned};
use crate::html::Page;
use crate::words::{iso_date, long_date, number, say};

pub(super) fn head(page: &mut Page, month: &Month, title: &str, language: Language) {
    page.raw("<header>").within("<p class=\"over\">", &month.log.origin, "</p>");
    page.within("<h1>", title, "</h1>").raw("<p class=\"marks\">");
    page.within(
        "<span class=\"mark good\">",
        say(language, "the log verifies", "het logboek klopt"),
        "</span>",
    );
    if let Some(id) = &month.only {
        page.raw("<span class=\"mark\">").text(say(language, "only ", "alleen ")).text(id).raw("</span>");
    }
    page.within("<span class=\"mark\">", &long_date(month.made_ms, language), "</span></p></header>\n");
    if let Some((from, to)) = pruned(month) {
        let says = say(
            language,
            "Leaves of this month were pruned, so this page counts only what is left of it. Pruned:",
            "Regels van deze maand zijn opgeschoond; deze pagina telt alleen wat ervan over is. Opgeschoond:",
        );
        page.within("<p class=\"bad\">", &format!("{says} {} – {}.", iso_date(from), iso_date(to)), "</p>");
    } else if month.cases.is_empty() {
        page.within(
            "<p>",
            say(
                language,
                "The log has no requests in this month.",
                "Het logboek heeft geen verzoeken in deze maand.",
            ),
            "</p>",
        );
    }
}

/// Who was refused before anybody knew for which use case.
pub(super) fn strangers(page: &mut Page, month: &Month, language: Language) {
    if month.strangers.is_empty() {
        return;
    }
    page.within("<section><h2>", say(language, "Not recognised", "Niet herkend"), "</h2><dl>\n");
    for (why, count) in &month.strangers {
        page.pair_code(why, &number(*count, language));
    }
    page.raw("</dl></section>\n");
}

pub(super) fn unknown(page: &mut Page, month: &Month, language: Language) {
    let heading = say(language, "What the log does not know", "Wat het logboek niet weet");
    page.within("<section><h2>", heading, "</h2>\n<ul>");
    for (english, dutch) in [
        (
            "What was asked and answered: of texts it holds counts and keyed commitments.",
            "Wat er gevraagd en geantwoord is: van teksten bevat het tellingen en waarden onder een sleutel.",
        ),
        (
            "Who the users were, and how many: they are pseudonyms that change with their key, every 30 days.",
            "Wie de gebruikers waren en hoeveel: het zijn pseudoniemen die met hun sleutel wisselen, elke 30 dagen.",
        ),
        (
            "Personal data that redaction did not find.",
            "Persoonsgegevens die het weglakken niet heeft gevonden.",
        ),
        (
            "Whether answers were right, and what was done with them.",
            "Of antwoorden klopten, en wat ermee is gedaan.",
        ),
        (
            "The time before a request was let in: milliseconds count from there. Denials have no duration.",
            "De tijd voordat een verzoek werd toegelaten: milliseconden tellen vanaf daar. Weigeringen hebben geen duur.",
        ),
        (
            "Energy where no meter was read, the making of the machine and of the model, and cooling.",
            "Energie waar geen meter was, het maken van machine en model, en koeling.",
        ),
        (
            "What helped then: remedies are those of the policy as it is now.",
            "Wat toen hielp: de adviezen bij regels zijn die van het beleid van nu.",
        ),
    ] {
        page.within("<li>", say(language, english, dutch), "</li>");
    }
    let open: u64 = month.cases.values().map(|case| case.unfinished).sum();
    if open > 0 {
        let text = say(
            language,
            "requests have no outcome yet; their answers are not counted.",
            "verzoeken hebben nog geen uitkomst; hun antwoorden zijn niet geteld.",
        );
        page.raw("<li>").text(&number(open, language)).raw(" ").text(text).raw("</li>");
    }
    page.raw("</ul></section>\n");
}

/// The AI Act, articles 12, 19 and 26(6).
pub(super) fn kept(page: &mut Page, month: &Month, language: Language) {
    page.within(
        "<section><h2>",
        say(language, "How long it is kept", "Hoe lang het bewaard blijft"),
        "</h2>\n",
    );
    page.within(
        "<p>",
        say(
            language,
            "The AI Act asks of high-risk systems that events are recorded (art. 12) and that logs are kept for at least six \
             months by provider and deployer (art. 19 and 26, paragraph 6). This program records every request, and removes leaves \
             only when it is told to, by whole periods, and none younger than six months unless that is waived; the log then \
             says so. When, and longer terms of the law on archives, are for the organisation to decide.",
            "De AI-verordening vraagt van systemen met een hoog risico dat gebeurtenissen worden vastgelegd (art. 12) en dat \
             aanbieder en gebruiksverantwoordelijke logs minstens zes maanden bewaren (art. 19 en 26, lid 6). Dit programma \
             legt elk verzoek vast en verwijdert regels alleen op bevel, per hele periode, en geen jonger dan zes maanden tenzij \
             daarvan wordt afgezien; het logboek vermeldt dat dan. Wanneer, en langere termijnen uit de Archiefwet, zijn aan \
             de organisatie.",
        ),
        "</p>",
    );
    if let (Some(first), Some(last)) = (month.log.first_ms, month.log.last_ms) {
        let days = u64::try_from(last.saturating_sub(first) / 86_400_000).unwrap_or(0);
        let of = say(language, "days", "dagen");
        let span = format!("{} – {} ({} {of})", iso_date(first), iso_date(last), number(days, language));
        page.raw("<dl>").pair(say(language, "In the log", "In het logboek"), &span);
        if let Some((from, to)) = month.log.pruned_ms {
            let span = format!("{} – {}", iso_date(from), iso_date(to));
            page.pair(say(language, "Pruned", "Opgeschoond"), &span);
        }
        page.raw("</dl>");
    }
    page.raw("</section>\n");
}

pub(super) fn foot(page: &mut Page, month: &Month, language: Language) {
    page.raw("<footer><dl>");
    page.pair_code(say(language, "Root", "Wortel"), &month.log.root);
    page.pair(
        say(language, "Signed leaves", "Ondertekende regels"),
        &number(month.log.signed_leaves, language),
    );
    page.pair(say(language, "Made", "Gemaakt"), &moment(month.made_ms));
    page.raw("</dl>").within(
        "<p>",
        say(
            language,
            "Every figure is counted from leaves that a signed checkpoint covers, in UTC; days are those on which requests came \
             in. The page proves nothing itself: proeftuin log verify does.",
            "Elk getal is geteld uit regels onder een ondertekend controlepunt, in UTC; dagen zijn die waarop verzoeken \
             binnenkwamen. De pagina bewijst zelf niets: proeftuin log verify doet dat.",
        ),
        "</p></footer>\n",
    );
}
