//! Answers are screened for what the prompt did not have, special categories are handled as the use case says, and a detector
//! that fails lets nothing through.

use std::collections::BTreeMap;

use gateway::AnswerEvent;
use provenance::Stage;
use testkit::{House, HouseBuilder, chat, collect, within};

use crate::denied;

const HEALTH: &str = "Mevrouw Willemijn de Vries heeft kanker.";

/// A pilot that looks for names, under the id `named`, with these changes besides.
fn named(house: HouseBuilder, id: &str, changes: &[(&str, &str)]) -> HouseBuilder {
    let profile = ("redaction_profile = \"default\"", "redaction_profile = \"named\"");
    house.pilot(id, &[&[profile], changes].concat())
}

fn action(action: &str) -> (&'static str, String) {
    ("special_category_action = \"refuse\"", format!("special_category_action = \"{action}\""))
}

fn counts(house: &House) -> BTreeMap<String, u32> {
    let screen = house.outcomes().pop().unwrap().facts.screen.unwrap();
    screen.counts.iter().map(|(kind, n)| (kind.as_str().to_owned(), *n)).collect()
}

#[tokio::test]
async fn names_of_the_models_own_making_are_masked_in_each_choice_and_counted() {
    let said = "De heer Piet Bakker belt u morgen. Zijn BSN is 123456782. Vraag naar Bakker.";
    let house = House::builder().profile("named", "names = true\n").saying(said);
    let house = named(house, "named", &[]).start().await;
    let caller = house.caller("named").await;
    let mut request = chat("Wie belt mij?");
    request.params.max_tokens = None;
    request.params.n = 2;
    let mut answer = house.gateway.generate(caller, request).await.unwrap();
    let mut texts = vec![String::new(); 2];
    while let Some(event) = within(answer.next()).await {
        if let AnswerEvent::Delta { choice, text } = event {
            texts[choice].push_str(&text);
            assert!(!texts[choice].contains("Bakker") && !texts[choice].contains("Piet"));
        }
    }
    let shown = "De heer ⟦PERSOON⟧ belt u morgen. Zijn BSN is ⟦BSN⟧. Vraag naar ⟦PERSOON⟧.";
    assert_eq!(texts, [shown, shown]);
    assert_eq!(counts(&house), BTreeMap::from([("bsn".to_owned(), 2), ("person".to_owned(), 4)]));
    house.stop_and_verify().await;
}

#[tokio::test]
async fn special_categories_are_refused_stripped_or_let_through() {
    let lax = "names = true\n[kinds.health]\naction = \"allow\"\n";
    let house = House::builder()
        .profile("named", lax)
        .saying("Zij heeft diabetes. Mevrouw Fatima el Amrani heeft diabetes.");
    let class = ("max_data_class = \"identifier\"", "max_data_class = \"special\"");
    let (key, strip) = action("strip");
    let (_, allow) = action("allow");
    let house = named(house, "refuses", &[class]);
    let house = named(house, "strips", &[(key, &strip)]);
    let house = named(house, "allows", &[(key, &allow), class]).start().await;

    let said = denied(house.gateway.generate(house.caller("refuses").await, chat(HEALTH)).await);
    assert_eq!(said.rule, "special-category-refused");
    let leaf = house.denials().pop().unwrap().request.decision;
    assert_eq!(leaf.special_categories.iter().map(|c| c.as_str()).collect::<Vec<_>>(), ["health"]);

    for (use_case, given, shown) in [
        ("strips", "Mevrouw ⟦PERSOON_1⟧ ⟦GEZONDHEID⟧.", "⟦GEZONDHEID⟧"),
        ("allows", "Mevrouw ⟦PERSOON_1⟧ heeft kanker.", "heeft diabetes"),
    ] {
        let mut request = chat(HEALTH);
        request.params.max_tokens = None;
        let answer = house.gateway.generate(house.caller(use_case).await, request).await.unwrap();
        let all = collect(answer).await;
        let prompt = house.tokenizer.decode(&house.generator.requests().pop().unwrap().prompt);
        assert!(prompt.contains(given), "{use_case}: {prompt}");
        assert!(all.texts[0].ends_with(&format!("Mevrouw ⟦PERSOON⟧ {shown}.")), "{}", all.texts[0]);
        let intent = house.intents().pop().unwrap().request;
        assert_eq!(intent.decision.special_categories.len(), 1, "the record says so either way");
        assert_eq!(intent.redaction.unwrap().counts.values().sum::<u32>(), 2);
        assert_eq!(counts(&house).contains_key("health"), use_case == "strips");
    }
    // What is refused in a question is not shown in an answer either, whatever the profile allows.
    let answer = house.gateway.generate(house.caller("refuses").await, {
        let mut request = chat("Wat heeft zij?");
        request.params.max_tokens = None;
        request
    });
    let all = collect(answer.await.unwrap()).await;
    assert!(all.texts[0].ends_with("Mevrouw ⟦PERSOON⟧ ⟦GEZONDHEID⟧."), "{}", all.texts[0]);
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_detector_that_reaches_a_limit_lets_nothing_through() {
    for limits in ["text_bytes_max = 16", "findings_max = 1"] {
        let house = House::builder()
            .profile("tight", &format!("[limits]\n{limits}\n"))
            .pilot("tight", &[("redaction_profile = \"default\"", "redaction_profile = \"tight\"")])
            .start()
            .await;
        let caller = house.caller("tight").await;
        let text = "BSN 111222333, rekening NL91ABNA0417164300";
        let said = denied(house.gateway.generate(caller, chat(text)).await);
        assert_eq!(said.rule, "redaction-failed", "{limits}");
        assert!(!said.remedy.contains("111222333"));
        let leaf = house.denials().pop().unwrap().request;
        assert_eq!(leaf.decision.stage, Stage::Redact);
        assert!(leaf.redaction.unwrap().failed);
        assert!(house.generator.requests().is_empty() && !house.leaves_text().contains("111222333"));
        house.stop_and_verify().await;
    }
}
