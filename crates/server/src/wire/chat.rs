//! `/v1/chat/completions`.

use gateway::{Constrained, Finish, Input, Message, Params, Role, Tools};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::constraint::constraint;
use super::fields::Fields;
use super::logprobs::ChatLogprobs;
use super::params::{Delivery, chat_logprobs, delivery, params, refuse_unoffered, stop, thinking_tokens};
use super::tools::{Calls, WireCall, tools};
use super::{Marks, WireUsage, finish_reason};
use crate::error::ApiError;

/// Most messages of a conversation.
pub(crate) const MESSAGES_MAX: usize = 4096;

/// What a generation endpoint's body says.
pub(crate) struct Parsed {
    pub(crate) model: String,
    pub(crate) input: Input,
    pub(crate) tools: Option<Tools>,
    pub(crate) constraint: Option<Constrained>,
    pub(crate) stop: Vec<Zeroizing<String>>,
    pub(crate) params: Params,
    pub(crate) delivery: Delivery,
}

pub(crate) fn parse(body: Value) -> Result<Parsed, ApiError> {
    let mut fields = Fields::new(body, "")?;
    let model = model(&mut fields)?;
    let messages = messages(&mut fields)?;
    let tools = tools(&mut fields)?;
    let thinking_tokens = thinking_tokens(&mut fields)?;
    let logprobs = chat_logprobs(&mut fields, tools.as_ref())?;
    let parsed = Parsed {
        model,
        input: Input::Chat(messages),
        tools,
        constraint: constraint(&mut fields)?,
        stop: stop(&mut fields)?,
        params: Params { logprobs, thinking_tokens, ..params(&mut fields)? },
        delivery: delivery(&mut fields)?,
    };
    refuse_unoffered(&mut fields)?;
    fields.finish()?;
    Ok(parsed)
}

/// `messages`, not looked at yet.
pub(crate) fn items(fields: &mut Fields) -> Result<Vec<Value>, ApiError> {
    let Value::Array(items) = fields.required("messages")? else {
        return Err(fields.error("messages", "must be a list"));
    };
    if items.is_empty() || items.len() > MESSAGES_MAX {
        return Err(fields.error("messages", format!("must hold 1 to {MESSAGES_MAX} messages")));
    }
    Ok(items)
}

/// `messages`.
pub(crate) fn messages(fields: &mut Fields) -> Result<Vec<Message>, ApiError> {
    let mut calls = Calls::default();
    items(fields)?.into_iter().enumerate().map(|(i, item)| message(i, item, &mut calls)).collect()
}

pub(crate) fn model(fields: &mut Fields) -> Result<String, ApiError> {
    match fields.text("model")? {
        Some(model) if !model.is_empty() && model.len() <= 128 => Ok(model.as_str().to_owned()),
        Some(_) => Err(fields.error("model", "must be a model id of 1 to 128 bytes")),
        None => Err(fields.error("model", "is required")),
    }
}

fn message(index: usize, item: Value, made: &mut Calls) -> Result<Message, ApiError> {
    let mut fields = Fields::new(item, format!("messages[{index}]."))?;
    let role = fields.text("role")?.ok_or_else(|| fields.error("role", "is required"))?;
    let role = match role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        "function" => return Err(fields.error("role", "is what tool was called once; send tools and tool")),
        _ => return Err(fields.error("role", "must be system, developer, user, assistant or tool")),
    };
    let calls = match role {
        Role::Assistant => made.made(&mut fields)?,
        _ => Vec::new(),
    };
    let answers = match role {
        Role::Tool => Some(made.answered(&mut fields)?),
        _ => None,
    };
    let content = match fields.take("content") {
        // A call needs no words.
        None if !calls.is_empty() => Value::String(String::new()),
        None => return Err(fields.error("content", "is required")),
        Some(content) => content,
    };
    let (content, parts) = content_text(&fields, content)?;
    fields.only("tool_calls", &[serde_json::json!([])], "is for assistant messages")?;
    fields.only("function_call", &[], "is what tool_calls was called once; send tool_calls")?;
    fields.only("refusal", &[serde_json::json!("")], "cannot be carried on; leave it out")?;
    fields.only(
        "reasoning_content",
        &[serde_json::json!("")],
        "is not given to the model again; leave it out",
    )?;
    fields.only("name", &[], "does not reach the model here; leave it out")?;
    fields.skip(&["annotations", "audio", "ai_generated"]);
    fields.finish()?;
    Ok(Message { role, content, parts, calls, answers })
}

/// A string, or a list of text parts, which are joined by a line feed, and where the later ones begin.
fn content_text(fields: &Fields, content: Value) -> Result<(Zeroizing<String>, Vec<usize>), ApiError> {
    let parts = match content {
        Value::String(text) => return Ok((Zeroizing::new(text), Vec::new())),
        Value::Array(parts) => parts,
        _ => return Err(fields.error("content", "must be a string or a list of text parts")),
    };
    let mut joined = Zeroizing::new(String::new());
    let mut starts = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        let mut part = Fields::new(part, fields.path(&format!("content[{index}].")))?;
        if part.text("type")?.is_none_or(|kind| kind.as_str() != "text") {
            return Err(fields.error("content", "offers only parts of type \"text\""));
        }
        let text =
            part.text("text")?.ok_or_else(|| fields.error("content", "has a text part without text"))?;
        part.finish()?;
        if index > 0 {
            joined.push('\n');
            starts.push(joined.len());
        }
        joined.push_str(&text);
    }
    Ok((joined, starts))
}

/// The whole response.
#[derive(Serialize)]
pub(crate) struct Completion<'a> {
    pub(crate) id: &'a str,
    pub(crate) object: &'static str,
    pub(crate) created: i64,
    pub(crate) model: &'a str,
    pub(crate) choices: Vec<Choice>,
    pub(crate) usage: WireUsage,
    pub(crate) proeftuin: Marks<'a>,
}

/// One answer.
#[derive(Serialize)]
pub(crate) struct Choice {
    index: usize,
    message: Answer,
    logprobs: Option<ChatLogprobs>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Answer {
    role: &'static str,
    content: Option<String>,
    refusal: Option<()>,
    #[serde(skip_serializing_if = "String::is_empty")]
    reasoning_content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall>,
}

impl Choice {
    pub(crate) fn new(
        index: usize,
        content: String,
        reasoning_content: String,
        tool_calls: Vec<WireCall>,
        logprobs: Option<ChatLogprobs>,
        reason: Finish,
    ) -> Self {
        // Without words there is null beside calls, as OpenAI has it.
        let content = Some(content).filter(|text| !text.is_empty() || tool_calls.is_empty());
        let message = Answer { role: "assistant", content, refusal: None, reasoning_content, tool_calls };
        Self { index, message, logprobs, finish_reason: finish_reason(reason) }
    }
}

/// One event of a stream.
#[derive(Serialize)]
pub(crate) struct Chunk<'a> {
    pub(crate) id: &'a str,
    pub(crate) object: &'static str,
    pub(crate) created: i64,
    pub(crate) model: &'a str,
    pub(crate) choices: Vec<DeltaChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<WireUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proeftuin: Option<Marks<'a>>,
}

/// What one choice gained.
#[derive(Serialize)]
pub(crate) struct DeltaChoice<'a> {
    pub(crate) index: usize,
    pub(crate) delta: Delta<'a>,
    pub(crate) logprobs: Option<ChatLogprobs>,
    pub(crate) finish_reason: Option<&'static str>,
}

/// The gain itself.
#[derive(Serialize, Default)]
pub(crate) struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tool_calls: Option<[WireCall; 1]>,
}
