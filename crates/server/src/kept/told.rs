//! Answers that were told part by part, as a client kept them: Anthropic's messages and OpenAI's responses.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{CALLS_MAX, Choice, KeptError};

/// A whole message, with what tools were given as the bytes that came: the receipt commits to them.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Vec<Block<'a>>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(default)]
    text: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

/// Reads the blocks of a whole message.
pub(super) fn message(bytes: &[u8], choice: &mut Choice) -> Result<(), KeptError> {
    let shape = |_| KeptError::Shape { what: "content that is no list of blocks" };
    let message: Message<'_> = serde_json::from_slice(bytes).map_err(shape)?;
    for (at, block) in message.content.into_iter().enumerate() {
        choice.text.push_str(&block.text);
        if let Some(input) = block.input {
            add(choice, Some(at as u64), (&block.id, &block.name), input.get())?;
        }
    }
    Ok(())
}

/// The whole response in the last event of a stream of one.
pub(super) fn last(event: &Value) -> Option<&Value> {
    let ends = matches!(event.get("type")?.as_str()?, "response.completed" | "response.incomplete");
    event.get("response").filter(|_| ends)
}

/// Whether this is a whole response, or an event that adds to a message.
pub(super) fn is_part(value: &Value) -> bool {
    let kind = value.get("type").and_then(Value::as_str);
    let object = value.get("object").and_then(Value::as_str);
    object == Some("response") || matches!(kind, Some("content_block_start" | "content_block_delta"))
}

/// Takes the items of a whole response, or what an event adds to a block.
pub(super) fn take(value: &Value, choice: &mut Choice) -> Result<(), KeptError> {
    let text = |value: &Value, pointer: &str| {
        value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    for (at, item) in value.get("output").and_then(Value::as_array).into_iter().flatten().enumerate() {
        for part in item.get("content").and_then(Value::as_array).into_iter().flatten() {
            choice.text.push_str(&text(part, "/text"));
        }
        if text(item, "/type") == "function_call" {
            let named = (&*text(item, "/call_id"), &*text(item, "/name"));
            add(choice, Some(at as u64), named, &text(item, "/arguments"))?;
        }
    }
    choice.text.push_str(&text(value, "/delta/text"));
    let index = value.get("index").and_then(Value::as_u64);
    let begins = text(value, "/content_block/type") == "tool_use";
    if begins || text(value, "/delta/type") == "input_json_delta" {
        let named = (&*text(value, "/content_block/id"), &*text(value, "/content_block/name"));
        add(choice, index, named, &text(value, "/delta/partial_json"))?;
    }
    Ok(())
}

fn add(
    choice: &mut Choice,
    index: Option<u64>,
    (id, name): (&str, &str),
    arguments: &str,
) -> Result<(), KeptError> {
    let index = index.filter(|&index| index < CALLS_MAX);
    let index = index.ok_or(KeptError::Shape { what: "a call without a usable index" })?;
    let call = choice.calls.entry(index).or_default();
    call.id.push_str(id);
    call.name.push_str(name);
    call.arguments.push_str(arguments);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::answer;

    /// A receipt in JSON.
    fn receipt() -> String {
        let (id, key) = ("00".repeat(16), "11".repeat(32));
        format!(
            r#"{{"v":1,"id":"{id}","log":"log","leaves":[{{"index":"3","leaf":"{{}}","proof":"none"}}],"request_key":"{key}"}}"#
        )
    }

    fn only(bytes: &str) -> String {
        let kept = answer(bytes.as_bytes()).unwrap();
        assert_eq!(kept.choices.len(), 1);
        std::str::from_utf8(&kept.choices[0]).unwrap().to_owned()
    }

    const CALLED: &str = r#"{"content":"Ja.","tool_calls":[{"function":{"arguments":"{\"a\": 1.50}","name":"f"},"id":"c1","type":"function"}]}"#;

    #[test]
    fn a_message_is_the_same_whole_and_in_events_and_keeps_its_bytes() {
        let marks = format!(r#""proeftuin":{{"receipt":{}}}"#, receipt());
        let whole = format!(
            r#"{{"type":"message","content":[{{"type":"text","text":"Ja."}},{{"type":"tool_use","id":"c1","name":"f","input":{{"a": 1.50}}}}],{marks}}}"#
        );
        assert_eq!(only(&whole), CALLED);
        let events = [
            r#"{"type":"message_start","message":{"id":"msg_1","content":[]}}"#.to_owned(),
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#.to_owned(),
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Ja."}}"#.to_owned(),
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"c1","name":"f","input":{}}}"#
                .to_owned(),
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}"#.to_owned(),
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":": 1.50}"}}"#.to_owned(),
            format!(r#"{{"type":"message_stop",{marks}}}"#),
        ];
        let stream: String = events.iter().map(|data| format!("event: e\ndata: {data}\n\n")).collect();
        assert_eq!(only(&stream), CALLED);
    }

    #[test]
    fn a_response_is_the_same_whole_and_in_events() {
        let whole = format!(
            r#"{{"object":"response","error":null,"output":[{{"type":"message","content":[{{"type":"output_text","text":"Ja."}}]}},
                {{"type":"function_call","call_id":"c1","name":"f","arguments":"{{\"a\": 1.50}}"}}],"proeftuin":{{"receipt":{}}}}}"#,
            receipt()
        )
        .replace('\n', "");
        assert_eq!(only(&whole), CALLED);
        let begun =
            r#"{"type":"response.created","response":{"object":"response","output":[],"error":null}}"#;
        let stream = format!(
            "data: {begun}\n\ndata: {{\"type\":\"response.output_text.delta\",\"delta\":\"Ja.\"}}\n\n\
             data: {{\"type\":\"response.completed\",\"response\":{whole}}}\n\ndata: [DONE]\n\n"
        );
        assert_eq!(only(&stream), CALLED);
    }
}
