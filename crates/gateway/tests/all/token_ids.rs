//! Prompts that are token ids already: they are read like any text, and cannot be rewritten.

use gateway::{GenerationRequest, Input, Refusal};
use provenance::Stage;
use testkit::{House, chat, collect, complete};
use zeroize::Zeroizing;

use crate::denied;

const BSN: &str = "Mijn BSN is 111222333.";

fn tokens(house: &House, texts: &[&str]) -> GenerationRequest {
    let ids = |text: &&str| Zeroizing::new(house.tokenizer.encode(text).unwrap().to_vec());
    let mut request = complete(&[""]);
    request.input = Input::Tokens(texts.iter().map(ids).collect());
    request
}

#[tokio::test]
async fn token_ids_without_personal_data_go_on_as_they_are() {
    let house = House::new().await;
    let caller = house.caller("pilot").await;
    let texts = ["Een gewone zin.", "Typ ⟦BSN_1⟧."];
    let all = collect(house.gateway.generate(caller, tokens(&house, &texts)).await.unwrap()).await;
    assert!(all.receipt.is_some());
    for (request, text) in house.generator.requests().iter().zip(texts) {
        assert_eq!(*request.prompt, *house.tokenizer.encode(text).unwrap());
    }
    house.stop_and_verify().await;
}

#[tokio::test]
async fn personal_data_in_token_ids_is_refused_by_place() {
    let house = House::new().await;
    let caller = house.caller("pilot").await;
    for (texts, place) in [(vec![BSN], "/prompt holds"), (vec!["Dag.", BSN], "/prompt/1 holds")] {
        let said = denied(house.gateway.generate(caller.clone(), tokens(&house, &texts)).await);
        assert_eq!(said.rule, "personal-data-in-token-ids");
        assert!(said.remedy.starts_with(place) && !said.remedy.contains("111222333"), "{}", said.remedy);
        let leaf = house.denials().pop().unwrap().request;
        assert_eq!((leaf.decision.stage, leaf.redaction.unwrap().counts.len()), (Stage::Redact, 1));
    }
    // What cannot be told for certain is the rules' to refuse.
    let said = denied(house.gateway.generate(caller, tokens(&house, &["111222333"])).await);
    assert_eq!(said.rule, "findings-unresolved");
    assert!(house.generator.requests().is_empty());
    house.stop_and_verify().await;
}

#[tokio::test]
async fn ids_that_are_no_text_are_refused() {
    let house = House::new().await;
    let caller = house.caller("pilot").await;
    let control =
        (0..300).find(|&id| house.tokenizer.is_control(id) && house.tokenizer.bos() != Some(id)).unwrap();
    let beyond = u32::try_from(house.tokenizer.vocab_len()).unwrap();
    for id in [control, beyond, u32::MAX] {
        let mut request = tokens(&house, &["Dag."]);
        request.input = Input::Tokens(vec![Zeroizing::new(vec![100, id])]);
        let Err(Refusal::Invalid { field, .. }) = house.gateway.generate(caller.clone(), request).await
        else {
            panic!("token {id} passed");
        };
        assert_eq!(field, "prompt");
        let leaf = house.denials().pop().unwrap().request.decision;
        assert_eq!(leaf.rule.unwrap().as_str(), "token-ids-unusable");
    }
    assert!(house.generator.requests().is_empty());
}

#[tokio::test]
async fn a_profile_for_public_benchmarks_lets_them_pass_and_the_record_counts() {
    let house = House::builder()
        .profile("benchmark", "public_benchmark = true\n")
        .pilot("suite", &[("redaction_profile = \"default\"", "redaction_profile = \"benchmark\"")])
        .saying("BSN 111222333 en ⟦BSN_1⟧")
        .start()
        .await;
    let caller = house.caller("suite").await;
    let mut request = tokens(&house, &[BSN, "111222333"]);
    request.params.max_tokens = None;
    let all = collect(house.gateway.generate(caller.clone(), request).await.unwrap()).await;
    assert_eq!(
        all.texts[0], "BSN 111222333 en ⟦BSN_1⟧",
        "what was given may be said; no token stands for it"
    );
    let redaction = house.intents().pop().unwrap().request.redaction.unwrap();
    assert_eq!((redaction.counts.len(), redaction.unresolved), (1, 1));
    // Text is rewritten as ever.
    collect(house.gateway.generate(caller, chat(BSN)).await.unwrap()).await;
    let prompt = house.generator.requests().pop().unwrap().prompt;
    assert!(!house.tokenizer.decode(&prompt).contains("111222333"));
    house.stop_and_verify().await;
}
