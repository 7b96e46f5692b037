//! Requests and responses have OpenAI's shapes, and what is not offered is refused by name.

use serde_json::{Value, json};

use crate::harness::{Events, MODEL, Reply, Shared, get, request, shared};

fn question(more: Value) -> Value {
    let mut body = json!({
        "model": MODEL, "max_tokens": 8, "temperature": 0, "ignore_eos": true,
        "messages": [{"role": "user", "content": "What is a tulip?"}],
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn prompt(more: Value) -> Value {
    let mut body = json!({"model": MODEL, "max_tokens": 8, "temperature": 0, "ignore_eos": true, "prompt": "A tulip is"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// The shape with what differs from run to run, or with the model's taste, taken out.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| {
                let hidden = match name.as_str() {
                    "id" | "created" | "receipt" | "content" | "text" | "sha256" => {
                        !value.is_null() && value != ""
                    }
                    _ => false,
                };
                let shown = if hidden && value != MODEL { json!(format!("[{name}]")) } else { shape(value) };
                (name.clone(), shown)
            })
            .collect(),
        Value::Array(items) => items.iter().map(shape).collect(),
        other => other.clone(),
    }
}

fn snapshot(reply: &Reply) -> Value {
    json!({"status": reply.status, "body": shape(&reply.json())})
}

/// The chunks of a whole stream, after checking that `[DONE]` ends it.
fn chunks(events: Events) -> Vec<Value> {
    assert_eq!(events.head.header("content-type"), Some("text/event-stream"));
    let mut data = events.rest();
    assert_eq!(data.pop().as_deref(), Some("[DONE]"));
    data.iter().map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// The text of one choice, put together.
fn text(chunks: &[Value], choice: u64, pointer: &str) -> String {
    let of_choice = chunks.iter().flat_map(|chunk| chunk["choices"].as_array().unwrap());
    let of_choice = of_choice.filter(|delta| delta["index"] == choice);
    of_choice.filter_map(|delta| delta.pointer(pointer)?.as_str()).collect()
}

#[test]
fn chat_whole() {
    let Some(shared) = shared() else { return };
    let reply = shared.server.chat(&shared.key, &question(json!({})));
    assert_eq!(reply.header("x-proeftuin-ai-generated"), Some("true"));
    assert_eq!(reply.header("x-proeftuin-demo"), None);
    insta::assert_json_snapshot!("chat", snapshot(&reply));
}

#[test]
fn chat_streamed_is_the_same_text() {
    let shared = shared();
    let Some(Shared { server, key, .. }) = shared.as_deref() else { return };
    let whole = server.chat(key, &question(json!({}))).ok();
    let chunks = chunks(server.stream(key, &question(json!({"stream": true}))));
    assert_eq!(text(&chunks, 0, "/delta/content"), whole["choices"][0]["message"]["content"]);
    // How many pieces the text comes in is the tokenizer's business.
    let (first, last) = (shape(&chunks[0]), shape(chunks.last().unwrap()));
    let middle = shape(&chunks[1]);
    insta::assert_json_snapshot!("chat_stream", json!({"first": first, "text": middle, "last": last}));
    assert!(chunks.iter().all(|chunk| chunk["id"] == chunks[0]["id"] && chunk.get("usage").is_none()));
}

#[test]
fn usage_comes_in_a_chunk_of_its_own_when_asked_for() {
    let shared = shared();
    let Some(Shared { server, key, .. }) = shared.as_deref() else { return };
    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    let chunks = chunks(server.stream(key, &question(options)));
    let (last, before) = chunks.split_last().unwrap();
    insta::assert_json_snapshot!("chat_stream_usage", shape(last));
    assert!(
        before
            .iter()
            .all(|chunk| chunk["usage"].is_null() && chunk["choices"].as_array().unwrap().len() == 1)
    );
    assert_eq!(last["usage"]["completion_tokens"], 8);
}

#[test]
fn several_choices_are_told_apart() {
    let shared = shared();
    let Some(Shared { server, key, .. }) = shared.as_deref() else { return };
    let options = json!({"n": 2, "seed": 5, "temperature": 1.2});
    let whole = server.chat(key, &question(options.clone())).ok();
    let indices: Vec<_> =
        whole["choices"].as_array().unwrap().iter().map(|choice| choice["index"].clone()).collect();
    assert_eq!(indices, [0, 1]);
    assert_eq!(whole["usage"]["completion_tokens"], 16);
    let mut streamed = question(options);
    streamed["stream"] = json!(true);
    let chunks = chunks(server.stream(key, &streamed));
    for choice in [0, 1] {
        let expected = &whole["choices"][usize::try_from(choice).unwrap()]["message"]["content"];
        assert_eq!(text(&chunks, choice, "/delta/content"), *expected);
    }
    let finishes = chunks.iter().filter(|chunk| chunk["choices"][0]["finish_reason"] == "length").count();
    assert_eq!(finishes, 2);
}

#[test]
fn completions_whole_and_streamed() {
    let shared = shared();
    let Some(Shared { server, key, .. }) = shared.as_deref() else { return };
    let reply = server.complete(key, &prompt(json!({})));
    insta::assert_json_snapshot!("completion", snapshot(&reply));
    let streamed =
        crate::harness::stream(&server.address, "/v1/completions", key, &prompt(json!({"stream": true})));
    let chunks = chunks(streamed);
    assert_eq!(text(&chunks, 0, "/text"), reply.json()["choices"][0]["text"]);
    insta::assert_json_snapshot!("completion_stream", json!({"last": shape(chunks.last().unwrap())}));
    let batch = server.complete(key, &prompt(json!({"prompt": ["A tulip is", "A rose is"]}))).ok();
    assert_eq!(batch["choices"].as_array().unwrap().len(), 2);
    assert_eq!(batch["choices"][0]["text"], reply.json()["choices"][0]["text"]);
}

#[test]
fn models_list_and_one() {
    let shared = shared();
    let Some(Shared { server, key, .. }) = shared.as_deref() else { return };
    let (address, key) = (&server.address, Some(key.as_str()));
    insta::assert_json_snapshot!("models", snapshot(&get(address, "/v1/models", key)));
    assert_eq!(get(address, &format!("/v1/models/{MODEL}"), key).ok()["id"], MODEL);
    insta::assert_json_snapshot!("model_unknown", snapshot(&get(address, "/v1/models/other", key)));
}

#[test]
fn what_is_not_offered_is_refused_by_name() {
    let shared = shared();
    let Some(Shared { server, key, .. }) = shared.as_deref() else { return };
    for (name, more) in [
        ("functions", json!({"functions": [{"name": "f"}]})),
        ("temprature", json!({"temprature": 0.5})),
        ("top_logprobs", json!({"top_logprobs": 2})),
        ("response_format.type", json!({"response_format": {"type": "yaml"}})),
        ("store", json!({"store": true})),
        ("temperature", json!({"temperature": 3})),
        ("n", json!({"n": 0})),
        ("max_tokens", json!({"max_tokens": -1})),
        ("seed", json!({"seed": "seven"})),
        ("stop", json!({"stop": [""]})),
        ("stream_options", json!({"stream_options": {"include_usage": true}})),
        ("messages", json!({"messages": []})),
        ("messages[0].tool_call_id", json!({"messages": [{"role": "tool", "content": "x"}]})),
        ("messages[0].name", json!({"messages": [{"role": "user", "content": "x", "name": "jan"}]})),
    ] {
        let reply = server.chat(key, &question(more));
        assert_eq!(reply.status, 400, "{name}: {}", reply.text());
        let error = &reply.json()["error"];
        assert_eq!(error["param"], name, "{error}");
        assert!(error["message"].as_str().unwrap().starts_with(name), "{error}");
        assert_eq!(error["type"], "invalid_request_error");
    }
    let unknown = server.chat(key, &question(json!({"temprature": 0.5})));
    insta::assert_json_snapshot!("unknown_field", snapshot(&unknown));
    let broken = request(&server.address, "POST", "/v1/chat/completions", Some(key), "{\"model\":");
    insta::assert_json_snapshot!("broken_body", snapshot(&broken));
}

#[test]
fn what_does_not_fit_the_context_is_refused_with_both_numbers() {
    let shared = shared();
    let Some(Shared { server, key, place }) = shared.as_deref() else { return };
    let card = get(&server.address, &format!("/v1/models/{MODEL}"), Some(key)).ok();
    let context = card["context_tokens"].as_u64().unwrap();
    let long = "tulip ".repeat(usize::try_from(context).unwrap());
    for (more, wanted) in [
        (json!({"max_tokens": context}), context),
        (json!({"messages": [{"role": "user", "content": long}], "max_tokens": 1}), 1),
    ] {
        let reply = server.chat(key, &question(more));
        assert_eq!(reply.status, 400, "{}", reply.text());
        let error = &reply.json()["error"];
        assert_eq!(error["code"], "context_length_exceeded");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(&format!("context of {context}")), "{message}");
        assert!(message.contains(&format!("max_tokens is {wanted},")), "{message}");
        assert!(message.contains("the prompt has "), "{message}");
    }
    let leaves = place.leaves();
    let denied =
        leaves.of("denied").into_iter().filter(|leaf| leaf["decision"]["rule"] == "request-does-not-fit");
    assert_eq!(denied.count(), 2, "each is sealed");
}
