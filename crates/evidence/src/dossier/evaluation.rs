//! Which evaluations of its models the use case demands, and what became of each.

use policy::{Evaluated, EvaluationFault, Language, Status};

use crate::Subject;
use crate::html::Page;
use crate::words::{long_date, say};

pub(super) fn section(page: &mut Page, subject: &Subject<'_>, language: Language) {
    page.within("<section><h2>", say(language, "Evaluations", "Evaluaties"), "</h2>\n");
    if subject.evaluations.evaluated.is_empty() {
        let none = say(
            language,
            "The record demands no evaluation of its models.",
            "Het dossier vraagt geen evaluatie van de modellen.",
        );
        page.within("<p class=\"none\">", none, "</p></section>\n");
        return;
    }
    page.table(&[
        say(language, "Suite", "Suite"),
        say(language, "Model", "Model"),
        say(language, "Signed by", "Ondertekend door"),
        say(language, "On, until", "Op, tot"),
        say(language, "State", "Stand"),
    ]);
    for evaluated in &subject.evaluations.evaluated {
        row(page, subject, evaluated, language);
    }
    page.end_table().raw("</section>\n");
}

fn row(page: &mut Page, subject: &Subject<'_>, evaluated: &Evaluated, language: Language) {
    page.raw("<tr>").within("<td>", &evaluated.demand.suite, "");
    if evaluated.demand.needed_for == Status::Accepted {
        let when = say(language, "needed once it is accepted", "nodig zodra zij is aanvaard");
        page.within("<p>", when, "</p>");
    }
    if let Some(sha256) = &evaluated.report_sha256 {
        page.within("<p><code>", sha256, "</code></p>");
    }
    page.within("</td><td>", &evaluated.model, "</td>");
    page.within("<td>", evaluated.by.as_deref().unwrap_or("–"), "</td><td>");
    if let (Some(signed), Some(until)) = (evaluated.signed_ms, ends_ms(evaluated)) {
        page.text(&format!("{}, {}", long_date(signed, language), long_date(until, language)));
    }
    let state = state(evaluated, subject.made_ms, language);
    let class = if state.good { "<span class=\"good\">" } else { "<span class=\"bad\">" };
    page.raw("</td><td>").raw(class).text(state.text).raw("</span></td></tr>\n");
}

/// From when it counts no longer, by its evaluator or by the record.
pub(crate) fn ends_ms(evaluated: &Evaluated) -> Option<i64> {
    evaluated.expires_ms.into_iter().chain(evaluated.too_old_ms).min()
}

/// Whether it holds, in words.
pub(crate) struct State {
    pub(crate) good: bool,
    pub(crate) text: &'static str,
}

/// What became of an evaluation, at `now_ms`.
pub(crate) fn state(evaluated: &Evaluated, now_ms: i64, language: Language) -> State {
    if let Some((fault, _)) = evaluated.faults.first() {
        return State { good: false, text: told(*fault, language) };
    }
    let bad = |text| State { good: false, text };
    if evaluated.signed_ms.is_some_and(|signed| signed > now_ms) {
        bad(say(language, "dated ahead", "draagt een datum die nog moet komen"))
    } else if evaluated.expires_ms.is_some_and(|end| end <= now_ms) {
        bad(say(language, "expired", "verlopen"))
    } else if evaluated.too_old_ms.is_some_and(|end| end <= now_ms) {
        bad(say(language, "older than the record allows", "ouder dan het dossier toestaat"))
    } else {
        State { good: true, text: say(language, "holds", "geldt") }
    }
}

fn told(fault: EvaluationFault, language: Language) -> &'static str {
    match fault {
        EvaluationFault::Missing => say(language, "missing", "ontbreekt"),
        EvaluationFault::NotGenuine => {
            say(language, "the signature does not verify", "de handtekening klopt niet")
        }
        EvaluationFault::NotByEvaluator => {
            say(language, "not signed by an evaluator", "niet door een evaluator ondertekend")
        }
        EvaluationFault::OtherSuite => {
            say(language, "of another version of the suite", "van een andere versie van de suite")
        }
        EvaluationFault::OtherModel => say(language, "about other files", "over andere bestanden"),
        EvaluationFault::OtherGate => {
            say(language, "made under other rules or redaction", "gedaan onder andere regels of redactie")
        }
        EvaluationFault::BelowThreshold => {
            say(language, "does not meet a threshold", "haalt een drempel niet")
        }
        EvaluationFault::ByOwner => {
            say(language, "signed by the owner who decides", "ondertekend door de eigenaar die besluit")
        }
        _ => say(language, "does not hold", "geldt niet"),
    }
}
