//! `/v1/responses`: OpenAI's Responses API without its store. Every request brings the whole conversation.

use gateway::{Constrained, Constraint, Input, Role, ToolCall, ToolChoice, Tools};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::chat::{MESSAGES_MAX, Parsed, model};
use super::constraint::schema;
use super::fields::Fields;
use super::params::{Delivery, delivery, params};
use super::talk::{Joined, Talk};
use super::tools::{Calls, flat, id, name, parallel};
use crate::error::ApiError;

/// What is said of everything that rests on an earlier request.
const NOTHING_KEPT: &str =
    "rests on what an earlier request left, and this server keeps nothing: send the whole input";

pub(crate) fn parse(body: Value) -> Result<Parsed, ApiError> {
    let mut fields = Fields::new(body, "")?;
    let model = model(&mut fields)?;
    unkept(&mut fields)?;
    let mut talk = Talk::default();
    if let Some(text) = fields.text("instructions")? {
        talk.say(Role::System, &text);
    }
    input(&mut fields, &mut talk)?;
    let tools = tools(&mut fields)?;
    let constraint = text(&mut fields)?;
    fields.lack(&["n", "max_tokens", "max_completion_tokens"])?;
    let max_tokens = fields.count("max_output_tokens", 1, 1 << 24)?;
    let mut params = params(&mut fields)?;
    params.max_tokens = max_tokens;
    let Delivery { stream, .. } = delivery(&mut fields)?;
    let delivery = Delivery { stream, include_usage: true };
    unoffered(&mut fields)?;
    fields.finish()?;
    let input = Input::Chat(talk.into_messages());
    Ok(Parsed { model, input, tools, constraint, stop: Vec::new(), params, delivery })
}

/// What would need a store.
fn unkept(fields: &mut Fields) -> Result<(), ApiError> {
    let reason = "must be false or left out: this server keeps no responses";
    fields.only("store", &[json!(false)], reason)?;
    fields.only("previous_response_id", &[], NOTHING_KEPT)?;
    fields.only("conversation", &[], NOTHING_KEPT)?;
    fields.only(
        "prompt",
        &[],
        "names a prompt that is kept elsewhere, and this server keeps none: send the text",
    )?;
    fields.only("background", &[json!(false)], "must be false: an answer is made while its client waits")
}

fn unoffered(fields: &mut Fields) -> Result<(), ApiError> {
    fields.only("include", &[json!([])], "offers nothing to include; leave it out")?;
    fields.only("reasoning", &[json!({})], "is not offered; leave it out")?;
    fields.only("top_logprobs", &[json!(0)], "is not offered here; leave it out")?;
    fields.only("truncation", &[json!("disabled")], "offers only \"disabled\": nothing is cut silently")?;
    fields.only("max_tool_calls", &[], "is for tools that a provider runs, and there are none")?;
    fields.only("service_tier", &[json!("auto"), json!("default")], "offers only \"auto\"")?;
    // They inform the provider and change nothing here; they have been scanned.
    fields.skip(&["user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"]);
    Ok(())
}

fn input(fields: &mut Fields, talk: &mut Talk) -> Result<(), ApiError> {
    let items = match fields.required("input")? {
        Value::String(text) => {
            talk.say(Role::User, &Zeroizing::new(text));
            return Ok(());
        }
        Value::Array(items) if (1..=MESSAGES_MAX).contains(&items.len()) => items,
        _ => {
            return Err(
                fields.error("input", format!("must be a string, or a list of 1 to {MESSAGES_MAX} items"))
            );
        }
    };
    let mut calls = Calls::default();
    for (index, value) in items.into_iter().enumerate() {
        let mut item = Fields::new(value, format!("input[{index}]."))?;
        // Ids are those of a store; the status is that of an answer, which is whole here.
        let kind = item.text("type")?;
        match kind.as_ref().map_or("message", |kind| kind.as_str()) {
            "message" => message(talk, &mut item)?,
            "function_call" => talk.call(calls.call(call(&mut item)?)),
            "function_call_output" => result(talk, &calls, &mut item)?,
            "item_reference" => return Err(item.error("type", NOTHING_KEPT)),
            _ => {
                let reason = "must be message, function_call or function_call_output; others are not offered";
                return Err(item.error("type", reason));
            }
        }
        item.text("id")?;
        let ended = [json!("completed"), json!("incomplete")];
        item.only("status", &ended, "must be \"completed\" or \"incomplete\", or left out")?;
        item.finish()?;
    }
    Ok(())
}

