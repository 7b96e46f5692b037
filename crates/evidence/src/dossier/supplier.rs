//! Who runs it, and on what footing its suppliers work.

use policy::{Contract, Document, Footing, Language, Processing, Supplier};

use crate::Subject;
use crate::html::Page;
use crate::words::{long_date, operator, say, service, supplier_fault, terms};

pub(super) fn section(page: &mut Page, subject: &Subject<'_>, language: Language) {
    let case = subject.case;
    page.within("<section><h2>", say(language, "Who runs it", "Wie het draait"), "</h2>\n");
    page.within("<p>", operator(case.operated_by, language), "</p>\n");
    if !case.suppliers.is_empty() {
        page.table(&[
            say(language, "Supplier", "Leverancier"),
            say(language, "Contract", "Contract"),
            say(language, "Personal data", "Persoonsgegevens"),
            say(language, "State", "Stand"),
        ]);
        for supplier in &case.suppliers {
            row(page, subject, supplier, language);
        }
        page.end_table();
    }
    page.raw("</section>\n");
}

fn row(page: &mut Page, subject: &Subject<'_>, supplier: &Supplier, language: Language) {
    page.within("<tr><td>", &supplier.name, "<p class=\"none\">");
    let named = supplier.service_named.as_deref();
    page.within("", named.unwrap_or(service(supplier.service, language)), "</p></td><td>");
    match &supplier.footing {
        Footing::Missing => {
            page.text(say(language, "none", "geen"));
        }
        Footing::Contract(contract) => self::contract(page, contract, language),
        Footing::Exception(exception) => {
            page.text(say(language, "none, by exception: ", "geen, bij uitzondering: "));
            page.text(&exception.motivation).text(" (").text(&exception.by).text(")");
            until(page, exception.until_ms, language);
        }
    }
    page.raw("</td><td>");
    match &supplier.processing {
        Processing::NotSaid => {
            page.text(say(language, "no processing agreement", "geen verwerkersovereenkomst"));
        }
        Processing::NoPersonalData(why) => {
            page.text(say(language, "comes near none: ", "komt er niet bij: ")).text(why);
        }
        Processing::Agreement { document, until_ms } => {
            page.text(say(language, "processing agreement", "verwerkersovereenkomst"));
            until(page, *until_ms, language);
            digest(page, document);
        }
    }
    page.raw("</td><td>");
    let states = states(subject, supplier, language);
    if states.is_empty() {
        page.within("<span class=\"good\">", say(language, "in force", "geldig"), "</span>");
    } else {
        page.within("<span class=\"bad\">", &states.join("; "), "</span>");
    }
    page.raw("</td></tr>\n");
}

fn contract(page: &mut Page, contract: &Contract, language: Language) {
    let named = contract.terms_named.as_deref();
    page.text(&contract.reference).text(", ").text(named.unwrap_or(terms(contract.terms, language)));
    page.within("<p>", &long_date(contract.from_ms, language), " – ");
    page.within("", &long_date(contract.until_ms, language), "</p>");
    digest(page, &contract.document);
}

fn until(page: &mut Page, ms: i64, language: Language) {
    page.within("<p>", say(language, "until ", "tot "), "").within("", &long_date(ms, language), "</p>");
}

fn digest(page: &mut Page, document: &Document) {
    page.within("<p><code>", &document.sha256, "</code></p>");
}

/// What stands in the way at the moment of the document; nothing where all holds.
fn states(subject: &Subject<'_>, supplier: &Supplier, language: Language) -> Vec<String> {
    let of_this = |finding: &&policy::SupplierFinding| {
        finding.supplier.as_deref() == Some(supplier.name.as_str()) && finding.counts(subject.case)
    };
    let findings = subject.suppliers.findings.iter().filter(of_this);
    let mut states: Vec<String> =
        findings.map(|finding| supplier_fault(finding.fault, language).to_owned()).collect();
    let now_ms = subject.made_ms;
    let mut add = |when: bool, english, dutch| {
        if when {
            states.push(say(language, english, dutch).to_owned());
        }
    };
    match &supplier.footing {
        Footing::Missing => {}
        Footing::Contract(contract) => {
            add(now_ms < contract.from_ms, "the contract has not begun", "het contract is nog niet ingegaan");
            add(now_ms >= contract.until_ms, "the contract has ended", "het contract is afgelopen");
        }
        Footing::Exception(exception) => {
            add(now_ms >= exception.until_ms, "the exception has ended", "de uitzondering is voorbij");
        }
    }
    if let Processing::Agreement { until_ms, .. } = &supplier.processing {
        let ended = now_ms >= *until_ms && subject.case.max_data_class > policy::DataClass::None;
        add(ended, "the processing agreement has ended", "de verwerkersovereenkomst is afgelopen");
    }
    states.dedup();
    states
}
