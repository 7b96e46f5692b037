//! Conversations: what the model is told and given over several turns, and what the caller gets back.

use std::sync::Arc;

use gateway::{GenerationRequest, Input, Message, Role};
use proptest::prelude::*;
use testkit::{Act, House, HouseBuilder, ScriptedGenerate, chat, collect};
use tokenizer::Tokenizer;

const BSN: &str = "111222333";
const IBAN: &str = "NL91ABNA0417164300";

fn conversation(turns: &[(Role, &str)]) -> GenerationRequest {
    let mut request = chat("");
    let message = |&(role, text): &(Role, &str)| Message::new(role, text);
    request.input = Input::Chat(turns.iter().map(message).collect());
    request.params.max_tokens = None;
    request
}

/// The turns of a rendered prompt, `role\ntext`.
fn turns(tokenizer: &Tokenizer, prompt: &[u32]) -> Vec<String> {
    let turns = prompt.split(|&id| tokenizer.is_control(id)).map(|ids| tokenizer.decode(ids));
    turns.filter(|turn| !turn.trim().is_empty()).collect()
}

fn given(house: &House, request: usize) -> Vec<String> {
    turns(&house.tokenizer, &house.generator.requests()[request].prompt)
}

/// A model that says again what the user said last.
fn echoing() -> HouseBuilder {
    House::builder().generator(|tokenizer| {
        let tokenizer = Arc::clone(tokenizer);
        Arc::new(ScriptedGenerate::new(move |request| {
            let turns = turns(&tokenizer, &request.prompt);
            let last = turns.iter().rev().find_map(|turn| turn.strip_prefix("user\n")).unwrap();
            tokenizer.encode(last).unwrap().iter().map(|&id| Act::Token(id)).collect()
        }))
    })
}

