//! Every position of a body that can hold text, one row each, with personal data in it: the engine is given none of it, and
//! no answer, error, metric or leaf of the log says it.

use serde_json::{Value, json};

use crate::http::Site;

/// Numbers and addresses, and the parts that would betray them.
const VALUES: [(&str, &str); 3] = [
    ("BSN 111222333", "111222333"),
    ("NL91ABNA0417164300", "0417164300"),
    ("jan.jansen@ziggo.nl", "jan.jansen"),
];

/// What becomes of a value in a position.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    /// A placeholder goes to the model.
    Rewritten,
    /// 403, with the pointer.
    Refused(&'static str),
    /// 400: the field is not offered.
    NotOffered,
}
use Fate::{NotOffered, Refused, Rewritten};

const CHAT: &str = "/v1/chat/completions";
const TEXT: &str = "/v1/completions";

const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";

type Row = (&'static str, &'static str, fn(&str) -> Value, Fate);

fn message(role: &str, value: &str) -> Value {
    json!({"messages": [{"role": role, "content": format!("Zie {value}.")}, {"role": "user", "content": "Dag."}]})
}

/// A chat with a field beside its messages.
fn beside(field: &str, value: Value) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": "Dag."}]});
    body[field] = value;
    body
}

fn tool(description: &str, name: &str, schema: Value) -> Value {
    let function = json!({"name": name, "description": description, "parameters": schema});
    beside("tools", json!([{"type": "function", "function": function}]))
}

