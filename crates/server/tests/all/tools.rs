//! Tools on the wire: the shapes of calls, whole and streamed, and what is wrong with a request, by its place.

use serde_json::{Value, json};

use crate::http::{Site, chat, redact};

const CALL: &str = "Ik kijk.\n<tool_call>\n{\"name\": \"zoek\", \"arguments\": {\"nummer\": \"12\", \"diep\": true}}\n</tool_call>";

fn tools() -> Value {
    let parameters =
        json!({"type": "object", "properties": {"nummer": {"type": "string"}}, "required": ["nummer"]});
    json!([{"type": "function", "function": {"name": "zoek", "description": "Zoekt.", "parameters": parameters, "strict": null}}])
}

fn with(more: &Value) -> Value {
    let mut body = chat("Zoek nummer 12.");
    body["max_tokens"] = json!(256);
    body["tools"] = tools();
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn shown(event: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(event) else { return event.to_owned() };
    redact(&mut value);
    let calls = value.pointer_mut("/choices/0/delta/tool_calls").and_then(Value::as_array_mut);
    for id in calls.into_iter().flatten().filter_map(|call| call.get_mut("id")) {
        *id = json!("[id]");
    }
    value.to_string()
}

#[tokio::test]
async fn a_call_whole() {
    let site = Site::saying(CALL).await;
    let reply = site.chat(&with(&json!({"tool_choice": "auto", "parallel_tool_calls": true}))).await;
    let mut body = reply.json();
    assert_eq!(reply.status, 200, "{}", reply.body);
    let message = &mut body["choices"][0]["message"];
    assert!(message["tool_calls"][0]["id"].as_str().unwrap().starts_with("call_"));
    message["tool_calls"][0]["id"] = json!("[id]");
    redact(&mut body);
    insta::assert_json_snapshot!(body);
}

#[tokio::test]
async fn a_call_streamed() {
    let site = Site::saying(CALL).await;
    let reply = site.chat(&with(&json!({"stream": true}))).await;
    let events: Vec<String> = reply.events().iter().map(|event| shown(event)).collect();
    // How far text is held back is the screen's business.
    let calls: Vec<&str> =
        events.iter().map(String::as_str).filter(|event| !event.contains("content")).collect();
    insta::assert_snapshot!(calls.join("\n"));
}

#[tokio::test]
async fn content_is_null_beside_calls_and_several_calls_are_numbered() {
    let two = CALL.replace("Ik kijk.\n", "").repeat(2);
    let site = Site::saying(&two).await;
    let body = site.chat(&with(&json!({}))).await.json();
    let message = &body["choices"][0]["message"];
    assert!(
        message["content"].is_null() && message["tool_calls"].as_array().unwrap().len() == 2,
        "{message}"
    );
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
    let reply = site.chat(&with(&json!({"stream": true}))).await;
    let events: Vec<Value> =
        reply.events().iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
    let deltas =
        events.iter().filter_map(|event| event["choices"][0]["delta"]["tool_calls"][0]["index"].as_u64());
    assert_eq!(deltas.collect::<Vec<_>>(), [0, 0, 1, 1]);
}

#[tokio::test]
async fn a_call_is_sent_back_with_its_result() {
    let site = Site::saying(CALL).await;
    let body = site.chat(&with(&json!({}))).await.json();
    let message = body["choices"][0]["message"].clone();
    let id = message["tool_calls"][0]["id"].clone();
    let messages = json!([{"role": "user", "content": "Zoek nummer 12."}, message,
        {"role": "tool", "tool_call_id": id, "name": "zoek", "content": "Gevonden: niets."}]);
    let reply = site.chat(&with(&json!({"messages": messages}))).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let request = site.house.generator.requests().pop().unwrap();
    let prompt = site.house.tokenizer.decode(&request.prompt);
    assert!(prompt.contains("zoek: Gevonden: niets.") && prompt.contains("\"nummer\": \"12\""), "{prompt}");
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_place() {
    let site = Site::saying("Ja.").await;
    let function = |function: Value| json!({"tools": [{"type": "function", "function": function}]});
    let message = |message: Value| json!({"messages": [{"role": "user", "content": "a"}, message]});
    let call = |call: Value| message(json!({"role": "assistant", "tool_calls": [call]}));
    let named = |name: &str| json!({"tool_choice": {"type": "function", "function": {"name": name}}});
    for (more, field) in [
        (json!({"tools": {}}), "tools"),
        (json!({"tools": ["zoek"]}), "tools[0]"),
        (json!({"tools": [{"type": "custom", "custom": {}}]}), "tools[0].type"),
        (json!({"tools": [{"type": "function"}]}), "tools[0].function"),
        (function(json!({})), "tools[0].function.name"),
        (function(json!({"name": "zoek dossier"})), "tools[0].function.name"),
        (function(json!({"name": "f", "parameters": []})), "tools[0].function.parameters"),
        (function(json!({"name": "f", "description": 1})), "tools[0].function.description"),
        (function(json!({"name": "f", "strict": "ja"})), "tools[0].function.strict"),
        (function(json!({"name": "f", "cache": true})), "tools[0].function.cache"),
        (json!({"tools": [tools()[0], tools()[0]]}), "tools[1].function.name"),
        (json!({"tool_choice": "any"}), "tool_choice"),
        (named("f"), "tool_choice.function.name"),
        (json!({"tool_choice": "required", "tools": null}), "tool_choice"),
        (json!({"parallel_tool_calls": 1}), "parallel_tool_calls"),
        (json!({"functions": [{"name": "f"}]}), "functions"),
        (json!({"function_call": {"name": "f"}}), "function_call"),
        (
            call(json!({"type": "function", "function": {"name": "f", "arguments": "{}"}})),
            "messages[1].tool_calls[0].id",
        ),
        (
            call(json!({"id": "a", "type": "function", "function": {"name": "f"}})),
            "messages[1].tool_calls[0].function.arguments",
        ),
        (
            call(json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": {}}})),
            "messages[1].tool_calls[0].function.arguments",
        ),
        (message(json!({"role": "assistant", "content": null})), "messages[1].content"),
        (message(json!({"role": "user", "content": "a", "tool_calls": [{}]})), "messages[1].tool_calls"),
        (message(json!({"role": "tool", "content": "a"})), "messages[1].tool_call_id"),
        (message(json!({"role": "tool", "tool_call_id": "a", "content": "a"})), "messages[1].tool_call_id"),
        (message(json!({"role": "function", "name": "f", "content": "a"})), "messages[1].role"),
    ] {
        let reply = site.chat(&with(&more)).await;
        assert_eq!(reply.status, 400, "{more}: {}", reply.body);
        assert_eq!(reply.json()["error"]["param"], field, "{more}: {}", reply.body);
    }
    for old in ["functions", "function_call"] {
        let reply = site.chat(&with(&json!({old: [{"name": "f"}]}))).await;
        assert!(reply.json()["error"]["message"].as_str().unwrap().contains("send tool"), "{}", reply.body);
    }
    assert!(site.house.generator.requests().is_empty());
    // No tools are none, and calls of earlier turns need none.
    for more in
        [json!({"tools": []}), json!({"tools": null, "tool_choice": "none", "parallel_tool_calls": false})]
    {
        assert_eq!(site.chat(&with(&more)).await.status, 200, "{more}");
    }
}
