//! Anthropic's Messages API: shapes whole and streamed, tools, what is wrong with a request by its place.

use std::sync::Arc;

use serde_json::{Value, json};
use testkit::{Act, House, ScriptedGenerate};

use crate::http::Site;

const PATH: &str = "/v1/messages";
const CALL: &str = "Ik kijk.\n<tool_call>\n{\"name\": \"zoek\", \"arguments\": {\"nummer\": \"12\", \"diep\": 1.50}}\n</tool_call>";

fn asking(more: Value) -> Value {
    let mut body = json!({"model": "tiny", "max_tokens": 256, "messages": [{"role": "user", "content": "Zoek nummer 12."}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn tools() -> Value {
    let schema = json!({"type": "object", "properties": {"nummer": {"type": "string", "description": "Welk."}}, "required": ["nummer"]});
    json!([{"name": "zoek", "description": "Zoekt.", "input_schema": schema}])
}

#[tokio::test]
async fn a_message_whole_is_the_same_as_streamed() {
    let site = Site::saying("Dag, Jan.").await;
    let whole = site.post(PATH, &asking(json!({}))).await;
    assert_eq!(whole.status, 200, "{}", whole.body);
    insta::assert_snapshot!("message_whole", whole.shown());
    let body = whole.json();
    assert_eq!(body["content"], json!([{"type": "text", "text": "Dag, Jan.", "citations": null}]));
    let receipt: gateway::Receipt = serde_json::from_value(body["proeftuin"]["receipt"].clone()).unwrap();
    receipt.verify(&site.house.verifier).unwrap();
    assert_eq!(whole.header("x-proeftuin-receipt"), body["proeftuin"]["receipt"]["id"].as_str());
    let streamed = site.post(PATH, &asking(json!({"stream": true}))).await;
    assert_eq!(streamed.header("content-type"), Some("text/event-stream"));
    let told = streamed.told();
    let text: String = told.iter().filter_map(|(_, data)| data["delta"]["text"].as_str()).collect();
    assert_eq!(text, "Dag, Jan.");
    let names: Vec<&str> =
        told.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "content_block_delta").collect();
    assert_eq!(
        names,
        [
            "message_start",
            "ping",
            "content_block_start",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    assert!(told.iter().all(|(name, data)| data["type"] == **name));
    let (_, last) = told.last().unwrap();
    let receipt: gateway::Receipt = serde_json::from_value(last["proeftuin"]["receipt"].clone()).unwrap();
    receipt.verify(&site.house.verifier).unwrap();
    assert_eq!(told[told.len() - 2].1["usage"], body["usage"]);
    insta::assert_snapshot!("message_streamed", streamed.story());
    site.house.stop_and_verify().await;
}

#[tokio::test]
async fn a_use_of_a_tool_whole_and_streamed() {
    let site = Site::saying(CALL).await;
    let whole = site.post(PATH, &asking(json!({"tools": tools()}))).await;
    assert_eq!(whole.status, 200, "{}", whole.body);
    // The bytes of the model, which the receipt commits to.
    assert!(whole.body.contains(r#""input":{"nummer": "12", "diep": 1.50}"#), "{}", whole.body);
    insta::assert_snapshot!("tool_use_whole", whole.shown());
    let streamed = site.post(PATH, &asking(json!({"tools": tools(), "stream": true}))).await;
    let told = streamed.told();
    let input: String = told.iter().filter_map(|(_, data)| data["delta"]["partial_json"].as_str()).collect();
    assert_eq!(input, r#"{"nummer": "12", "diep": 1.50}"#);
    let blocks: Vec<_> = told
        .iter()
        .filter(|(name, _)| name == "content_block_start")
        .map(|(_, data)| (data["index"].clone(), data["content_block"]["type"].clone()))
        .collect();
    assert_eq!(blocks, [(json!(0), json!("text")), (json!(1), json!("tool_use"))]);
    assert_eq!(told[told.len() - 2].1["delta"]["stop_reason"], "tool_use");
}

#[tokio::test]
async fn a_result_is_sent_back_and_turns_of_one_author_are_one() {
    let site = Site::saying("Gevonden.").await;
    let messages = json!([
        {"role": "system", "content": [{"type": "text", "text": "Vlot."}]},
        {"role": "user", "content": "Zoek"},
        {"role": "user", "content": [{"type": "text", "text": "nummer 12.", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Ik kijk."},
            {"type": "tool_use", "id": "toolu_1", "name": "zoek", "input": {"nummer": "12"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true,
            "content": [{"type": "text", "text": "Bestaat niet."}]}, {"type": "text", "text": "Wat nu?"}]},
    ]);
    let system = json!([{"type": "text", "text": "Kort."}, {"type": "text", "text": "Beleefd."}]);
    let reply =
        site.post(PATH, &asking(json!({"messages": messages, "system": system, "tools": tools()}))).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let prompt = site.house.tokenizer.decode(&site.house.generator.requests()[0].prompt);
    for said in [
        "Kort.\nBeleefd.\nVlot.",
        "Zoek\nnummer 12.",
        "Error:\nBestaat niet.",
        "Wat nu?",
        "\"nummer\": \"12\"",
    ] {
        assert!(prompt.contains(said) || prompt.contains(&said.replace("\": ", "\":")), "{said} in {prompt}");
    }
}

#[tokio::test]
async fn why_it_ended_is_told() {
    let site = Site::saying("een twee drie").await;
    let ends = [
        (json!({}), json!("end_turn"), Value::Null, "een twee drie"),
        (json!({"stop_sequences": ["zes", " drie"]}), json!("stop_sequence"), json!(" drie"), "een twee"),
        (json!({"max_tokens": 1}), json!("max_tokens"), Value::Null, ""),
    ];
    for (more, reason, sequence, text) in ends {
        let body = site.post(PATH, &asking(more.clone())).await.json();
        assert_eq!((&body["stop_reason"], &body["stop_sequence"]), (&reason, &sequence), "{more}");
        if !text.is_empty() {
            assert_eq!(body["content"][0]["text"], text);
        }
        let mut streamed = asking(more);
        streamed["stream"] = json!(true);
        let told = site.post(PATH, &streamed).await.told();
        let delta = &told[told.len() - 2].1["delta"];
        assert_eq!((&delta["stop_reason"], &delta["stop_sequence"]), (&reason, &sequence));
    }
}

#[tokio::test]
async fn tokens_are_counted_as_they_are_charged_and_nothing_is_generated() {
    let site = Site::saying("Dag.").await;
    let answered = site.post(PATH, &asking(json!({"tools": tools()}))).await.json();
    let mut body = asking(json!({"tools": tools()}));
    body.as_object_mut().unwrap().remove("max_tokens");
    let before = site.house.generator.requests().len();
    let counted = site.post("/v1/messages/count_tokens", &body).await.json();
    assert_eq!(counted["input_tokens"], answered["usage"]["input_tokens"]);
    let receipt: gateway::Receipt = serde_json::from_value(counted["proeftuin"]["receipt"].clone()).unwrap();
    receipt.verify(&site.house.verifier).unwrap();
    assert_eq!(site.house.generator.requests().len(), before);
    assert!(site.house.leaves_text().contains("\"action\":\"count_tokens\""));
    site.house.stop_and_verify().await;
}

#[tokio::test]
async fn errors_have_their_shape_and_a_key_may_stand_in_their_header() {
    let site = Site::saying("Dag.").await;
    let body = asking(json!({})).to_string();
    let key = site.house.key("pilot");
    let headers = [("x-api-key", key), ("anthropic-version", "2023-06-01")];
    assert_eq!(site.send("POST", PATH, &headers, body.as_bytes()).await.status, 200);
    let mut shown = String::new();
    let old = [("x-api-key", key), ("anthropic-version", "2023-01-01")];
    let wrong = [("x-api-key", "ptk_aaaaaaaa_bbbbbbbb")];
    let large = vec![b' '; (4 << 20) + 1];
    for (name, reply) in [
        ("no key", site.send("POST", PATH, &[], body.as_bytes()).await),
        ("a wrong key", site.send("POST", PATH, &wrong, body.as_bytes()).await),
        ("another version", site.send("POST", PATH, &old, body.as_bytes()).await),
        ("another model", site.post(PATH, &asking(json!({"model": "huge"}))).await),
        (
            "a number in a field",
            site.post(PATH, &asking(json!({"metadata": {"user_id": "BSN 111222333"}}))).await,
        ),
        ("too large", site.send("POST", PATH, &headers, &large).await),
    ] {
        shown.push_str(&format!("# {name}\n{}\n\n", reply.shown()));
        assert_eq!(reply.json()["type"], "error");
    }
    insta::assert_snapshot!("message_errors", shown);
}

#[tokio::test]
async fn a_failure_in_the_middle_is_an_error_event_and_no_stop() {
    let builder = House::builder()
        .generator(|_| Arc::new(ScriptedGenerate::new(|_| vec![Act::Token(100), Act::Vanish])));
    let site = Site::start(builder).await;
    let told = site.post(PATH, &asking(json!({"stream": true}))).await.told();
    let (name, data) = told.last().unwrap();
    assert_eq!(
        (name.as_str(), &data["type"], &data["error"]["type"]),
        ("error", &json!("error"), &json!("api_error"))
    );
    assert!(!told.iter().any(|(name, _)| name == "message_stop" || name == "message_delta"));
    assert_eq!(site.post(PATH, &asking(json!({}))).await.status, 503);
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_place() {
    let site = Site::saying("Ja.").await;
    let user = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    let tool = |tool: Value| json!({"tools": [tool]});
    for (more, field) in [
        (json!({"max_tokens": null}), "max_tokens"),
        (json!({"max_tokens": 0}), "max_tokens"),
        (json!({"n": 1}), "n"),
        (json!({"stop": ["a"]}), "stop"),
        (json!({"stop_sequences": [""]}), "stop_sequences"),
        (json!({"messages": []}), "messages"),
        (json!({"messages": [{"role": "assistant", "content": "Het is"}]}), "messages"),
        (json!({"messages": [{"role": "tool", "content": "a"}]}), "messages[0].role"),
        (user(json!([])), "messages[0].content"),
        (user(json!([{"type": "image", "source": {}}])), "messages[0].content[0].type"),
        (user(json!([{"type": "text"}])), "messages[0].content[0].text"),
        (user(json!([{"type": "text", "text": "a", "x": 1}])), "messages[0].content[0].x"),
        (
            user(json!([{"type": "tool_use", "id": "a", "name": "f", "input": {}}])),
            "messages[0].content[0].type",
        ),
        (user(json!([{"type": "tool_result", "tool_use_id": "a"}])), "messages[0].content[0].tool_use_id"),
        (
            json!({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": "x"}]}]}),
            "messages[0].content[0].input",
        ),
        (json!({"system": [{"type": "image"}]}), "system[0].type"),
        (tool(json!({"name": "f"})), "tools[0].input_schema"),
        (tool(json!({"type": "bash_20250124", "name": "bash"})), "tools[0].type"),
        (tool(json!({"name": "f g", "input_schema": {}})), "tools[0].name"),
        (json!({"tools": [tools()[0], tools()[0]]}), "tools[1].name"),
        (json!({"tool_choice": {"type": "any"}}), "tool_choice.type"),
        (json!({"tools": tools(), "tool_choice": {"type": "tool", "name": "g"}}), "tool_choice.name"),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}), "thinking"),
        (json!({"output_config": {"effort": "low"}}), "output_config.effort"),
        (json!({"container": "c"}), "container"),
        (json!({"mcp_servers": []}), "mcp_servers"),
    ] {
        let reply = site.post(PATH, &asking(more.clone())).await;
        assert_eq!(reply.status, 400, "{more}: {}", reply.body);
        assert_eq!(reply.json()["error"]["param"], field, "{more}: {}", reply.body);
    }
    assert!(site.house.generator.requests().is_empty());
    for more in [
        json!({"tools": tools(), "tool_choice": {"type": "none"}}),
        json!({"tools": tools(), "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}),
        json!({"thinking": {"type": "disabled"}, "service_tier": "auto", "metadata": {"user_id": "u-1"}}),
        json!({"temperature": 0, "top_k": 5, "top_p": 0.9, "seed": 7}),
    ] {
        let reply = site.post(PATH, &asking(more.clone())).await;
        assert_eq!(reply.status, 200, "{more}: {}", reply.body);
    }
}
