//! Tools on the path: what the model is told, what becomes of its calls, and what the record holds.

use gateway::{Answered, Finish, GenerationRequest, Input, Message, Role, ToolCall, ToolChoice, Tools};
use serde_json::{Value, json};
use testkit::{House, HouseBuilder, chat, collect};
use zeroize::Zeroizing;

use crate::denied;

const BSN: &str = "111222333";

fn list(description: &str) -> Value {
    let parameters =
        json!({"type": "object", "properties": {"bsn": {"type": "string", "description": description}}});
    json!([
        {"type": "function", "function": {"name": "zoek", "description": "Zoekt een dossier.", "parameters": parameters}},
        {"type": "function", "function": {"name": "mail", "parameters": {"type": "object"}}},
    ])
}

fn asking(text: &str, choice: ToolChoice, parallel: bool) -> GenerationRequest {
    let mut request = chat(text);
    request.params.max_tokens = None;
    request.tools = Some(Tools::new(list("Het nummer."), choice, parallel));
    request
}

fn call(name: &str, arguments: &str) -> String {
    format!("<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call>")
}

fn given(house: &House) -> String {
    house.tokenizer.decode(&house.generator.requests().pop().unwrap().prompt)
}

async fn answer(house: &House, use_case: &str, request: GenerationRequest) -> testkit::Collected {
    collect(house.gateway.generate(house.caller(use_case).await, request).await.unwrap()).await
}

fn saying(text: &str) -> HouseBuilder {
    House::builder().saying(text)
}

#[tokio::test]
async fn values_come_back_in_arguments_and_new_ones_are_masked() {
    let arguments =
        r#"{"bsn": "⟦BSN_1⟧", "aan": ["nieuw@ziggo.nl"], "iban": "NL91ABNA0417164300", "n": ⟦BSN_1⟧}"#;
    let house = saying(&format!("Ik zoek. {}", call("zoek", arguments))).start().await;
    let all = answer(&house, "pilot", asking(&format!("Zoek BSN {BSN}."), ToolChoice::Auto, true)).await;
    let prompt = given(&house);
    assert!(
        prompt.contains("\"name\":\"zoek\"") && prompt.contains("Het nummer."),
        "told in words: {prompt}"
    );
    assert!(prompt.contains("⟦BSN_1⟧") && !prompt.contains(BSN));
    assert_eq!((all.texts[0].as_str(), all.finishes[0]), ("Ik zoek.", Some(Finish::ToolCalls)));
    let [(id, name, arguments)] = &all.calls[0][..] else { panic!("{:?}", all.calls) };
    assert_eq!(name, "zoek");
    let value: Value = serde_json::from_str(arguments).unwrap();
    assert_eq!(value, json!({"bsn": BSN, "aan": ["⟦E-MAIL⟧"], "iban": "⟦IBAN⟧", "n": 111222333}));
    // The record commits to text and calls, and counts what was done.
    let outcome = house.outcomes().pop().unwrap().facts;
    let key = all.receipt.unwrap().key().unwrap();
    let message = json!({"content": "Ik zoek.", "tool_calls": [{"function": {"arguments": arguments, "name": name},
        "id": id, "type": "function"}]});
    assert_eq!(outcome.choices[0].client_commit, key.commit(message.to_string().as_bytes()));
    assert_eq!(outcome.choices[0].finish, provenance::Finish::ToolCalls);
    let screen = outcome.screen.unwrap();
    assert_eq!((screen.restored, screen.counts.values().sum::<u32>()), (2, 2));
    house.stop_and_verify().await;
}

