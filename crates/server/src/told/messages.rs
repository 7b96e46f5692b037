//! Anthropic's words: one message of content blocks.

use axum::response::sse::Event;
use gateway::{Finish, Refusal};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{End, Events, Head, Part, Tell, event};
use crate::error::{ApiError, Dialect};
use crate::wire::Marks;

pub(super) struct Told {
    stops: Vec<Zeroizing<String>>,
}

impl Told {
    pub(super) fn new(stops: Vec<Zeroizing<String>>) -> Self {
        Self { stops }
    }

    /// `stop_reason`, and `stop_sequence` where that was one.
    fn stopped(&self, finish: Finish) -> (&'static str, Option<&str>) {
        match finish {
            Finish::Stop => ("end_turn", None),
            Finish::StopString(which) => ("stop_sequence", self.stops.get(which).map(|stop| stop.as_str())),
            Finish::Length => ("max_tokens", None),
            Finish::ToolCalls => ("tool_use", None),
        }
    }
}

/// The whole response.
#[derive(Serialize)]
struct Message<'a> {
    id: String,
    r#type: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Block<'a>>,
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'a str>,
    usage: WireUsage,
    proeftuin: Marks<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text {
        text: &'a str,
        citations: Option<()>,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        /// As the model wrote it: the receipt commits to these bytes.
        input: Box<RawValue>,
    },
}

#[derive(Serialize)]
struct WireUsage {
    input_tokens: u32,
    output_tokens: u32,
}

fn message<'a>(head: &'a Head, output_tokens: u32, marks: Marks<'a>) -> Message<'a> {
    Message {
        id: format!("msg_{}", head.id),
        r#type: "message",
        role: "assistant",
        model: &head.model,
        content: Vec::new(),
        stop_reason: None,
        stop_sequence: None,
        usage: WireUsage { input_tokens: head.prompt_tokens, output_tokens },
        proeftuin: marks,
    }
}

fn block(part: &Part) -> Result<Block<'_>, ApiError> {
    Ok(match part {
        Part::Text(text) => Block::Text { text, citations: None },
        Part::Call { id, name, arguments } => {
            let input = RawValue::from_string(arguments.as_str().to_owned());
            let input = input.map_err(|_| Refusal::closed("the arguments of a call are no JSON"))?;
            Block::ToolUse { id, name, input }
        }
    })
}

impl Tell for Told {
    fn begun(&mut self, head: &Head, out: &mut Events) {
        let message = message(head, 0, Marks::new(head.demo, None));
        out.push_back(event("message_start", &json!({"type": "message_start", "message": message})));
        out.push_back(self.keep_alive());
    }

    fn opened(&mut self, at: usize, part: &Part, out: &mut Events) {
        let block = match part {
            Part::Text(_) => json!({"type": "text", "text": "", "citations": null}),
            Part::Call { id, name, .. } => json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
        };
        let start = json!({"type": "content_block_start", "index": at, "content_block": block});
        out.push_back(event("content_block_start", &start));
    }

    fn grown(&mut self, at: usize, part: &Part, piece: &str, out: &mut Events) {
        let delta = match part {
            Part::Text(_) => json!({"type": "text_delta", "text": piece}),
            Part::Call { .. } => json!({"type": "input_json_delta", "partial_json": piece}),
        };
        let grown = json!({"type": "content_block_delta", "index": at, "delta": delta});
        out.push_back(event("content_block_delta", &grown));
    }

    fn closed(&mut self, at: usize, _part: &Part, _cut: bool, out: &mut Events) {
        out.push_back(event("content_block_stop", &json!({"type": "content_block_stop", "index": at})));
    }

    fn ended(&mut self, head: &Head, end: &End<'_>, out: &mut Events) {
        let (reason, sequence) = self.stopped(end.finish);
        let usage =
            WireUsage { input_tokens: head.prompt_tokens, output_tokens: end.usage.completion_tokens };
        let delta = json!({"stop_reason": reason, "stop_sequence": sequence});
        out.push_back(event(
            "message_delta",
            &json!({"type": "message_delta", "delta": delta, "usage": usage}),
        ));
        let marks = Marks::new(head.demo, Some(end.receipt));
        out.push_back(event("message_stop", &json!({"type": "message_stop", "proeftuin": marks})));
    }

    fn failed(&mut self, _head: &Head, error: &ApiError, out: &mut Events) {
        out.push_back(Event::default().event("error").data(error.event(Dialect::Anthropic)));
    }

    fn whole(&self, head: &Head, end: &End<'_>) -> Result<Vec<u8>, ApiError> {
        let mut whole = message(head, end.usage.completion_tokens, Marks::new(head.demo, Some(end.receipt)));
        whole.content = end.parts.iter().map(block).collect::<Result<_, _>>()?;
        let (reason, sequence) = self.stopped(end.finish);
        (whole.stop_reason, whole.stop_sequence) = (Some(reason), sequence);
        serde_json::to_vec(&whole)
            .map_err(|_| Refusal::closed("the answer could not be written as JSON").into())
    }

    fn keep_alive(&self) -> Event {
        event("ping", &json!({"type": "ping"}))
    }
}