#[tokio::test]
async fn the_model_is_told_of_placeholders_where_there_are_any() {
    let house = House::builder().saying("Ja.").start().await;
    let caller = house.caller("pilot").await;
    let own = "Wees beleefd.";
    for (turns, told) in [
        (vec![(Role::User, "Dag.")], None),
        (vec![(Role::User, "Mijn BSN is 111222333, wat nu?")], Some("system\nIn dit gesprek")),
        (vec![(Role::User, "What is the status of BSN 111222333?")], Some("system\nSome personal data")),
        (
            vec![(Role::System, own), (Role::User, "Mijn BSN is 111222333.")],
            Some("system\nWees beleefd.\n\nIn dit"),
        ),
        (vec![(Role::System, own), (Role::User, "Dag.")], Some("system\nWees beleefd.")),
    ] {
        let answer = house.gateway.generate(caller.clone(), conversation(&turns)).await.unwrap();
        let receipt = collect(answer).await.receipt.unwrap();
        let request = house.generator.requests().pop().unwrap();
        let given = self::turns(&house.tokenizer, &request.prompt);
        match told {
            Some(told) => assert!(given[0].starts_with(told), "{given:?}"),
            None => assert!(given[0].starts_with("user\n"), "{given:?}"),
        }
        assert_eq!(given.iter().any(|turn| turn.contains("⟦BSN_1⟧")), turns.last().unwrap().1.contains(BSN));
        // The notice is part of what the record commits to.
        let intent = house.intents().pop().unwrap();
        let commit = receipt.key().unwrap().commit_prompts(&[request.prompt.as_slice()]);
        assert_eq!(intent.request.input.unwrap().token_commit, Some(commit));
    }
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_number_split_over_messages_and_parts_reaches_no_model() {
    let house = echoing().start().await;
    let caller = house.caller("pilot").await;
    let (head, tail) = IBAN.split_at(9);
    let first = format!("Rekening {head}");
    let turns = [(Role::User, first.as_str()), (Role::Assistant, "Ga verder."), (Role::User, tail)];
    let all = collect(house.gateway.generate(caller.clone(), conversation(&turns)).await.unwrap()).await;
    assert_eq!(all.texts[0], tail, "the half comes back as it was");
    let mut parts = conversation(&[(Role::User, "Mijn BSN is 1112\n22333")]);
    let Input::Chat(messages) = &mut parts.input else { panic!("no chat") };
    messages[0].parts = vec!["Mijn BSN is 1112\n".len()];
    let all = collect(house.gateway.generate(caller, parts).await.unwrap()).await;
    assert_eq!(all.texts[0], "Mijn BSN is 1112\n22333");
    for request in 0..2 {
        let given = given(&house, request).concat();
        for piece in [head, tail, "1112", "22333"] {
            assert!(!given.contains(piece), "{given}");
        }
    }
    house.stop_and_verify().await;
}

#[tokio::test]
async fn where_nothing_is_put_back_a_conversation_goes_on_in_placeholders() {
    let restore = ("restore_placeholders = true", "restore_placeholders = false");
    let house = echoing().pilot("strict", &[restore]).start().await;
    let caller = house.caller("strict").await;
    let first = format!("Mijn BSN is {BSN}.");
    let all =
        collect(house.gateway.generate(caller.clone(), conversation(&[(Role::User, &first)])).await.unwrap())
            .await;
    let answer = all.texts[0].clone();
    assert_eq!(answer, "Mijn BSN is ⟦BSN_1⟧.");
    let turns =
        [(Role::User, first.as_str()), (Role::Assistant, answer.as_str()), (Role::User, "En ⟦BSN_1⟧?")];
    let all = collect(house.gateway.generate(caller, conversation(&turns)).await.unwrap()).await;
    assert_eq!(all.texts[0], "En ⟦BSN_1⟧?", "what a person typed is what they get");
    let given = given(&house, 1);
    assert!(given[2].contains("is ⟦BSN_1⟧."), "the earlier answer speaks of the same value: {given:?}");
    assert!(given[3].contains("En ⟦TEKST_1⟧?"), "{given:?}");
}

fn said() -> impl Strategy<Value = String> {
    let bit = prop_oneof![
        Just(format!("mijn BSN is {BSN} ")),
        Just("BSN 1112.22.333 ".to_owned()),
        Just(format!("rekening {IBAN}, ")),
        Just("mail jan@ziggo.nl ".to_owned()),
        Just("⟦BSN_1⟧ ".to_owned()),
        Just("⟦PERSOON_2⟧⟦".to_owned()),
        Just("bel 06-12345678. ".to_owned()),
        Just("mevrouw Willemijn de Vries ".to_owned()),
        Just("een gewone zin, ".to_owned()),
        "[a-z é⟦⟧]{1,6}",
    ];
    proptest::collection::vec(bit, 1..5).prop_map(|bits| format!("{}.", bits.concat().trim()))
}

/// Three turns, two choices each, every earlier answer sent again as it was shown: everything comes back byte for byte, the
/// model sees no value, and a value has the same placeholder in all turns.
async fn three_turns(house: &House, said: &[String]) {
    let caller = house.caller("named").await;
    let mut turns: Vec<(Role, String)> = vec![(Role::System, format!("Help {}", said[0]))];
    let mut first_seen = None;
    for text in said {
        turns.push((Role::User, text.clone()));
        let borrowed: Vec<(Role, &str)> = turns.iter().map(|(role, text)| (*role, text.as_str())).collect();
        let mut request = conversation(&borrowed);
        request.params.n = 2;
        let answer = match house.gateway.generate(caller.clone(), request).await {
            Ok(answer) => collect(answer).await,
            // What cannot be told for certain is refused by the rules; there is nothing to bring back then.
            Err(gateway::Refusal::Denied(denied)) if denied.rule == "findings-unresolved" => return,
            Err(other) => panic!("{other}"),
        };
        assert_eq!(answer.texts, [text.clone(), text.clone()]);
        let prompt = house.generator.requests().pop().unwrap().prompt;
        let given = self::turns(&house.tokenizer, &prompt);
        let whole = given.concat();
        for value in [BSN, "1112.22.333", IBAN, "jan@ziggo.nl", "06-12345678", "Willemijn"] {
            assert!(!whole.contains(value), "{whole}");
        }
        let user = given.iter().find(|turn| turn.starts_with("user\n")).cloned();
        assert_eq!(*first_seen.get_or_insert(user.clone()), user, "placeholders are stable");
        turns.push((Role::Assistant, answer.texts[0].clone()));
    }
}

#[test]
fn three_turns_come_back_byte_for_byte() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let profile = ("redaction_profile = \"default\"", "redaction_profile = \"named\"");
    let place = |house: HouseBuilder| house.profile("named", "names = true\n").pilot("named", &[profile]);
    let house = runtime.block_on(place(echoing()).start());
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(said in proptest::collection::vec(said(), 3))| {
        runtime.block_on(three_turns(&house, &said));
    });
    runtime.block_on(house.stop_and_verify());
}