#[tokio::test]
async fn restored_values_are_escaped_so_that_arguments_stay_json() {
    let house = saying(&call("mail", r#"{"tekst": "zie ⟦TEKST_1⟧."}"#)).start().await;
    // What a person typed in the shape of a placeholder is given back; here with what JSON would trip over.
    let all = answer(&house, "pilot", asking("Mail ⟦a\"b\\c⟧.", ToolChoice::Auto, true)).await;
    let value: Value = serde_json::from_str(&all.calls[0][0].2).unwrap();
    assert!(["zie ⟦a\"b\\c⟧.", "zie ⟦TEKST_1⟧."].contains(&value["tekst"].as_str().unwrap()), "{value}");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn where_nothing_is_put_back_arguments_keep_placeholders_and_the_next_turn_knows_them() {
    let restore = ("restore_placeholders = true", "restore_placeholders = false");
    let house = saying(&call("zoek", r#"{"bsn": "⟦BSN_1⟧"}"#)).pilot("strict", &[restore]).start().await;
    let all = answer(&house, "strict", asking(&format!("BSN {BSN}"), ToolChoice::Auto, true)).await;
    let (id, name, arguments) = all.calls[0][0].clone();
    assert_eq!(arguments, r#"{"bsn": "⟦BSN_1⟧"}"#);
    let mut request = asking("", ToolChoice::Auto, true);
    let mut called = Message::new(Role::Assistant, "");
    called.calls = vec![ToolCall {
        id: id.clone(),
        name: name.clone(),
        arguments: Zeroizing::new(arguments),
        pointer: "/messages/1/tool_calls/0/function/arguments".to_owned(),
    }];
    let mut result = Message::new(Role::Tool, &format!("Gevonden: BSN {BSN}, mail nieuw@ziggo.nl"));
    result.answers = Some(Answered { id, name });
    request.input = Input::Chat(vec![Message::new(Role::User, &format!("BSN {BSN}")), called, result]);
    answer(&house, "strict", request).await;
    let prompt = given(&house);
    assert!(prompt.contains(r#""arguments": {"bsn": "⟦BSN_1⟧"}"#), "{prompt}");
    assert!(prompt.contains("Gevonden: BSN ⟦BSN_1⟧, mail ⟦E-MAIL_1⟧"), "{prompt}");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn descriptions_are_rewritten_and_arguments_sent_back_too() {
    let house = saying("Ja.").start().await;
    let mut request = asking("Dag.", ToolChoice::Auto, true);
    request.tools = Some(Tools::new(list(&format!("Zoals BSN {BSN}.")), ToolChoice::Auto, true));
    let mut called = Message::new(Role::Assistant, "Goed.");
    let arguments = format!(r#"{{"bsn": {BSN}, "pattern": "jan@ziggo.nl"}}"#);
    let broken = format!("{{bsn {BSN}");
    for (id, arguments) in [("call_a", arguments), ("call_b", broken)] {
        let arguments = Zeroizing::new(arguments);
        called.calls.push(ToolCall {
            id: id.to_owned(),
            name: "zoek".to_owned(),
            arguments,
            pointer: "/messages/1/tool_calls/0/function/arguments".to_owned(),
        });
    }
    request.input = Input::Chat(vec![Message::new(Role::User, "Dag."), called]);
    answer(&house, "pilot", request).await;
    let prompt = given(&house);
    assert!(!prompt.contains(BSN) && !prompt.contains("jan@ziggo.nl"), "{prompt}");
    assert!(prompt.contains("Zoals BSN ⟦BSN_1⟧."), "{prompt}");
    assert!(prompt.contains(r#"{"bsn": "⟦BSN_1⟧", "pattern": "⟦E-MAIL_1⟧"}"#), "{prompt}");
    assert!(prompt.contains("{bsn ⟦BSN_1⟧"), "{prompt}");
    house.stop_and_verify().await;
}

#[tokio::test]
async fn a_key_of_arguments_with_personal_data_refuses_the_request() {
    let house = saying("Ja.").start().await;
    let mut request = asking("Dag.", ToolChoice::Auto, true);
    let mut called = Message::new(Role::Assistant, "");
    let arguments = Zeroizing::new(r#"{"a": 1, "jan.jansen@ziggo.nl": 1}"#.to_owned());
    called.calls = vec![ToolCall {
        id: "call_a".to_owned(),
        name: "zoek".to_owned(),
        arguments,
        pointer: "/messages/1/tool_calls/0/function/arguments".to_owned(),
    }];
    request.input = Input::Chat(vec![Message::new(Role::User, "Dag."), called]);
    let said = denied(house.gateway.generate(house.caller("pilot").await, request).await);
    assert_eq!(said.rule, "personal-data-in-fixed-field");
    assert!(
        said.remedy.starts_with("/messages/1/tool_calls/0/function/arguments/{member 1} holds"),
        "{}",
        said.remedy
    );
    assert!(house.generator.requests().is_empty() && !house.leaves_text().contains("jansen"));
    house.stop_and_verify().await;
}

#[tokio::test]
async fn parallel_calls_are_all_given_or_only_the_first() {
    let two = format!("{}\n{} En dan?", call("zoek", "{}"), call("mail", "{}"));
    for (parallel, calls, text) in [(true, 2, "En dan?"), (false, 1, "")] {
        let house = saying(&two).start().await;
        let mut request = asking("Dag.", ToolChoice::Auto, parallel);
        request.params.n = 2;
        let all = answer(&house, "pilot", request).await;
        assert!(all.calls.iter().all(|made| made.len() == calls), "{:?}", all.calls);
        assert_eq!(all.texts[0], text);
        assert_eq!(all.finishes, [Some(Finish::ToolCalls); 2]);
        let mut ids: Vec<&String> = all.calls.iter().flatten().map(|(id, ..)| id).collect();
        let shaped =
            |id: &&String| id.starts_with("call_") && id[5..].bytes().all(|b| b.is_ascii_lowercase());
        assert!(ids.iter().all(shaped), "{ids:?}");
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 2 * calls, "each call has an id of its own");
        house.stop_and_verify().await;
    }
}

#[tokio::test]
async fn what_is_no_call_is_text_and_screened() {
    let said = r#"<tool_call>{"name": "onbekend", "arguments": {"a": "nieuw@ziggo.nl"}}</tool_call>"#;
    for (choice, tools) in [(ToolChoice::Auto, true), (ToolChoice::None, true), (ToolChoice::Auto, false)] {
        let house = saying(said).start().await;
        let mut request = asking("Dag.", choice.clone(), true);
        if !tools {
            request.tools = None;
        }
        let all = answer(&house, "pilot", request).await;
        assert_eq!(all.texts[0], said.replace("nieuw@ziggo.nl", "⟦E-MAIL⟧"));
        assert_eq!((all.calls[0].len(), all.finishes[0]), (0, Some(Finish::Stop)));
        assert_eq!(given(&house).contains("zoek"), tools && choice == ToolChoice::Auto);
        house.stop_and_verify().await;
    }
}

#[tokio::test]
async fn a_call_cut_off_by_the_limit_is_text() {
    let house = saying(&call("zoek", r#"{"bsn": "lang"}"#)).start().await;
    let mut request = asking("Dag.", ToolChoice::Auto, true);
    request.params.max_tokens = Some(20);
    let all = answer(&house, "pilot", request).await;
    assert_eq!(all.finishes[0], Some(Finish::Length));
    assert!(all.texts[0].starts_with("<tool_call>") && all.calls[0].is_empty(), "{:?}", all.texts);
    house.stop_and_verify().await;
}

/// The tiny model writes noise; held to a grammar, it writes a call.
#[tokio::test]
async fn a_call_that_is_required_or_named_is_made_with_valid_arguments() {
    let house = House::builder().start().await;
    let parameters = json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9},
        "soort": {"enum": ["brief", "mail"]}}, "required": ["n", "soort"], "additionalProperties": false});
    let list = json!([
        {"type": "function", "function": {"name": "zoek", "parameters": parameters}},
        {"type": "function", "function": {"name": "stop", "parameters": {"type": "object", "properties": {}, "additionalProperties": false}}},
    ]);
    for (choice, parallel) in [
        (ToolChoice::Named("zoek".to_owned()), true),
        (ToolChoice::Required, false),
        (ToolChoice::Required, true),
    ] {
        let mut request = asking("Dag.", choice.clone(), parallel);
        request.params.max_tokens = Some(400);
        request.params.temperature = Some(1.0);
        request.tools = Some(Tools::new(list.clone(), choice.clone(), parallel));
        let all = answer(&house, "pilot", request).await;
        assert_eq!((all.texts[0].as_str(), all.finishes[0]), ("", Some(Finish::ToolCalls)), "{choice:?}");
        let calls = &all.calls[0];
        assert!(
            calls.len() == 1 || parallel && choice == ToolChoice::Required && calls.len() <= 8,
            "{calls:?}"
        );
        for (_, name, arguments) in calls {
            let value: Value = serde_json::from_str(arguments).unwrap();
            if name == "zoek" {
                assert!((1..=9).contains(&value["n"].as_i64().unwrap()), "{arguments}");
                assert!(["brief", "mail"].contains(&value["soort"].as_str().unwrap()), "{arguments}");
            } else {
                assert_eq!(
                    (name.as_str(), arguments.as_str(), choice != ToolChoice::Required),
                    ("stop", "{}", false)
                );
            }
        }
    }
    house.stop_and_verify().await;
}

#[tokio::test]
async fn what_cannot_be_enforced_is_refused_by_its_place() {
    let house = saying("Ja.").start().await;
    let caller = house.caller("pilot").await;
    let odd = json!([{"type": "function", "function": {"name": "zoek", "parameters": {"type": "object", "unevaluatedItems": 1}}}]);
    let mut request = asking("Dag.", ToolChoice::Required, true);
    request.tools = Some(Tools::new(odd.clone(), ToolChoice::Required, true));
    let Err(gateway::Refusal::Invalid { field, reason }) =
        house.gateway.generate(caller.clone(), request).await
    else {
        panic!("let through");
    };
    assert_eq!(field, "tools[0].function.parameters");
    assert!(reason.contains("unevaluatedItems"), "{reason}");
    // Where the model decides, a schema is only told.
    let mut request = asking("Dag.", ToolChoice::Auto, true);
    request.tools = Some(Tools::new(odd, ToolChoice::Auto, true));
    assert_eq!(answer(&house, "pilot", request).await.texts, ["Ja."]);
    let mut request = asking("Dag.", ToolChoice::Auto, true);
    let constraint = gateway::Constraint::JsonObject;
    request.constraint = Some(gateway::Constrained { field: "response_format", constraint });
    let Err(gateway::Refusal::Invalid { field, .. }) = house.gateway.generate(caller, request).await else {
        panic!("both");
    };
    assert_eq!(field, "response_format");
    house.stop_and_verify().await;
}
