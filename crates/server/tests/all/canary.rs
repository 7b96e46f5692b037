//! A word no answer has: put everywhere a client can put a word, it comes back nowhere.

use gateway::{CallerClass, ENDPOINTS, Endpoint, EndpointId, Method, endpoint};
use serde_json::{Value, json};

use testkit::House;

use crate::http::{Reply, Site, chat};

/// With a digit, so that it is no name of a field: those are told by name.
const CANARY: &str = "kanarie7f3a";

/// Fields of the API that are no text, known and unknown ones.
const FIELDS: &[&str] = &[
    "model",
    "stop",
    "user",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "temperature",
    "max_tokens",
    "n",
    "seed",
    "logit_bias",
    "stream",
    "stream_options",
    "tools",
    "functions",
    "tool_choice",
    "function_call",
    "response_format",
    "structured_outputs",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "modalities",
    "store",
    "service_tier",
    "logprobs",
    "top_logprobs",
    "parallel_tool_calls",
    "echo",
    "suffix",
    "best_of",
    "reasoning_effort",
    "dimensions",
    "encoding_format",
    "system",
    "stop_sequences",
    "thinking",
    "output_config",
    "cache_control",
    "instructions",
    "include",
    "reasoning",
    "text",
    "truncation",
    "conversation",
    "previous_response_id",
    "prompt",
    "max_output_tokens",
    "max_tool_calls",
    "background",
    "add_special_tokens",
    "add_generation_prompt",
    "continue_final_message",
    "return_token_strs",
    "tokens",
    CANARY,
];

fn good(row: &Endpoint) -> Value {
    match row.id {
        EndpointId::ChatCompletions => chat("Dag."),
        EndpointId::Messages => chat("Dag."),
        EndpointId::CountTokens => json!({"model": "tiny", "messages": chat("Dag.")["messages"]}),
        EndpointId::Responses => json!({"model": "tiny", "input": "Dag."}),
        EndpointId::Detokenize => json!({"tokens": [100]}),
        EndpointId::Embeddings => json!({"model": "tiny-vectors", "input": "Dag."}),
        _ => json!({"model": "tiny", "prompt": "Dag."}),
    }
}

/// The good body with the canary in a text field of the table.
fn in_text(row: &Endpoint, pattern: &str) -> Value {
    let mut body = good(row);
    match (row.id, pattern) {
        (EndpointId::Tokenize, pattern) if pattern != "/prompt" => {
            let chats = endpoint(EndpointId::ChatCompletions).unwrap();
            body = in_text(chats, pattern);
            body.as_object_mut().unwrap().remove("max_tokens");
        }
        (EndpointId::Messages | EndpointId::CountTokens, pattern) => in_message(&mut body, pattern),
        (EndpointId::Responses, pattern) => in_item(&mut body, pattern),
        (_, pattern) => in_chat(&mut body, pattern),
    }
    body
}

fn in_message(body: &mut Value, pattern: &str) {
    let text = json!([{"type": "text", "text": CANARY}]);
    let called = |input: Value, result: Value| {
        json!([{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": input}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": result}]}])
    };
    let none = json!({});
    match pattern {
        "/system" => body["system"] = json!(CANARY),
        "/system/*/text" => body["system"] = text,
        "/messages/*/content" => body["messages"][0]["content"] = json!(CANARY),
        "/messages/*/content/*/text" => body["messages"][0]["content"] = text,
        "/messages/*/content/*/input/**" => {
            body["messages"] = called(json!({"a": [CANARY, {"enum": CANARY}]}), json!(""));
        }
        "/messages/*/content/*/content" => body["messages"] = called(none, json!(CANARY)),
        "/messages/*/content/*/content/*/text" => body["messages"] = called(none, text),
        "/tools/*/description" => {
            body["tools"] = json!([{"name": "f", "description": CANARY, "input_schema": none}]);
        }
        "/tools/*/input_schema/**/description" => {
            let schema = json!({"properties": {"a": {"description": CANARY, "enum": [CANARY]}}});
            body["tools"] = json!([{"name": "f", "input_schema": schema}]);
        }
        other => panic!("the table has a text field {other} that this test does not know"),
    }
}