fn message(talk: &mut Talk, item: &mut Fields) -> Result<(), ApiError> {
    let role = item.text("role")?.ok_or_else(|| item.error("role", "is required"))?;
    let role = match role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => return Err(item.error("role", "must be system, developer, user or assistant")),
    };
    let content = item.required("content")?;
    talk.say_all(role, texts(content, &item.path("content"))?);
    // Whether an answer was the final one: it is told by its place.
    let phases = [json!("commentary"), json!("final_answer")];
    item.only("phase", &phases, "must be \"commentary\" or \"final_answer\", or left out")
}

/// A string, or a list of text parts.
fn texts(value: Value, path: &str) -> Result<Joined, ApiError> {
    Joined::read(value, path, "must be a string or a list of text parts", |part| {
        let kind = part.text("type")?.ok_or_else(|| part.error("type", "is required"))?;
        if !["input_text", "output_text"].contains(&kind.as_str()) {
            return Err(part.error("type", "offers only \"input_text\" and \"output_text\""));
        }
        let text = part.text("text")?.ok_or_else(|| part.error("text", "is required"))?;
        // What comes with an answer that is sent back.
        part.skip(&["annotations", "logprobs"]);
        Ok(text)
    })
}

fn call(item: &mut Fields) -> Result<ToolCall, ApiError> {
    let (id, name) = (id(item, "call_id")?, name(item)?);
    let pointer = item.pointer("arguments");
    let arguments = item.text("arguments")?;
    let arguments = arguments.ok_or_else(|| item.error("arguments", "is required: JSON, as a string"))?;
    Ok(ToolCall { id, name, arguments, pointer })
}

fn result(talk: &mut Talk, calls: &Calls, item: &mut Fields) -> Result<(), ApiError> {
    let answers = calls.answers(item, "call_id")?;
    let output = item.required("output")?;
    talk.result(answers, texts(output, &item.path("output"))?);
    Ok(())
}

fn tools(fields: &mut Fields) -> Result<Option<Tools>, ApiError> {
    let (names, functions) = flat(fields, "parameters", function)?;
    let choice = choice(fields, &names)?;
    let parallel = parallel(fields)?;
    Ok((!functions.is_empty()).then(|| Tools::new(Value::Array(functions), choice, parallel)))
}

fn function(fields: &mut Fields) -> Result<(), ApiError> {
    match fields.text("type")? {
        Some(kind) if kind.as_str() == "function" => Ok(()),
        Some(_) => Err(fields.error("type", "offers only \"function\": tools that the client runs")),
        None => Err(fields.error("type", "is required")),
    }
}

fn choice(fields: &mut Fields, names: &[String]) -> Result<ToolChoice, ApiError> {
    match fields.take("tool_choice") {
        None => Ok(ToolChoice::Auto),
        Some(Value::String(word)) => match word.as_str() {
            "none" => Ok(ToolChoice::None),
            "auto" => Ok(ToolChoice::Auto),
            "required" if names.is_empty() => {
                Err(fields.error("tool_choice", "asks for a call, and there are no tools"))
            }
            "required" => Ok(ToolChoice::Required),
            _ => Err(fields.error("tool_choice", "must be none, auto, required or a function by name")),
        },
        Some(value) => {
            let mut chosen = Fields::new(value, "tool_choice.")?;
            function(&mut chosen)?;
            let name = name(&mut chosen)?;
            if !names.contains(&name) {
                return Err(chosen.error("name", "is not among the tools"));
            }
            chosen.finish()?;
            Ok(ToolChoice::Named(name))
        }
    }
}

/// `text`: what the answer must be.
fn text(fields: &mut Fields) -> Result<Option<Constrained>, ApiError> {
    let Some(text) = fields.take("text") else { return Ok(None) };
    let mut text = Fields::new(text, "text.")?;
    text.only("verbosity", &[json!("medium")], "offers only \"medium\"; ask for it in words")?;
    let format = text.take("format");
    text.finish()?;
    let Some(format) = format else { return Ok(None) };
    let mut format = Fields::new(format, "text.format.")?;
    let kind = format.text("type")?.ok_or_else(|| format.error("type", "is required"))?;
    let constrained = match kind.as_str() {
        "text" => None,
        "json_object" => Some(Constrained { field: "text.format", constraint: Constraint::JsonObject }),
        "json_schema" => {
            name(&mut format)?;
            format.boolean("strict")?;
            format.skip(&["description"]);
            let field = "text.format.schema";
            let value = format.required("schema")?;
            let constraint = schema(value).map_err(|reason| ApiError::invalid(field, reason))?;
            Some(Constrained { field, constraint })
        }
        _ => return Err(format.error("type", "must be text, json_object or json_schema")),
    };
    format.finish()?;
    Ok(constrained)
}
