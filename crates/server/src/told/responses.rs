//! OpenAI's newer words: one response of output items. Nothing of the request is repeated in it but numbers.

use axum::response::sse::Event;
use gateway::{Finish, Params, Refusal};
use serde_json::{Value, json};

use super::{End, Events, Head, Part, Tell, event};
use crate::error::ApiError;
use crate::wire::{Marks, set};

pub(super) struct Told {
    params: Params,
    /// Number of the next event.
    number: u64,
    /// Id of the receipt, which ids of items are made of.
    id: String,
}

impl Told {
    pub(super) fn new(params: Params) -> Self {
        Self { params, number: 0, id: String::new() }
    }

    fn push(&mut self, name: &'static str, mut data: Value, out: &mut Events) {
        set(&mut data, "type", json!(name));
        set(&mut data, "sequence_number", json!(self.number));
        self.number = self.number.saturating_add(1);
        out.push_back(event(name, &data));
    }

    /// The response as far as it has come. Tools and instructions are the client's own and are not repeated.
    fn response(&self, head: &Head, status: &str, output: Vec<Value>) -> Value {
        json!({
            "id": format!("resp_{}", head.id),
            "object": "response",
            "created_at": head.created_s,
            "status": status,
            "model": head.model,
            "output": output,
            "error": null,
            "incomplete_details": null,
            "usage": null,
            "instructions": null,
            "metadata": {},
            "tools": [],
            "tool_choice": "auto",
            "parallel_tool_calls": true,
            "temperature": self.params.temperature.unwrap_or(1.0),
            "top_p": self.params.top_p.unwrap_or(1.0),
            "max_output_tokens": self.params.max_tokens,
            "previous_response_id": null,
            "store": false,
            "truncation": "disabled",
            "background": false,
            "proeftuin": Marks::new(head.demo, None),
        })
    }

    fn finished(&self, head: &Head, end: &End<'_>) -> Value {
        let cut = end.finish == Finish::Length;
        let last = end.parts.len().saturating_sub(1);
        let output = end.parts.iter().enumerate();
        let output = output.map(|(at, part)| item(&head.id, at, part, status(part, cut && at == last)));
        let mut response =
            self.response(head, if cut { "incomplete" } else { "completed" }, output.collect());
        if cut {
            set(&mut response, "incomplete_details", json!({"reason": "max_output_tokens"}));
        }
        let (input, output) = (end.usage.prompt_tokens, end.usage.completion_tokens);
        set(
            &mut response,
            "usage",
            json!({
                "input_tokens": input,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": output,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": input.saturating_add(output),
            }),
        );
        set(&mut response, "proeftuin", json!(Marks::new(head.demo, Some(end.receipt))));
        response
    }
}

/// How a part ended. Calls are given out whole or not at all.
fn status(part: &Part, cut: bool) -> &'static str {
    match part {
        Part::Text(_) if cut => "incomplete",
        _ => "completed",
    }
}

fn item_id(receipt: &str, at: usize, part: &Part) -> String {
    let kind = match part {
        Part::Text(_) => "msg",
        Part::Call { .. } => "fc",
    };
    format!("{kind}_{receipt}_{at}")
}

fn item(receipt: &str, at: usize, part: &Part, status: &str) -> Value {
    let id = item_id(receipt, at, part);
    match part {
        Part::Text(text) => json!({"type": "message", "id": id, "role": "assistant", "status": status,
            "content": [output_text(text)]}),
        Part::Call { id: call_id, name, arguments } => {
            json!({"type": "function_call", "id": id, "call_id": call_id,
            "name": name, "arguments": arguments.as_str(), "status": status})
        }
    }
}

fn output_text(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

impl Tell for Told {
    fn begun(&mut self, head: &Head, out: &mut Events) {
        self.id.clone_from(&head.id);
        for name in ["response.created", "response.in_progress"] {
            let response = self.response(head, "in_progress", Vec::new());
            self.push(name, json!({"response": response}), out);
        }
    }

    fn opened(&mut self, at: usize, part: &Part, out: &mut Events) {
        let mut begun = item(&self.id, at, part, "in_progress");
        if let Part::Text(_) = part {
            set(&mut begun, "content", json!([]));
        }
        self.push("response.output_item.added", json!({"output_index": at, "item": begun}), out);
        if let Part::Text(_) = part {
            let added = json!({"item_id": item_id(&self.id, at, part), "output_index": at, "content_index": 0,
                "part": output_text("")});
            self.push("response.content_part.added", added, out);
        }
    }

    fn grown(&mut self, at: usize, part: &Part, piece: &str, out: &mut Events) {
        let mut data = json!({"item_id": item_id(&self.id, at, part), "output_index": at, "delta": piece});
        match part {
            Part::Text(_) => {
                set(&mut data, "content_index", json!(0));
                set(&mut data, "logprobs", json!([]));
                self.push("response.output_text.delta", data, out);
            }
            Part::Call { .. } => self.push("response.function_call_arguments.delta", data, out),
        }
    }

    fn closed(&mut self, at: usize, part: &Part, cut: bool, out: &mut Events) {
        let mut data = json!({"item_id": item_id(&self.id, at, part), "output_index": at});
        match part {
            Part::Text(text) => {
                set(&mut data, "content_index", json!(0));
                let mut done = data.clone();
                set(&mut done, "text", json!(text.as_str()));
                set(&mut done, "logprobs", json!([]));
                self.push("response.output_text.done", done, out);
                set(&mut data, "part", output_text(text));
                self.push("response.content_part.done", data, out);
            }
            Part::Call { name, arguments, .. } => {
                set(&mut data, "name", json!(name));
                set(&mut data, "arguments", json!(arguments.as_str()));
                self.push("response.function_call_arguments.done", data, out);
            }
        }
        let whole = item(&self.id, at, part, status(part, cut));
        self.push("response.output_item.done", json!({"output_index": at, "item": whole}), out);
    }

    fn ended(&mut self, head: &Head, end: &End<'_>, out: &mut Events) {
        let name = match end.finish {
            Finish::Length => "response.incomplete",
            _ => "response.completed",
        };
        let response = self.finished(head, end);
        self.push(name, json!({"response": response}), out);
        out.push_back(Event::default().data("[DONE]"));
    }

    fn failed(&mut self, head: &Head, error: &ApiError, out: &mut Events) {
        let mut response = self.response(head, "failed", Vec::new());
        set(&mut response, "error", json!({"code": "server_error", "message": error.why()}));
        self.push("response.failed", json!({"response": response}), out);
    }

    fn whole(&self, head: &Head, end: &End<'_>) -> Result<Vec<u8>, ApiError> {
        serde_json::to_vec(&self.finished(head, end))
            .map_err(|_| Refusal::closed("the answer could not be written as JSON").into())
    }

    fn keep_alive(&self) -> Event {
        Event::default().comment("")
    }
}
