//! Bodies with a text in each place that the endpoint table names. A place that is new there fails the test that asks for it.

use gateway::{Endpoint, EndpointId};
use serde_json::{Value, json};

/// Puts `text` into a good body of `row` where `pointer` says, one of [`Endpoint::text`]. `fixed` stands beside it, where what is
/// said is compared and never rewritten.
pub fn put_text(row: &Endpoint, pointer: &str, body: &mut Value, text: &str, fixed: &str) {
    match row.id {
        EndpointId::Messages | EndpointId::CountTokens => in_message(body, pointer, text, fixed),
        EndpointId::Responses => in_item(body, pointer, text, fixed),
        _ => in_chat(body, pointer, text, fixed),
    }
}

fn unknown(pointer: &str) -> ! {
    panic!("the table has a text field {pointer} that this test does not know")
}

/// A schema with the text as a description, and what is compared.
fn schema(text: &str, fixed: &str) -> Value {
    json!({"properties": {"a": {"description": text, "enum": [fixed]}}})
}

fn in_message(body: &mut Value, pointer: &str, text: &str, fixed: &str) {
    let block = json!([{"type": "text", "text": text}]);
    let used = |input: Value, result: Value| {
        json!([{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": input}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": result}]}])
    };
    let none = json!({});
    match pointer {
        "/system" => body["system"] = json!(text),
        "/system/*/text" => body["system"] = block,
        "/messages/*/content" => body["messages"][0]["content"] = json!(text),
        "/messages/*/content/*/text" => body["messages"][0]["content"] = block,
        "/messages/*/content/*/input/**" => {
            body["messages"] = used(json!({"a": [text, {"enum": text}]}), json!(""));
        }
        "/messages/*/content/*/content" => body["messages"] = used(none, json!(text)),
        "/messages/*/content/*/content/*/text" => body["messages"] = used(none, block),
        "/tools/*/description" => {
            body["tools"] = json!([{"name": "f", "description": text, "input_schema": none}]);
        }
        "/tools/*/input_schema/**/description" => {
            body["tools"] = json!([{"name": "f", "input_schema": schema(text, fixed)}]);
        }
        other => unknown(other),
    }
}

fn in_item(body: &mut Value, pointer: &str, text: &str, fixed: &str) {
    let parts = json!([{"type": "input_text", "text": text}]);
    let called = |arguments: Value, output: Value| {
        json!([{"type": "function_call", "call_id": "a", "name": "f", "arguments": arguments.to_string()},
            {"type": "function_call_output", "call_id": "a", "output": output}])
    };
    let none = json!({});
    match pointer {
        "/instructions" => body["instructions"] = json!(text),
        "/input" => body["input"] = json!(text),
        "/input/*/content" => body["input"] = json!([{"role": "user", "content": text}]),
        "/input/*/content/*/text" => body["input"] = json!([{"role": "user", "content": parts}]),
        "/input/*/arguments" => body["input"] = called(json!({"a": text}), json!("")),
        "/input/*/output" => body["input"] = called(none, json!(text)),
        "/input/*/output/*/text" => body["input"] = called(none, parts),
        "/tools/*/description" => {
            body["tools"] = json!([{"type": "function", "name": "f", "description": text}]);
        }
        "/tools/*/parameters/**/description" => {
            body["tools"] = json!([{"type": "function", "name": "f", "parameters": schema(text, fixed)}]);
        }
        other => unknown(other),
    }
}

/// OpenAI's older shapes. Where a body has a prompt and the text is a chat's, the chat takes its place.
fn in_chat(body: &mut Value, pointer: &str, text: &str, fixed: &str) {
    let chat = ["/messages/", "/tools/"].iter().any(|start| pointer.starts_with(start));
    if let Some(fields) = body.as_object_mut().filter(|_| chat) {
        fields.remove("prompt");
        fields.entry("messages").or_insert_with(|| json!([{"role": "user", "content": "Dag."}]));
    }
    let tool = |function: Value| json!([{"type": "function", "function": function}]);
    match pointer {
        "/messages/*/content" => body["messages"][0]["content"] = json!(text),
        "/messages/*/content/*/text" => {
            body["messages"][0]["content"] = json!([{"type": "text", "text": text}]);
        }
        "/messages/*/tool_calls/*/function/arguments" => {
            let function = json!({"name": "f", "arguments": json!({"a": text}).to_string()});
            let call = json!({"id": "a", "type": "function", "function": function});
            body["messages"] = json!([{"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "a", "content": text}]);
        }
        "/tools/*/function/description" => {
            body["tools"] = tool(json!({"name": "f", "description": text}));
        }
        "/tools/*/function/parameters/**/description" => {
            body["tools"] = tool(json!({"name": "f", "parameters": schema(text, fixed)}));
        }
        "/prompt" => body["prompt"] = json!(text),
        "/prompt/*" => body["prompt"] = json!(["Dag.", text]),
        "/input" => body["input"] = json!(text),
        "/input/*" => body["input"] = json!(["Dag.", text]),
        other => unknown(other),
    }
}
