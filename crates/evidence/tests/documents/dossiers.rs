//! The dossier: complete, in both languages, and no text becomes markup.

use evidence::dossier;
use policy::{Language, PolicyFiles};
use proptest::prelude::*;

use crate::house::{ACCOUNTABILITY, House, PURPOSE, objections, record, unsigned};

/// The page without its style and the list of rules, which belong to others.
fn body(page: &str, digest: &str) -> String {
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let (before, rest) = rest.split_once("<table class=\"rules\">").unwrap();
    let (_, after) = rest.split_once("</table>").unwrap();
    // The folder's digest changes with every rule.
    format!("{head}{before}{after}").replace(digest, "…")
}

#[test]
fn a_dossier_tells_everything_in_both_languages() {
    let house = objections();
    let subject = house.subject("bezwaren");
    let digest = hex::encode(subject.policy_sha256);
    insta::assert_snapshot!("dossier_nl", body(&dossier(&subject, Language::Dutch), &digest));
    insta::assert_snapshot!("dossier_en", body(&dossier(&subject, Language::English), &digest));
    let page = dossier(&subject, Language::Dutch);
    assert!(subject.rules.len() > 20 && subject.rules.iter().all(|reason| page.contains(&reason.rule)));
}

#[test]
fn a_dossier_stands_alone() {
    let page = dossier(&objections().subject("bezwaren"), Language::English);
    for outside in ["<script", "<link", "<img", "url(", "@import", "src=", "href="] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'") && page.contains("@media print"));
}

#[test]
fn what_is_missing_is_told_with_its_remedy() {
    let house = unsigned("bezwaren", &record("bezwaren", "Titel", "Doel.", ""));
    let page = dossier(&house.subject("bezwaren"), Language::Dutch);
    for told in [
        "draait nu niet",
        "evidence-cio-advice-missing",
        "Er is geen geldig advies van de CIO.",
        "record-alternatives-missing",
        "accountability.contact_email",
        "Er is niets ondertekend.",
        "niet beantwoord",
    ] {
        assert!(page.contains(told), "{told}");
    }
}

#[test]
fn why_a_signature_is_void_is_told_in_the_language_of_the_page() {
    let text = record("bezwaren", "Beslissingen op bezwaar opstellen", PURPOSE, ACCOUNTABILITY);
    let files = objections().files;
    let changed = files.iter().map(|(path, own)| match path {
        "use-cases/bezwaren.toml" => {
            (path, text.replace("tokens_per_request = 4096", "tokens_per_request = 4097"))
        }
        _ => (path, own.to_owned()),
    });
    let house = crate::house::of(PolicyFiles::from_entries(changed).unwrap());
    let subject = house.subject("bezwaren");
    let (dutch, english) = (dossier(&subject, Language::Dutch), dossier(&subject, Language::English));
    assert!(dutch.contains("nietig") && dutch.contains("het dossier is niet wat is ondertekend"));
    assert!(!dutch.contains("not what was signed"));
    assert!(english.contains("void") && english.contains("the record is not what was signed"));
}

/// Names of all tags of a page; a text that became markup would add one.
fn tags(page: &str) -> Vec<String> {
    page.split('<').skip(1).map(|rest| rest.split(['>', ' ']).next().unwrap().to_owned()).collect()
}

fn with(text: &str) -> House {
    let quoted = toml::Value::String(text.to_owned()).to_string();
    let accountability = format!(
        "[accountability]\nalternatives = {quoted}\nproportionality = {quoted}\nhuman_oversight = {quoted}\n\
         retention = {quoted}\nexit_plan = {quoted}\ncontact_email = {quoted}\n\
         affected_groups = [{quoted}]\ndata_categories = [{quoted}]\n"
    );
    unsigned("bezwaren", &record("bezwaren", text, text, &accountability))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_text_becomes_markup(
        text in prop_oneof![
            "[a-z]{1,9}(</?(script|style|title|p)>|\"|'|<!--|-->|&[a-z]{1,4};|\\]\\]>){1,6}",
            "\\PC{1,60}x",
        ]
    ) {
        let plain = with("gewone tekst");
        let house = with(&text);
        for language in [Language::Dutch, Language::English] {
            let expected = tags(&dossier(&plain.subject("bezwaren"), language));
            let page = dossier(&house.subject("bezwaren"), language);
            prop_assert_eq!(tags(&page), expected);
            // Attributes are the program's own: quotation marks come in pairs in each tag.
            prop_assert!(page.split('<').skip(1).all(|rest| rest.split('>').next().unwrap().matches('"').count() % 2 == 0));
        }
    }
}

#[test]
fn a_deviation_with_markup_stays_text() {
    let house = objections();
    let page = dossier(&house.subject("bezwaren"), Language::Dutch);
    assert!(page.contains("begint &lt;na&gt; de zomer &amp; &lt;script&gt;."));
}
