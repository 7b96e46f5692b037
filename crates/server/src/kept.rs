//! What a client kept of a request, read back offline: the body it sent, and the answer or receipt it got.

mod told;

use std::collections::BTreeMap;

use gateway::{EndpointId, GenerationRequest, Origin, Receipt, Trace, endpoint};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::routes::generate::read;
use crate::wire::body::{BODY_BYTES_MAX, Body};

/// Most choices that an answer has (the record holds no more).
const CHOICES_MAX: u64 = 128;
/// Most calls of tools that are read of one choice.
const CALLS_MAX: u64 = 1024;

/// An answer as its client kept it.
pub struct Kept {
    /// Its receipt.
    pub receipt: Receipt,
    /// By choice, the bytes that the receipt commits to: the text, or of a choice that called tools or thought first the canonical
    /// JSON (RFC 8785) of `content`, `reasoning_content` and `tool_calls` of its message, as far as it has them. Empty where nothing but the receipt was kept.
    pub choices: Vec<Zeroizing<Vec<u8>>>,
}

/// Why what was kept cannot be read. Nothing of it is repeated, but the code and the id of a refusal.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeptError {
    /// No JSON, and no stream of events.
    #[error(
        "is neither JSON nor a stream of server-sent events ({why}); give a receipt, a whole response body, or all `data:` lines of a stream"
    )]
    Unreadable {
        /// Where it stops being readable.
        why: String,
    },
    /// An answer without a receipt.
    #[error(
        "holds no receipt: it stands in `proeftuin.receipt` of a whole response, or of the last chunk of a stream that came to its end"
    )]
    NoReceipt,
    /// A receipt that is no receipt.
    #[error("holds a receipt that cannot be read: {why}")]
    BadReceipt {
        /// What is missing or wrong.
        why: String,
    },
    /// A refusal carries the id of its receipt alone.
    #[error(
        "is a refusal ({code}), so nothing was generated; {}",
        id.as_ref().map_or_else(
            || "it was not sealed under an id of its own".to_owned(),
            |id| format!("the log holds it as {id}: ask the pilot team for the leaf with that id (proeftuin log show)")
        )
    )]
    Refused {
        /// The rule or code.
        code: String,
        /// The receipt's id.
        id: Option<String>,
    },
    /// Two events or choices that contradict each other.
    #[error("holds {what}, which no answer of this program has")]
    Shape {
        /// What.
        what: &'static str,
    },
    /// Longer than a body may be.
    #[error("has more than {} bytes, which no request body has", BODY_BYTES_MAX)]
    TooLong,
    /// The body is none that is answered.
    #[error("cannot be read as the body of a request: {why}")]
    Request {
        /// What is wrong.
        why: String,
    },
}

/// The commitment's bytes of a request body: canonical JSON (RFC 8785).
///
/// # Errors
/// When it is no JSON or too long.
pub fn canonical_body(body: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeptError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(KeptError::TooLong);
    }
    let row = endpoint(EndpointId::ChatCompletions).ok_or(KeptError::NoReceipt)?;
    let body = Body::parse(row, body).map_err(|error| KeptError::Request { why: error.why() })?;
    Ok(body.canonical)
}

/// A request body as the server reads it; `action` is what the record calls the endpoint: `chat`, `complete`, `messages` or
/// `respond`.
///
/// # Errors
/// When it is no body of that endpoint, or nothing is generated there.
pub fn request(action: &str, body: &[u8]) -> Result<GenerationRequest, KeptError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(KeptError::TooLong);
    }
    let rows =
        [EndpointId::ChatCompletions, EndpointId::Completions, EndpointId::Messages, EndpointId::Responses];
    let row = rows.into_iter().find(|id| id.to_string() == action).and_then(endpoint).ok_or_else(|| {
        KeptError::Request { why: format!("at `{action}` nothing is generated; only what generates replays") }
    })?;
    let (request, ..) = read(row, body, Trace::NONE, Origin { loopback: true })
        .map_err(|error| KeptError::Request { why: error.why() })?;
    Ok(request)
}

/// Reads a receipt, a whole response body, or a stream's events, whichever it is.
///
/// # Errors
/// See [`KeptError`].
pub fn answer(bytes: &[u8]) -> Result<Kept, KeptError> {
    if bytes.trim_ascii_start().starts_with(b"{") {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
        if value.get("leaves").is_some() {
            return Ok(Kept { receipt: receipt(&value)?, choices: Vec::new() });
        }
        let mut choices = Choices::default();
        choices.take(&value)?;
        if value.get("type").is_some_and(|kind| kind == "message") {
            told::message(bytes, choices.first())?;
        }
        return choices.end();
    }
    let text = std::str::from_utf8(bytes).map_err(|error| KeptError::Unreadable {
        why: format!("no UTF-8 from byte {} on", error.valid_up_to()),
    })?;
    let mut choices = Choices::default();
    let mut events = 0_usize;
    for data in text.lines().filter_map(|line| line.strip_prefix("data:")) {
        let data = data.trim();
        if data == "[DONE]" {
            break;
        }
        events = events.saturating_add(1);
        let value: Value = serde_json::from_str(data).map_err(|error| unreadable(&error))?;
        choices.take(&value)?;
    }
    if events == 0 {
        return Err(KeptError::Unreadable { why: "it has no line that begins with `data:`".to_owned() });
    }
    choices.end()
}