/// Anthropic's messages with other fields.
fn talk(more: Value) -> Value {
    let mut body = json!({"max_tokens": 64, "messages": [{"role": "user", "content": "Dag."}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Anthropic's messages in which a tool was used.
fn used(id: &str, input: Value, result: Value) -> Value {
    let block = json!({"type": "tool_use", "id": id, "name": "f", "input": input});
    talk(json!({"messages": [{"role": "user", "content": "Dag."}, {"role": "assistant", "content": [block]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": result}]}]}))
}

/// Items of a response in which a function was called.
fn ran(id: &str, arguments: &str, output: Value) -> Value {
    json!({"input": [{"role": "user", "content": "Dag."},
        {"type": "function_call", "call_id": id, "name": "f", "arguments": arguments},
        {"type": "function_call_output", "call_id": id, "output": output}]})
}

/// A conversation in which a tool was called.
fn called(id: &str, arguments: &Value, result: Value) -> Value {
    let call = json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
    json!({"messages": [{"role": "user", "content": "Dag."}, {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": id, "content": result}]})
}

const ROWS: &[Row] = &[
    ("a system message", CHAT, |v| message("system", v), Rewritten),
    ("a developer message", CHAT, |v| message("developer", v), Rewritten),
    ("a user message", CHAT, |v| message("user", v), Rewritten),
    ("an assistant message", CHAT, |v| message("assistant", v), Rewritten),
    (
        "a content part",
        CHAT,
        |v| {
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "Zie"},
        {"type": "text", "text": v}]}]})
        },
        Rewritten,
    ),
    ("JSON inside text", CHAT, |v| message("user", &json!({"a": [{"b": v}]}).to_string()), Rewritten),
    ("a prompt", TEXT, |v| json!({"prompt": v}), Rewritten),
    ("one of several prompts", TEXT, |v| json!({"prompt": ["Dag.", v]}), Rewritten),
    (
        "the name of an author",
        CHAT,
        |v| json!({"messages": [{"role": "user", "name": v, "content": "Dag."}]}),
        NotOffered,
    ),
    ("a tool message without a call", CHAT, |v| message("tool", v), NotOffered),
    ("the result of a tool", CHAT, |v| called("a", &json!("{}"), json!(v)), Rewritten),
    (
        "JSON as the result of a tool",
        CHAT,
        |v| called("a", &json!("{}"), json!(json!({"a": [v]}).to_string())),
        Rewritten,
    ),
    (
        "a part of the result of a tool",
        CHAT,
        |v| called("a", &json!("{}"), json!([{"type": "text", "text": v}])),
        Rewritten,
    ),
    (
        "the arguments of a tool call",
        CHAT,
        |v| called("a", &json!(json!({"a": {"b": [v]}}).to_string()), json!("")),
        Rewritten,
    ),
    ("arguments that are no JSON", CHAT, |v| called("a", &json!(format!("{{a: {v}")), json!("")), Rewritten),
    (
        "a key in the arguments of a tool call",
        CHAT,
        |v| called("a", &json!(json!({v: 1}).to_string()), json!("")),
        Refused("/messages/1/tool_calls/0/function/arguments/{member 0}"),
    ),
    (
        "the id of a tool call",
        CHAT,
        |v| called(v, &json!("{}"), json!("")),
        Refused("/messages/1/tool_calls/0/id"),
    ),
    (
        "a refusal sent back",
        CHAT,
        |v| json!({"messages": [{"role": "assistant", "content": "", "refusal": v}]}),
        NotOffered,
    ),
    ("the description of a tool", CHAT, |v| tool(v, "f", json!({})), Rewritten),
    (
        "the description of a parameter",
        CHAT,
        |v| tool("", "f", json!({"type": "object", "properties": {"a": {"description": v}}})),
        Rewritten,
    ),
    ("a name that no tool can have", CHAT, |v| tool("", &format!("{v}."), json!({})), NotOffered),
    (
        "the name of a tool",
        CHAT,
        |v| tool(v, "NL91ABNA0417164300", json!({})),
        Refused("/tools/0/function/name"),
    ),
    (
        "the name of a parameter",
        CHAT,
        |v| tool("", "f", json!({"properties": {v: {}}})),
        Refused("/tools/0/function/parameters/properties (a key)"),
    ),
    (
        "a default in a tool",
        CHAT,
        |v| tool("", "f", json!({"default": {"description": v}})),
        Refused("/tools/0/function/parameters/default/description"),
    ),
    (
        "an enum in a tool",
        CHAT,
        |v| tool("", "f", json!({"properties": {"a": {"enum": ["b", v]}}})),
        Refused("/tools/0/function/parameters/properties/a/enum/1"),
    ),
    (
        "the tool that is to be called",
        CHAT,
        |v| beside("tool_choice", json!({"type": "function", "function": {"name": v}})),
        NotOffered,
    ),
    (
        "the old name of tools",
        CHAT,
        |v| beside("functions", json!([{"name": "f", "description": v}])),
        NotOffered,
    ),
    (
        "a schema of the answer",
        CHAT,
        |v| {
            beside(
                "response_format",
                json!({"type": "json_schema", "json_schema":
        {"name": "s", "schema": {"description": v}}}),
            )
        },
        Refused("/response_format/json_schema/schema/description"),
    ),
    (
        "a key of a schema",
        TEXT,
        |v| json!({"prompt": "Dag.", "guided_json": {"properties": {v: {}}}}),
        Refused("/guided_json/properties (a key)"),
    ),
    (
        "a choice",
        CHAT,
        |v| beside("structured_outputs", json!({"choice": ["ja", v]})),
        Refused("/structured_outputs/choice/1"),
    ),
    ("a regular expression", CHAT, |v| beside("guided_regex", json!(v)), Refused("/guided_regex")),
    (
        "a grammar",
        CHAT,
        |v| beside("guided_grammar", json!(format!("start: \"{v}\""))),
        Refused("/guided_grammar"),
    ),
    ("a system prompt of messages", MESSAGES, |v| talk(json!({"system": v})), Rewritten),
    (
        "a block of a system prompt",
        MESSAGES,
        |v| talk(json!({"system": [{"type": "text", "text": "Zie"}, {"type": "text", "text": v}]})),
        Rewritten,
    ),
    (
        "a block of a message",
        MESSAGES,
        |v| talk(json!({"messages": [{"role": "user", "content": [{"type": "text", "text": v}]}]})),
        Rewritten,
    ),
    ("what a tool was given", MESSAGES, |v| used("a", json!({"a": {"b": [v]}}), json!("")), Rewritten),
    ("what a tool gave", MESSAGES, |v| used("a", json!({}), json!(v)), Rewritten),
    (
        "a block of what a tool gave",
        MESSAGES,
        |v| used("a", json!({}), json!([{"type": "text", "text": v}])),
        Rewritten,
    ),
    (
        "a key of what a tool was given",
        MESSAGES,
        |v| used("a", json!({"x": {v: 1}}), json!("")),
        Refused("/messages/1/content/0/input/x (a key)"),
    ),
    (
        "the id of a tool's use",
        MESSAGES,
        |v| used(v, json!({}), json!("")),
        Refused("/messages/1/content/0/id"),
    ),
    (
        "the description of a tool of messages",
        MESSAGES,
        |v| talk(json!({"tools": [{"name": "f", "description": v, "input_schema": {}}]})),
        Rewritten,
    ),
    (
        "the description of its parameter",
        MESSAGES,
        |v| {
            talk(json!({"tools": [{"name": "f", "input_schema": {"properties": {"a": {"description": v}}}}]}))
        },
        Rewritten,
    ),
    (
        "an enum of its parameter",
        MESSAGES,
        |v| talk(json!({"tools": [{"name": "f", "input_schema": {"properties": {"a": {"enum": [v]}}}}]})),
        Refused("/tools/0/input_schema/properties/a/enum/0"),
    ),
    ("a stop sequence", MESSAGES, |v| talk(json!({"stop_sequences": [v]})), Refused("/stop_sequences")),
    (
        "the user of messages",
        MESSAGES,
        |v| talk(json!({"metadata": {"user_id": v}})),
        Refused("/metadata/user_id"),
    ),
    (
        "an image",
        MESSAGES,
        |v| talk(json!({"messages": [{"role": "user", "content": [{"type": "image", "source": v}]}]})),
        NotOffered,
    ),
    (
        "a thought sent back",
        MESSAGES,
        |v| {
            talk(
                json!({"messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": v}]}]}),
            )
        },
        NotOffered,
    ),
    ("instructions", RESPONSES, |v| json!({"input": "Dag.", "instructions": v}), Rewritten),
    ("an input", RESPONSES, |v| json!({"input": v}), Rewritten),
    ("a message of an input", RESPONSES, |v| json!({"input": [{"role": "user", "content": v}]}), Rewritten),
    (
        "an answer sent back",
        RESPONSES,
        |v| json!({"input": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": v, "annotations": []}]}]}),
        Rewritten,
    ),
    (
        "the arguments of a function",
        RESPONSES,
        |v| ran("a", &json!({"a": [v]}).to_string(), json!("")),
        Rewritten,
    ),
    (
        "a key in the arguments of a function",
        RESPONSES,
        |v| ran("a", &json!({v: 1}).to_string(), json!("")),
        Refused("/input/1/arguments/{member 0}"),
    ),
    ("the output of a function", RESPONSES, |v| ran("a", "{}", json!(v)), Rewritten),
    (
        "a part of the output of a function",
        RESPONSES,
        |v| ran("a", "{}", json!([{"type": "input_text", "text": v}])),
        Rewritten,
    ),
    ("the id of a function's call", RESPONSES, |v| ran(v, "{}", json!("")), Refused("/input/1/call_id")),
    (
        "the description of a function",
        RESPONSES,
        |v| json!({"input": "Dag.", "tools": [{"type": "function", "name": "f", "description": v}]}),
        Rewritten,
    ),
    (
        "the description of a function's parameter",
        RESPONSES,
        |v| json!({"input": "Dag.", "tools": [{"type": "function", "name": "f", "parameters": {"items": {"description": v}}}]}),
        Rewritten,
    ),
    (
        "an annotation of an answer sent back",
        RESPONSES,
        |v| json!({"input": [{"role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": [v]}]}]}),
        Refused("/input/0/content/0/annotations/0"),
    ),
    ("an earlier response", RESPONSES, |v| json!({"input": "Dag.", "previous_response_id": v}), NotOffered),
    (
        "metadata of a response",
        RESPONSES,
        |v| json!({"input": "Dag.", "metadata": {"a": v}}),
        Refused("/metadata/a"),
    ),
    ("a text after the answer", TEXT, |v| json!({"prompt": "Dag.", "suffix": v}), NotOffered),
    ("a stop string", CHAT, |v| beside("stop", json!(["x", v])), Refused("/stop")),
    ("the user", CHAT, |v| beside("user", json!(v)), Refused("/user")),
    ("a safety identifier", CHAT, |v| beside("safety_identifier", json!(v)), Refused("/safety_identifier")),
    ("a cache key", CHAT, |v| beside("prompt_cache_key", json!(v)), Refused("/prompt_cache_key")),
    ("metadata", CHAT, |v| beside("metadata", json!({"a": v})), Refused("/metadata/a")),
    ("a key of metadata", CHAT, |v| beside("metadata", json!({v: "a"})), Refused("/metadata (a key)")),
    ("the model", CHAT, |v| beside("model", json!(v)), Refused("/model")),
    ("an unknown field", CHAT, |v| beside("x_note", json!(v)), NotOffered),
    (
        "annotations of a message",
        CHAT,
        |v| {
            json!({"messages": [{"role": "user", "content": "Dag.",
        "annotations": [v]}]})
        },
        Refused("/messages/0/annotations/0"),
    ),
];

fn silent(place: &str, value: &str, text: &str) {
    assert!(!text.contains(value), "{place}: {value} in {text}");
}

#[tokio::test]
async fn personal_data_reaches_nobody_from_any_position() {
    let site = Site::saying("Goedendag.").await;
    for (place, path, body, fate) in ROWS {
        for (value, part) in VALUES {
            let mut body = body(value);
            if body["model"].is_null() {
                body["model"] = json!("tiny");
            }
            let before = site.house.generator.requests().len();
            let reply = site.post(path, &body).await;
            silent(place, part, &reply.head);
            silent(place, part, &reply.body);
            let given = site.house.generator.requests().split_off(before);
            for request in &given {
                silent(place, part, &site.house.tokenizer.decode(&request.prompt));
            }
            match fate {
                Rewritten => {
                    assert_eq!(reply.status, 200, "{place}: {}", reply.body);
                    let prompts = given.iter().map(|request| site.house.tokenizer.decode(&request.prompt));
                    assert!(prompts.collect::<String>().contains("_1⟧"), "{place}");
                }
                Refused(pointer) => {
                    assert!(reply.status == 403 || *pointer == "/model", "{place}: {}", reply.body);
                    assert!(
                        *pointer == "/model" || reply.body.contains(&format!("{pointer} holds")),
                        "{}",
                        reply.body
                    );
                    assert!(given.is_empty());
                }
                NotOffered => {
                    assert_eq!(reply.status, 400, "{place}: {}", reply.body);
                    assert!(given.is_empty());
                }
            }
        }
    }
    let metrics = site.get("/metrics").await;
    site.house.stop_and_verify().await;
    for (_, part) in VALUES {
        silent("the metrics", part, &metrics.body);
        silent("the log", part, &site.house.leaves_text());
    }
}

#[tokio::test]
async fn token_ids_are_read_and_refused() {
    let site = Site::saying("Goedendag.").await;
    let ids = |text: &str| json!(site.house.tokenizer.encode(text).unwrap().to_vec());
    for prompt in [ids("Dag."), json!([ids("Dag."), ids("Tot ziens.")])] {
        let reply = site.post(TEXT, &json!({"model": "tiny", "prompt": prompt})).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    let before = site.house.generator.requests().len();
    for (value, part) in VALUES {
        let reply = site.post(TEXT, &json!({"model": "tiny", "prompt": [ids("Dag."), ids(value)]})).await;
        assert_eq!(reply.status, 403, "{}", reply.body);
        assert!(reply.body.contains("/prompt/1 holds") && !reply.body.contains(part), "{}", reply.body);
    }
    for prompt in [
        json!([1, "a"]),
        json!(["a", 1]),
        json!([[1], "a"]),
        json!([]),
        json!([[]]),
        json!([-1]),
        json!([1.5]),
    ] {
        let reply = site.post(TEXT, &json!({"model": "tiny", "prompt": prompt})).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
    }
    assert_eq!(site.house.generator.requests().len(), before);
}
