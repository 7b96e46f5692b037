//! Answers that are held to something: on the tiny model for real, and from a script for what is masked and restored.

use engine::FinishReason;
use gateway::{Constrained, Constraint, Finish, GenerationRequest, Refusal};
use serde_json::{Value, json};
use testkit::{Act, House, ScriptedGenerate, chat, collect, complete};

fn held(mut request: GenerationRequest, constraint: Constraint) -> GenerationRequest {
    request.constraint = Some(Constrained { field: "response_format", constraint });
    request.params.max_tokens = Some(64);
    request
}

async fn answer(house: &House, request: GenerationRequest) -> testkit::Collected {
    let caller = house.caller("pilot").await;
    collect(house.gateway.generate(caller, request).await.unwrap()).await
}

#[tokio::test]
async fn every_choice_of_every_prompt_is_held() {
    let house = House::new().await;
    let mut request =
        held(complete(&["Ja of nee?", "En nu?"]), Constraint::Regex("(ja|nee), [0-9]{3}".into()));
    request.params.n = 3;
    request.params.temperature = Some(1.5);
    request.params.presence_penalty = Some(1.0);
    request.params.logit_bias = vec![(40, 100.0)];
    let collected = answer(&house, request).await;
    assert_eq!(collected.texts.len(), 6);
    for (text, finish) in collected.texts.iter().zip(&collected.finishes) {
        let digits =
            text.strip_prefix("ja, ").or(text.strip_prefix("nee, ")).unwrap_or_else(|| panic!("{text}"));
        assert!(digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit()), "{text}");
        assert_eq!(*finish, Some(Finish::Stop));
    }
    assert!(collected.receipt.is_some());
    house.stop_and_verify().await;
}

#[tokio::test]
async fn an_answer_fits_its_schema_or_ends_by_its_length() {
    let house = House::new().await;
    let schema = json!({"type": "object", "required": ["a", "b"], "additionalProperties": false, "properties": {
        "a": {"type": "integer", "minimum": 10, "maximum": 99}, "b": {"enum": [true, "x y", null]}}});
    for seed in 0..10 {
        let mut request = held(chat("Dag."), Constraint::JsonSchema(schema.clone()));
        (request.params.seed, request.params.temperature) = (Some(seed), Some(1.0));
        let collected = answer(&house, request).await;
        let value: Value = serde_json::from_str(&collected.texts[0]).unwrap();
        assert!((10..=99).contains(&value["a"].as_i64().unwrap()), "{value}");
        assert!([json!(true), json!("x y"), json!(null)].contains(&value["b"]), "{value}");
        assert_eq!(collected.finishes, [Some(Finish::Stop)]);
    }
    let mut short = held(chat("Dag."), Constraint::JsonSchema(schema));
    short.params.max_tokens = Some(3);
    let collected = answer(&house, short).await;
    assert_eq!(collected.finishes, [Some(Finish::Length)]);
    assert!(collected.texts[0].starts_with('{'));
    house.stop_and_verify().await;
}

#[tokio::test]
async fn what_cannot_be_held_is_refused_by_its_field_and_sealed() {
    let house = House::new().await;
    let caller = house.caller("pilot").await;
    let refused = async |request| match house.gateway.generate(caller.clone(), request).await {
        Err(Refusal::Invalid { field, reason }) => (field, reason),
        _ => panic!("taken"),
    };
    let schema = json!({"properties": {"a": {"not": {}}}});
    let (field, reason) = refused(held(chat("Dag."), Constraint::JsonSchema(schema))).await;
    assert_eq!(field, "response_format");
    assert!(reason.starts_with("/properties/a/not: "), "{reason}");
    let (field, reason) = refused(held(chat("Dag."), Constraint::Lark("start: (".into()))).await;
    assert!(field == "response_format" && reason.contains("Lark"), "{reason}");
    let mut endless = held(chat("Dag."), Constraint::JsonObject);
    endless.params.ignore_eos = true;
    assert_eq!(refused(endless).await.0, "ignore_eos");
    assert_eq!(house.denials().len(), 3);
    assert!(house.generator.requests().is_empty());
    house.stop_and_verify().await;
}

