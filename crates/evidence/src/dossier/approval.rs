//! What was assessed, advised and decided, by whom, and whether it holds.

use policy::{Act, Assessment, Language, Signed, Statement};

use crate::html::Page;
use crate::words::{check, condition_state, fault, long_date, role, say, status, verdict};
use crate::{ConditionState, Subject};

pub(super) fn sections(page: &mut Page, subject: &Subject<'_>, language: Language) {
    assessments(page, subject, language);
    signatures(page, subject, language);
    conditions(page, subject, language);
    history(page, subject, language);
}

fn assessments(page: &mut Page, subject: &Subject<'_>, language: Language) {
    page.within("<section><h2>", say(language, "Assessments", "Toetsen"), "</h2>\n");
    page.table(&[
        say(language, "Assessment", "Toets"),
        say(language, "Done", "Gedaan"),
        say(language, "Review by", "Herzien voor"),
        say(language, "State", "Stand"),
    ]);
    let evidence = &subject.case.evidence;
    for (name, assessment) in [("DPIA", &evidence.dpia), ("IAMA", &evidence.iama)] {
        match assessment {
            Some(assessment) => assessment_row(page, subject, name, assessment, language),
            None => {
                page.raw("<tr>").within("<td>", name, "</td><td></td><td></td>");
                page.within(
                    "<td><span class=\"bad\">",
                    say(language, "missing", "ontbreekt"),
                    "</span></td></tr>\n",
                );
            }
        }
    }
    page.end_table().raw("</section>\n");
}

fn assessment_row(
    page: &mut Page,
    subject: &Subject<'_>,
    name: &str,
    assessment: &Assessment,
    language: Language,
) {
    page.raw("<tr>").within("<td>", name, " ").within("<p><code>", &assessment.sha256, "</code></p></td>");
    page.within("<td>", &long_date(assessment.date_ms, language), "</td>");
    page.within("<td>", &long_date(assessment.review_by_ms, language), "</td>");
    if assessment.review_by_ms > subject.made_ms {
        page.within("<td><span class=\"good\">", say(language, "in time", "op tijd"), "</span></td></tr>\n");
    } else {
        page.within(
            "<td><span class=\"bad\">",
            say(language, "due for review", "aan herziening toe"),
            "</span></td></tr>\n",
        );
    }
}

fn signatures(page: &mut Page, subject: &Subject<'_>, language: Language) {
    page.within("<section><h2>", say(language, "Advice and decision", "Advies en besluit"), "</h2>\n");
    let intro = say(
        language,
        "The CIO and the data-protection officer (FG) advise; the owner decides.",
        "De CIO en de functionaris gegevensbescherming (FG) adviseren; de eigenaar besluit.",
    );
    page.within("<p class=\"none\">", intro, "</p>\n");
    if subject.signed.is_empty() {
        page.within(
            "<p class=\"none\">",
            say(language, "Nothing was signed.", "Er is niets ondertekend."),
            "</p>",
        );
    } else {
        page.table(&[
            say(language, "As", "Als"),
            say(language, "Says", "Zegt"),
            say(language, "Signed by", "Ondertekend door"),
            say(language, "On, until", "Op, tot"),
            say(language, "State", "Stand"),
        ]);
        for signed in &subject.signed {
            signature_row(page, subject, signed, language);
        }
        page.end_table();
    }
    // What belongs to no signature above: the roster, or a signature that is not genuine.
    for finding in &subject.approvals.findings {
        if !subject.signed.iter().any(|signed| path(subject, signed) == finding.path) {
            page.raw("<p class=\"bad mark\">").within("<code>", &finding.path, "</code> ");
            page.text(fault(finding, language)).raw("</p>\n");
        }
    }
    page.raw("</section>\n");
}

fn path(subject: &Subject<'_>, signed: &Signed<Statement>) -> String {
    format!("use-cases/{}.signatures/{}", subject.case.id, signed.statement.file_name())
}

