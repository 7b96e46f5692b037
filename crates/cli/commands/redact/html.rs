//! What was found as one page: no script, nothing fetched, every text escaped.

use std::collections::BTreeMap;

use redact::{Action, Explanation, Redactor};
use zeroize::Zeroizing;

use super::{Source, show};
use crate::args::Lang;

const STYLE: &str = "body{font:16px/1.6 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit;border:1px solid #bbb;border-radius:4px;padding:1rem}\
mark{border-radius:3px;padding:0 .2em;color:inherit;border-bottom:2px solid}\
mark small{font-size:.7em;margin-left:.3em}\
.pseudonymise{background:#dbe9ff;border-color:#154273}.generalise{background:#e4f5e1;border-color:#39870c}\
.mask{background:#ffe9c7;border-color:#a35b00}.refuse{background:#ffd6d6;border-color:#a80000}\
.allow{background:#f0f0f0;border-color:#696969}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ccc;vertical-align:top}\
.n{text-align:right}li{list-style:none;margin:.2rem 0}ul{padding:0}footer{font-size:.85em;color:#555;overflow-wrap:anywhere}";

/// The words of the page.
struct Words {
    lang: &'static str,
    title: &'static str,
    legend: &'static str,
    original: &'static str,
    stripped: &'static str,
    reasons: &'static str,
    heads: [&'static str; 5],
    left: &'static str,
    nothing: &'static str,
    warning: &'static str,
    detector: &'static str,
    actions: [(Action, &'static str); 5],
}

const DUTCH: Words = Words {
    lang: "nl",
    title: "Gevonden persoonsgegevens",
    legend: "Legenda",
    original: "De tekst, met wat gevonden is",
    stripped: "De tekst zoals het model die krijgt",
    reasons: "Waarom",
    heads: ["Plaats (tekens)", "Soort", "Score", "Wat ermee gebeurt", "Redenen"],
    left: "blijft staan: onder",
    nothing: "Er is niets gevonden.",
    warning: "Deze pagina bevat de oorspronkelijke tekst, met persoonsgegevens. Deel haar niet.",
    detector: "Herkenners en profiel, SHA-256",
    actions: [
        (Action::Pseudonymise, "vervangen door een genummerde aanduiding, die terug te zetten is"),
        (Action::Generalise, "vervangen door iets algemeners"),
        (Action::Mask, "vervangen door een aanduiding, onomkeerbaar"),
        (Action::Refuse, "het verzoek wordt geweigerd"),
        (Action::Allow, "toegestaan: blijft staan"),
    ],
};

const ENGLISH: Words = Words {
    lang: "en",
    title: "Personal data found",
    legend: "Legend",
    original: "The text, with what was found",
    stripped: "The text as the model gets it",
    reasons: "Why",
    heads: ["Place (characters)", "Kind", "Score", "What happens to it", "Reasons"],
    left: "left: below",
    nothing: "Nothing was found.",
    warning: "This page holds the original text, with personal data. Do not share it.",
    detector: "Recognizers and profile, SHA-256",
    actions: [
        (Action::Pseudonymise, "replaced by a numbered placeholder that can be restored"),
        (Action::Generalise, "replaced by something more general"),
        (Action::Mask, "replaced by a placeholder, irreversibly"),
        (Action::Refuse, "the request is denied"),
        (Action::Allow, "allowed: left in"),
    ],
};

/// The page; with `all`, candidates below their threshold too.
pub(super) fn page(
    redactor: &Redactor,
    sources: &[Source],
    explanation: &Explanation,
    all: bool,
    lang: Lang,
) -> Zeroizing<String> {
    let words = match lang {
        Lang::Nl => &DUTCH,
        Lang::En => &ENGLISH,
    };
    let mut out = Zeroizing::new(format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{}</title><style>{STYLE}</style></head><body>\n<h1>{}</h1>\n<p><strong>{}</strong></p>\n",
        words.lang, words.title, words.title, words.warning
    ));
    out.push_str(&format!("<h2>{}</h2><ul>", words.legend));
    for (action, said) in &words.actions {
        let id = action.id();
        out.push_str(&format!("<li><mark class=\"{id}\">{id}</mark> {said}</li>"));
    }
    out.push_str("</ul>\n");
    for (index, source) in sources.iter().enumerate() {
        if sources.len() > 1 {
            out.push_str(&format!("<h2>{}</h2>\n", escaped(&source.name).as_str()));
        }
        marked(&mut out, words, source, explanation, index);
        let text = explanation.texts.get(index).map(|text| text.as_str()).unwrap_or_default();
        out.push_str(&format!("<h3>{}</h3>\n<pre>{}</pre>\n", words.stripped, escaped(text).as_str()));
        table(&mut out, words, source, explanation, index, all);
    }
    let digest = hex::encode(redactor.digest());
    out.push_str(&format!("<footer>{}: {digest}</footer>\n</body></html>\n", words.detector));
    out
}

fn marked(out: &mut String, words: &Words, source: &Source, explanation: &Explanation, index: usize) {
    out.push_str(&format!("<h3>{}</h3>\n<pre>", words.original));
    let mut at = 0;
    for finding in show::of(&explanation.findings, index) {
        let start = finding.start.max(at);
        out.push_str(&escaped(source.text.get(at..start).unwrap_or_default()));
        if let Some(found) = source.text.get(start..finding.end).filter(|found| !found.is_empty()) {
            out.push_str(&format!(
                "<mark class=\"{}\" title=\"{}\">{}<small>{}</small></mark>",
                finding.action.id(),
                escaped(&show::sum(&finding.reasons)).as_str(),
                escaped(found).as_str(),
                escaped(finding.kind.id()).as_str(),
            ));
        }
        at = finding.end.max(at);
    }
    out.push_str(&escaped(source.text.get(at..).unwrap_or_default()));
    out.push_str("</pre>\n");
}

fn table(
    out: &mut String,
    words: &Words,
    source: &Source,
    explanation: &Explanation,
    index: usize,
    all: bool,
) {
    out.push_str(&format!("<h3>{}</h3>\n", words.reasons));
    let rows: Vec<_> =
        explanation.seen.iter().filter(|s| s.text_index == index && (all || s.action.is_some())).collect();
    if rows.is_empty() {
        out.push_str(&format!("<p>{}</p>\n", words.nothing));
        return;
    }
    let heads: String = words.heads.iter().map(|head| format!("<th scope=\"col\">{head}</th>")).collect();
    out.push_str(&format!("<table><thead><tr>{heads}</tr></thead><tbody>\n"));
    let places: BTreeMap<usize, usize> =
        show::characters(&source.text, rows.iter().flat_map(|seen| [seen.start, seen.end]));
    let at = |byte: usize| places.get(&byte).copied().unwrap_or_default();
    for seen in rows {
        let verdict = match seen.action {
            Some(action) => format!("<mark class=\"{0}\">{0}</mark>", action.id()),
            None => format!("{} {}", words.left, seen.threshold),
        };
        out.push_str(&format!(
            "<tr><td>{}–{}</td><td>{}</td><td class=\"n\">{}</td><td>{verdict}</td><td>{}</td></tr>\n",
            at(seen.start),
            at(seen.end),
            escaped(seen.kind.id()).as_str(),
            seen.score,
            escaped(&show::sum(&seen.reasons)).as_str(),
        ));
    }
    out.push_str("</tbody></table>\n");
}

/// Text as HTML, in an element or an attribute in double quotes.
fn escaped(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // A form feed or NUL is no character of HTML.
            c if c.is_control() && !matches!(c, '\n' | '\t' | '\r') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