const RESTORES: (&str, &str) =
    ("restore_placeholders = true", "restore_placeholders = true\nvisible_mark = \"AI\"");

#[tokio::test]
async fn masked_json_stays_json_and_bears_no_mark() {
    let said = r#"{"bsn": 111222333, "tekst": "Zijn BSN is 123456782", "rij": [1, 123456782]}"#;
    let house = House::builder().pilot("held", &[RESTORES]).saying(said).start().await;
    let caller = house.caller("held").await;
    let mut request = held(chat("Dag."), Constraint::JsonObject);
    request.params.max_tokens = Some(500);
    let collected = collect(house.gateway.generate(caller.clone(), request).await.unwrap()).await;
    let value: Value = serde_json::from_str(&collected.texts[0]).unwrap();
    assert_eq!(value["tekst"], "Zijn BSN is ⟦BSN⟧");
    assert_eq!(value["bsn"], "⟦BSN⟧");
    assert!(!collected.texts[0].contains("123456782"));
    // Free, the same answer is text with a mark under it.
    let mut free = chat("Dag.");
    free.params.max_tokens = Some(500);
    let collected = collect(house.gateway.generate(caller, free).await.unwrap()).await;
    assert!(collected.texts[0].ends_with("\n\nAI"));
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_restored_value_is_escaped_where_the_answer_is_json() {
    let custom = "[[custom]]\nid = \"bijnaam\"\nlabel = \"BIJNAAM\"\ndescription = \"A name in quotes\"\n\
                  pattern = 'bijnaam \"[a-z]{1,8}\"'\nexamples = ['de bijnaam \"lange\"']\n";
    let profile = ("redaction_profile = \"default\"", "redaction_profile = \"quoted\"");
    let said = "{\"naam\": \"⟦BIJNAAM_1⟧, zo heet hij\"}";
    let house = House::builder()
        .profile("quoted", custom)
        .pilot("held", &[profile, RESTORES])
        .saying(said)
        .start()
        .await;
    let caller = house.caller("held").await;
    let mut request = held(chat("Hij heeft de bijnaam \"lange\" gekregen."), Constraint::JsonObject);
    request.params.max_tokens = Some(500);
    let collected = collect(house.gateway.generate(caller, request).await.unwrap()).await;
    let value: Value = serde_json::from_str(&collected.texts[0]).unwrap();
    assert_eq!(value["naam"], "bijnaam \"lange\", zo heet hij");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn json_that_is_broken_on_the_way_is_no_answer() {
    let house = House::builder().saying("{\"a\": \"").start().await;
    let mut request = held(chat("Dag."), Constraint::JsonObject);
    request.params.max_tokens = Some(500);
    let collected = answer(&house, request).await;
    assert!(collected.failed.is_some() && collected.receipt.is_none());
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_grammar_that_gives_up_fails_its_request_by_name() {
    let script = |_: &engine::SequenceRequest| vec![Act::End(FinishReason::MaskFailed)];
    let house =
        House::builder().generator(move |_| std::sync::Arc::new(ScriptedGenerate::new(script))).start().await;
    let collected = answer(&house, held(chat("Dag."), Constraint::JsonObject)).await;
    assert!(collected.failed.unwrap().contains("schema or grammar"));
    let script = |_: &engine::SequenceRequest| vec![Act::Token(3), Act::End(FinishReason::Complete)];
    let house =
        House::builder().generator(move |_| std::sync::Arc::new(ScriptedGenerate::new(script))).start().await;
    let collected = answer(&house, chat("Dag.")).await;
    assert_eq!(collected.finishes, [Some(Finish::Stop)]);
}
