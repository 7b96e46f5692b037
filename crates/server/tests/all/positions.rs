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