fn signature_row(page: &mut Page, subject: &Subject<'_>, signed: &Signed<Statement>, language: Language) {
    let statement = &signed.statement;
    page.raw("<tr>").within("<td>", role(statement.role, language), "</td>");
    page.within("<td>", &said(statement, language), "");
    if let Act::Decision(decision) = &statement.act {
        for (whom, why) in &decision.deviations {
            let intro = format!("{} {whom}: ", say(language, "Deviates from", "Wijkt af van"));
            page.within("<p>", &intro, "").text(why).raw("</p>");
        }
    }
    page.raw("</td>");
    let person = subject.people.iter().find(|(key, _)| *key == signed.key);
    match person {
        Some((_, person)) => page.within("<td>", person, "</td>"),
        None => page.within(
            "<td><span class=\"bad\">",
            say(language, "not in the roster", "niet in het rooster"),
            "</span></td>",
        ),
    };
    let dates = [statement.date.0, statement.expires.0].map(|ms| long_date(ms, language));
    page.within("<td>", &dates.join(" – "), "</td><td>");
    let void: Vec<&str> = subject
        .approvals
        .findings
        .iter()
        .filter(|finding| finding.path == path(subject, signed))
        .map(|finding| fault(finding, language))
        .collect();
    if !void.is_empty() {
        page.within("<span class=\"bad\">", say(language, "void", "nietig"), "</span>");
        page.within("<p>", &void.join("; "), "</p>");
    } else if subject.approvals.roster.is_none() {
        page.within("<span class=\"none\">", say(language, "not judged", "niet beoordeeld"), "</span>");
    } else if statement.expires.0 <= subject.made_ms {
        page.within("<span class=\"bad\">", say(language, "expired", "verlopen"), "</span>");
    } else {
        page.within("<span class=\"good\">", say(language, "holds", "geldt"), "</span>");
    }
    page.raw("</td></tr>\n");
}

fn said(statement: &Statement, language: Language) -> String {
    match &statement.act {
        Act::Advice(advice) => {
            format!("{}: {}", say(language, "Advice", "Advies"), verdict(advice.verdict, language))
        }
        Act::Decision(decision) => format!(
            "{} {}: {} → {}",
            say(language, "Decision", "Besluit"),
            decision.number,
            status(decision.from, language),
            status(decision.to, language)
        ),
        Act::Fulfilment(met) => {
            format!("{}: {}", say(language, "Condition is met", "Aan voorwaarde voldaan"), met.condition)
        }
    }
}

fn conditions(page: &mut Page, subject: &Subject<'_>, language: Language) {
    let conditions = subject.conditions();
    if conditions.is_empty() {
        return;
    }
    page.within("<section><h2>", say(language, "Conditions", "Voorwaarden"), "</h2>\n");
    page.table(&[
        say(language, "Of", "Van"),
        say(language, "Condition", "Voorwaarde"),
        say(language, "State", "Stand"),
    ]);
    for condition in &conditions {
        page.raw("<tr>").within("<td>", role(condition.role, language), "</td>");
        let asks = match (condition.check, condition.text) {
            (Some(asked), _) => check(asked, language),
            (None, text) => text.unwrap_or_default(),
        };
        page.within("<td>", asks, " ").within("<p><code>", condition.id, "</code></p></td><td>");
        match condition.state {
            ConditionState::Open => page.raw("<span class=\"bad\">"),
            ConditionState::NotJudged => page.raw("<span class=\"none\">"),
            _ => page.raw("<span class=\"good\">"),
        };
        page.text(condition_state(condition.state, language)).raw("</span></td></tr>\n");
    }
    page.end_table().raw("</section>\n");
}

fn history(page: &mut Page, subject: &Subject<'_>, language: Language) {
    let steps = subject.steps();
    if steps.is_empty() {
        return;
    }
    page.within("<section><h2>", say(language, "History", "Verloop"), "</h2>\n");
    page.table(&[
        say(language, "No.", "Nr."),
        say(language, "On", "Op"),
        say(language, "From", "Van"),
        say(language, "To", "Naar"),
        say(language, "By", "Door"),
    ]);
    for step in &steps {
        page.row(&[
            &step.number.to_string(),
            &long_date(step.date_ms, language),
            status(step.from, language),
            status(step.to, language),
            step.by.unwrap_or("–"),
        ]);
    }
    page.end_table().raw("</section>\n");
}