/// Where JSON broke off; its words may quote what was read, so they are left out.
fn unreadable(error: &serde_json::Error) -> KeptError {
    KeptError::Unreadable { why: format!("line {}, column {}", error.line(), error.column()) }
}

fn receipt(value: &Value) -> Result<Receipt, KeptError> {
    Receipt::deserialize(value).map_err(|error| {
        // A wrong type is said with the value; only what is missing may be named.
        let text = error.to_string();
        let named = text.starts_with("missing field") || text.starts_with("duplicate field");
        KeptError::BadReceipt {
            why: if named { text } else { "a field has another type or form".to_owned() },
        }
    })
}

/// One choice, while its pieces come in.
#[derive(Default)]
struct Choice {
    text: Zeroizing<String>,
    thought: Zeroizing<String>,
    calls: BTreeMap<u64, Call>,
}

#[derive(Default)]
struct Call {
    id: String,
    name: String,
    arguments: Zeroizing<String>,
}

#[derive(Default)]
struct Choices {
    choices: BTreeMap<u64, Choice>,
    receipt: Option<Receipt>,
}

impl Choices {
    /// A whole response, or one event of a stream: they differ in `message` and `delta`.
    fn take(&mut self, value: &Value) -> Result<(), KeptError> {
        if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
            let text = |name: &str| error.get(name).and_then(Value::as_str).map(short);
            return Err(KeptError::Refused { code: text("code").unwrap_or_default(), id: text("receipt") });
        }
        if let Some(response) = told::last(value) {
            return self.take(response);
        }
        if let Some(found) = value.pointer("/proeftuin/receipt").filter(|found| !found.is_null())
            && self.receipt.replace(receipt(found)?).is_some()
        {
            return Err(KeptError::Shape { what: "two receipts" });
        }
        for item in value.get("choices").and_then(Value::as_array).into_iter().flatten() {
            let index = item.get("index").and_then(Value::as_u64).filter(|&index| index < CHOICES_MAX);
            let index = index.ok_or(KeptError::Shape { what: "a choice without a usable index" })?;
            self.choices.entry(index).or_default().take(item)?;
        }
        if told::is_part(value) {
            told::take(value, self.first())?;
        }
        Ok(())
    }

    fn first(&mut self) -> &mut Choice {
        self.choices.entry(0).or_default()
    }

    fn end(self) -> Result<Kept, KeptError> {
        let receipt = self.receipt.ok_or(KeptError::NoReceipt)?;
        if self.choices.keys().copied().ne(0..self.choices.len() as u64) {
            return Err(KeptError::Shape { what: "choices with a gap in their numbers" });
        }
        let choices = self.choices.into_values().map(Choice::committed).collect::<Result<_, _>>()?;
        Ok(Kept { receipt, choices })
    }
}

/// Codes and ids are ours and short; what claims to be one and is not is cut.
fn short(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic()).take(64).collect()
}

impl Choice {
    fn take(&mut self, item: &Value) -> Result<(), KeptError> {
        let said = item.get("message").or_else(|| item.get("delta")).unwrap_or(item);
        let text = said.get("content").or_else(|| said.get("text")).and_then(Value::as_str);
        self.text.push_str(text.unwrap_or_default());
        let thought = said.get("reasoning_content").and_then(Value::as_str);
        self.thought.push_str(thought.unwrap_or_default());
        let calls = said.get("tool_calls").and_then(Value::as_array);
        for (at, item) in calls.into_iter().flatten().enumerate() {
            // A whole message numbers its calls by their order.
            let index = item.get("index").and_then(Value::as_u64).unwrap_or(at as u64);
            if index >= CALLS_MAX {
                return Err(KeptError::Shape { what: "more calls of tools than are read" });
            }
            let call = self.calls.entry(index).or_default();
            let text = |pointer| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            call.id.push_str(text("/id"));
            call.name.push_str(text("/function/name"));
            call.arguments.push_str(text("/function/arguments"));
        }
        Ok(())
    }