fn in_item(body: &mut Value, pattern: &str) {
    let parts = json!([{"type": "input_text", "text": CANARY}]);
    let called = |arguments: Value, output: Value| {
        json!([{"type": "function_call", "call_id": "a", "name": "f", "arguments": arguments.to_string()},
            {"type": "function_call_output", "call_id": "a", "output": output}])
    };
    let none = json!({});
    match pattern {
        "/instructions" => body["instructions"] = json!(CANARY),
        "/input" => body["input"] = json!(CANARY),
        "/input/*/content" => body["input"] = json!([{"role": "user", "content": CANARY}]),
        "/input/*/content/*/text" => body["input"] = json!([{"role": "user", "content": parts}]),
        "/input/*/arguments" => body["input"] = called(json!({"a": CANARY}), json!("")),
        "/input/*/output" => body["input"] = called(none, json!(CANARY)),
        "/input/*/output/*/text" => body["input"] = called(none, parts),
        "/tools/*/description" => {
            body["tools"] = json!([{"type": "function", "name": "f", "description": CANARY}]);
        }
        "/tools/*/parameters/**/description" => {
            let schema = json!({"properties": {"a": {"description": CANARY, "enum": [CANARY]}}});
            body["tools"] = json!([{"type": "function", "name": "f", "parameters": schema}]);
        }
        other => panic!("the table has a text field {other} that this test does not know"),
    }
}

fn in_chat(body: &mut Value, pattern: &str) {
    match pattern {
        "/messages/*/content" => body["messages"][0]["content"] = json!(CANARY),
        "/messages/*/content/*/text" => {
            body["messages"][0]["content"] = json!([{"type": "text", "text": CANARY}]);
        }
        "/messages/*/tool_calls/*/function/arguments" => {
            let arguments = json!({"a": CANARY}).to_string();
            let call =
                json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}});
            body["messages"] = json!([{"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "a", "content": CANARY}]);
        }
        "/tools/*/function/description" => {
            body["tools"] = json!([{"type": "function", "function": {"name": "f", "description": CANARY}}]);
        }
        "/tools/*/function/parameters/**/description" => {
            let parameters = json!({"properties": {"a": {"description": CANARY, "enum": [CANARY]}}});
            body["tools"] =
                json!([{"type": "function", "function": {"name": "f", "parameters": parameters}}]);
        }
        "/prompt" => body["prompt"] = json!(CANARY),
        "/prompt/*" => body["prompt"] = json!(["Dag.", CANARY]),
        "/input" => body["input"] = json!(CANARY),
        "/input/*" => body["input"] = json!(["Dag.", CANARY]),
        other => panic!("the table has a text field {other} that this test does not know"),
    }
}

fn silent(reply: &Reply, place: &str) {
    assert!(!reply.head.contains(CANARY), "{place}: in a header: {}", reply.head);
    assert!(!reply.body.contains(CANARY), "{place}: in the body: {}", reply.body);
}

#[tokio::test]
async fn the_canary_comes_back_nowhere() {
    let site = Site::start(House::builder().saying("Goedendag.").embeddings()).await;
    let bearer = site.bearer("pilot");
    for row in ENDPOINTS {
        let method = if row.method == Method::Post { "POST" } else { "GET" };
        let path = row.path.replace("{model}", CANARY);
        // In headers and query, on every endpoint.
        let headers = [
            ("authorization", &*bearer),
            ("traceparent", CANARY),
            ("x-request-id", CANARY),
            ("x-proeftuin-data-subject", CANARY),
        ];
        let query = format!("{path}?q={CANARY}");
        silent(&site.send(method, &query, &headers, good(row).to_string().as_bytes()).await, row.path);
        let wrong = format!("Bearer {CANARY}");
        let reply = site.send(method, &path, &[("authorization", &wrong)], b"").await;
        silent(&reply, row.path);
        assert_eq!(reply.status == 401, row.caller == CallerClass::KeyHolder, "{}", row.path);
        if row.method != Method::Post {
            continue;
        }
        for pattern in row.text {
            let reply = site.post(row.path, &in_text(row, pattern)).await;
            assert_eq!(reply.status, 200, "{pattern}: {}", reply.body);
            silent(&reply, pattern);
        }
        for field in FIELDS {
            for value in [json!(CANARY), json!([CANARY]), json!({"a": CANARY}), json!({CANARY: 1})] {
                let mut body = good(row);
                body[*field] = value;
                silent(&site.post(row.path, &body).await, field);
            }
        }
        for broken in [format!("{{\"model\": {CANARY}"), CANARY.to_owned(), format!("[\"{CANARY}\"]")] {
            silent(&site.send("POST", row.path, &headers, broken.as_bytes()).await, "a broken body");
        }
    }
    silent(&site.get(&format!("/{CANARY}")).await, "an unknown path");
    silent(&site.get("/metrics").await, "metrics");
    site.house.stop_and_verify().await;
    assert!(!site.house.leaves_text().contains(CANARY), "in a leaf of the log");
}
