//! The register entry and the cards: valid, true, and refused by the name of the key where something lacks.

use evidence::{
    Answers, AssessmentKind, PublicationCategory, assessment_card, model_card, register_entry, system_card,
};
use policy::Language;
use serde_json::Value;

use crate::house::{ACCOUNTABILITY, ANSWERS, PURPOSE, objections, record, signed, unsigned};
use crate::schema::{Schemas, register_violations, violations};

/// An official schema, or `None` after saying that it is absent.
fn official(name: &str) -> Option<Value> {
    let path = testkit::shared_dir()?.join("data/schemas").join(name);
    Some(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_register_entry_says_what_the_record_says() {
    let house = objections();
    let entry = register_entry(&house.subject("bezwaren"), PublicationCategory::Impactful).unwrap();
    insta::assert_snapshot!("register", entry);
    let Some(standard) = official("algoritmeregister-v1_0.json") else { return };
    assert_eq!(register_violations(&standard, &parsed(&entry)), Vec::<String>::new());
}

#[test]
fn what_the_register_needs_is_asked_by_its_key() {
    let without = ACCOUNTABILITY.replace("algoritmes@noorderhaaks.example", " ");
    let house = unsigned("bezwaren", &record("bezwaren", "Titel", PURPOSE, &without));
    let entry = |house: &crate::house::House| {
        register_entry(&house.subject("bezwaren"), PublicationCategory::Other)
            .map_err(|error| error.to_string())
    };
    let said = entry(&house).unwrap_err();
    assert_eq!(
        said,
        "use-cases/bezwaren.toml: fill in accountability.contact_email; the Algoritmeregister needs it"
    );
    let house = unsigned("bezwaren", &record("bezwaren", &"t".repeat(101), PURPOSE, ACCOUNTABILITY));
    assert!(entry(&house).unwrap_err().contains("title makes 101 characters"));
    let house = unsigned("bezwaren", &record("bezwaren", "Titel", &"p".repeat(401), ACCOUNTABILITY));
    assert!(entry(&house).unwrap_err().contains("purpose makes 401 characters"));
}

#[test]
fn a_long_purpose_is_cut_after_a_sentence() {
    let purpose = format!("Een zin. {} Einde.", "Nog een zin.".repeat(40));
    let house = unsigned("bezwaren", &record("bezwaren", "Titel", &purpose, ACCOUNTABILITY));
    let entry = parsed(&register_entry(&house.subject("bezwaren"), PublicationCategory::Other).unwrap());
    let short = entry["description_short"].as_str().unwrap();
    assert!(short.ends_with("zin.") && short.len() > 380 && short.len() <= 400, "{short}");
    assert_eq!(entry["goal"].as_str().unwrap().matches("Nog een zin.").count(), 40);
    assert!(entry.get("begin_date").is_none(), "nobody decided that it begins: {entry}");
}

#[test]
fn markup_in_a_record_is_text_in_the_register() {
    let purpose = "Doel <script>alert(1)</script> & meer";
    let house = signed("bezwaren", &record("bezwaren", "Titel", purpose, ACCOUNTABILITY));
    let entry = register_entry(&house.subject("bezwaren"), PublicationCategory::Other).unwrap();
    assert!(
        parsed(&entry)["goal"].as_str().unwrap().contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; meer")
    );
    let Some(standard) = official("algoritmeregister-v1_0.json") else { return };
    let mut entry = parsed(&entry);
    // A field that takes no markup is shown as text, so there it stays as it is.
    entry["description_short"] = "…".into();
    assert_eq!(register_violations(&standard, &entry), Vec::<String>::new());
}

#[test]
fn cards_say_what_is_known() {
    let house = objections();
    let subject = house.subject("bezwaren");
    let answers = Answers::parse(ANSWERS).unwrap();
    // The folder's digest changes with every rule.
    let digest = hex::encode(subject.policy_sha256);
    insta::assert_snapshot!("system", system_card(&subject, Language::English).replace(&digest, "…"));
    insta::assert_snapshot!("model", model_card(&subject, "open-model").unwrap());
    let assessment =
        assessment_card(&subject, AssessmentKind::Dpia, Some(&answers), Language::Dutch).unwrap();
    insta::assert_snapshot!("assessment", assessment);
    assert!(!assessment.contains("Ersoon"), "a card names no authors");
}

#[test]
fn cards_are_valid() {
    let cards = ["systemcard", "modelcard", "assessmentcard"];
    let found = cards.map(|name| official(&format!("reporting-standard-{name}.schema.json")));
    let [Some(system), Some(model), Some(assessment)] = found else { return };
    let schemas = Schemas::from([
        ("modelcard_schema.json", model.clone()),
        ("assessmentcard_schema.json", assessment.clone()),
    ]);
    let none = Vec::<String>::new();
    let house = objections();
    let bare = unsigned("bezwaren", &record("bezwaren", "Titel", PURPOSE, ""));
    let answers = Answers::parse(ANSWERS).unwrap();
    for subject in [house.subject("bezwaren"), bare.subject("bezwaren")] {
        for language in [Language::Dutch, Language::English] {
            let card = parsed(&system_card(&subject, language));
            assert_eq!(violations(&system, &card, &schemas), none);
            assert_eq!(card["assessments"].as_array().unwrap().len(), 2);
            for answers in [None, Some(&answers)] {
                let card = assessment_card(&subject, AssessmentKind::Dpia, answers, language).unwrap();
                assert_eq!(violations(&assessment, &parsed(&card), &schemas), none);
            }
        }
        let card = parsed(&model_card(&subject, "open-model").unwrap());
        assert_eq!(violations(&model, &card, &schemas), none);
    }
}

#[test]
fn a_card_of_what_is_not_there_is_refused() {
    let house = objections();
    let subject = house.subject("bezwaren");
    assert!(
        model_card(&subject, "another").unwrap_err().to_string().contains("not one that the use case names")
    );
    let other = Answers::parse(&ANSWERS.replace("Jaarlijks", "Nooit")).unwrap();
    let error = assessment_card(&subject, AssessmentKind::Dpia, Some(&other), Language::Dutch).unwrap_err();
    assert!(error.to_string().contains("evidence.dpia in the record names"), "{error}");
    let text = record("bezwaren", "Titel", PURPOSE, "");
    let text: String =
        text.lines().filter(|line| !line.starts_with("iama")).map(|line| format!("{line}\n")).collect();
    let house = unsigned("bezwaren", &text);
    let error =
        assessment_card(&house.subject("bezwaren"), AssessmentKind::Iama, None, Language::Dutch).unwrap_err();
    assert_eq!(error.to_string(), "use-cases/bezwaren.toml has no [evidence.iama]; do the assessment first");
    for wrong in ["", "{}", "[]", r#"{"metadata": {"urn": 1}, "answers": {}}"#] {
        assert!(Answers::parse(wrong).is_err(), "{wrong}");
    }
}