    fn committed(self) -> Result<Zeroizing<Vec<u8>>, KeptError> {
        if self.calls.is_empty() && self.thought.is_empty() {
            return Ok(Zeroizing::new(self.text.as_bytes().to_vec()));
        }
        let calls: Vec<Value> = self
            .calls
            .values()
            .map(|call| {
                let function = json!({"name": call.name, "arguments": call.arguments.as_str()});
                json!({"id": call.id, "type": "function", "function": function})
            })
            .collect();
        let content = Some(self.text.as_str()).filter(|text| !text.is_empty());
        let mut message = Map::from_iter([("content".to_owned(), json!(content))]);
        if !self.thought.is_empty() {
            message.insert("reasoning_content".to_owned(), json!(self.thought.as_str()));
        }
        if !calls.is_empty() {
            message.insert("tool_calls".to_owned(), json!(calls));
        }
        serde_json_canonicalizer::to_vec(&message)
            .map(Zeroizing::new)
            .map_err(|_| KeptError::Shape { what: "a call of a tool that is no JSON" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Value {
        let leaf = json!({"index": "3", "leaf": "{}", "proof": "none"});
        json!({"v": 1, "id": "00".repeat(16), "log": "log", "leaves": [leaf], "request_key": "11".repeat(32)})
    }

    fn texts(kept: &Kept) -> Vec<&str> {
        kept.choices.iter().map(|choice| std::str::from_utf8(choice).unwrap()).collect()
    }

    #[test]
    fn a_receipt_a_body_and_a_stream_are_told_apart() {
        let bare = answer(receipt().to_string().as_bytes()).unwrap();
        assert!(bare.choices.is_empty());
        let choice = |index: u64, text: &str| json!({"index": index, "message": {"content": text}});
        let body =
            json!({"choices": [choice(1, "twee"), choice(0, "een")], "proeftuin": {"receipt": receipt()}});
        assert_eq!(texts(&answer(body.to_string().as_bytes()).unwrap()), ["een", "twee"]);
        let chunk = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
        let last = json!({"choices": [], "proeftuin": {"receipt": receipt()}});
        let stream = format!(
            "data: {}\n\ndata: {}\n\ndata: {last}\n\ndata: [DONE]\n\n",
            chunk("half"),
            chunk(" heel")
        );
        assert_eq!(texts(&answer(stream.as_bytes()).unwrap()), ["half heel"]);
        let plain = json!({"choices": [{"index": 0, "text": "plat"}], "proeftuin": {"receipt": receipt()}});
        assert_eq!(texts(&answer(plain.to_string().as_bytes()).unwrap()), ["plat"]);
    }

    #[test]
    fn calls_of_tools_are_the_same_whole_and_in_pieces() {
        let call =
            json!({"id": "c1", "type": "function", "function": {"name": "weer", "arguments": "{\"a\":1}"}});
        let message = json!({"content": null, "tool_calls": [call]});
        let body =
            json!({"choices": [{"index": 0, "message": message}], "proeftuin": {"receipt": receipt()}});
        let whole = answer(body.to_string().as_bytes()).unwrap();
        let piece = |call: Value| json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]});
        let pieces = [
            piece(json!({"index": 0, "id": "c1", "function": {"name": "weer", "arguments": ""}})),
            piece(json!({"index": 0, "function": {"arguments": "{\"a\""}})),
            piece(json!({"index": 0, "function": {"arguments": ":1}"}})),
            json!({"choices": [], "proeftuin": {"receipt": receipt()}}),
        ];
        let stream: String = pieces.iter().map(|piece| format!("data: {piece}\n\n")).collect();
        assert_eq!(texts(&answer(stream.as_bytes()).unwrap()), texts(&whole));
        assert_eq!(
            texts(&whole),
            [
                r#"{"content":null,"tool_calls":[{"function":{"arguments":"{\"a\":1}","name":"weer"},"id":"c1","type":"function"}]}"#
            ]
        );
    }

    #[test]
    fn what_is_no_answer_is_said_and_not_quoted() {
        let cases: [(&[u8], &str); 6] = [
            (b"{\"geheim\"", "line 1, column 9"),
            (b"geheim", "no line that begins with `data:`"),
            (b"\xff", "no UTF-8 from byte 0"),
            (b"{\"choices\":[]}", "holds no receipt"),
            (b"{\"error\":{\"code\":\"key-revoked\",\"receipt\":\"ab\"}}", "is a refusal (key-revoked)"),
            (b"{\"leaves\":\"geheim\"}", "cannot be read"),
        ];
        for (bytes, wanted) in cases {
            let Err(error) = answer(bytes) else { panic!("{wanted}") };
            let said = error.to_string();
            assert!(said.contains(wanted), "{said}");
            assert!(!said.contains("geheim"), "{said}");
        }
    }
}
