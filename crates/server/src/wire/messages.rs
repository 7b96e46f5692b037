//! `/v1/messages` and `/v1/messages/count_tokens`: Anthropic's Messages API, as of `anthropic-version: 2023-06-01` and `2026-10-21`.

use gateway::{Constrained, Input, Message, Role, ToolCall, ToolChoice, Tools};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::chat::{Parsed, items, model};
use super::constraint::schema;
use super::fields::Fields;
use super::params::{Delivery, params, stops};
use super::talk::{Joined, Talk};
use super::tokens;
use super::tools::{Calls, flat, id, name};
use crate::error::ApiError;

/// What is to be answered.
pub(crate) fn parse(body: Value) -> Result<Parsed, ApiError> {
    let mut fields = Fields::new(body, "")?;
    let model = model(&mut fields)?;
    let (messages, tools) = conversation(&mut fields)?;
    if !fields.has("max_tokens") {
        return Err(fields.error("max_tokens", "is required"));
    }
    fields.lack(&["n", "max_completion_tokens"])?;
    let parsed = Parsed {
        model,
        input: Input::Chat(messages),
        tools,
        constraint: output_config(&mut fields)?,
        stop: stops(&mut fields, "stop_sequences")?,
        params: params(&mut fields)?,
        delivery: Delivery { stream: fields.boolean("stream")?, include_usage: true },
    };
    fields.only("service_tier", &[json!("auto"), json!("standard_only")], "offers only \"auto\"")?;
    fields.finish()?;
    Ok(parsed)
}

/// What is to be counted.
pub(crate) fn parse_counted(body: Value) -> Result<tokens::Parsed, ApiError> {
    let mut fields = Fields::new(body, "")?;
    let model = model(&mut fields)?;
    let (messages, tools) = conversation(&mut fields)?;
    // Neither is shown to the model.
    output_config(&mut fields)?;
    fields.finish()?;
    let input = Input::Chat(messages);
    Ok(tokens::Parsed { model: Some(model), input, tools, opening: false })
}

/// Everything that the model reads.
fn conversation(fields: &mut Fields) -> Result<(Vec<Message>, Option<Tools>), ApiError> {
    let mut talk = Talk::default();
    if let Some(system) = fields.take("system") {
        let said = texts(system, "system")?;
        talk.say_all(Role::System, said);
    }
    let mut calls = Calls::default();
    for (index, item) in items(fields)?.into_iter().enumerate() {
        message(&mut talk, &mut calls, index, item)?;
    }
    if talk.last() == Some(Role::Assistant) {
        let reason =
            "ends with an assistant message; an answer cannot be begun for the model here: leave it out";
        return Err(fields.error("messages", reason));
    }
    let tools = tools(fields)?;
    let off = [json!({"type": "disabled"})];
    fields.only("thinking", &off, "offers only {\"type\": \"disabled\"}")?;
    if let Some(metadata) = fields.take("metadata") {
        // It informs the provider and changes nothing here; it has been scanned.
        let mut metadata = Fields::new(metadata, "metadata.")?;
        metadata.text("user_id")?;
        metadata.finish()?;
    }
    cache_control(fields)?;
    Ok((talk.into_messages(), tools))
}

/// A hint that what stands before it will be sent again: prefixes are kept here anyway, within the use case.
fn cache_control(fields: &mut Fields) -> Result<(), ApiError> {
    let Some(hint) = fields.take("cache_control") else { return Ok(()) };
    let mut hint = Fields::new(hint, fields.path("cache_control."))?;
    hint.only("type", &[json!("ephemeral")], "offers only \"ephemeral\"")?;
    hint.only("ttl", &[json!("5m"), json!("1h")], "must be \"5m\" or \"1h\"")?;
    hint.finish()
}

/// A string, or a list of text blocks.
fn texts(value: Value, path: &str) -> Result<Joined, ApiError> {
    Joined::read(value, path, "must be a string or a list of text blocks", |block| {
        if block.text("type")?.is_none_or(|kind| kind.as_str() != "text") {
            return Err(block.error("type", "offers only \"text\" here"));
        }
        text(block)
    })
}

/// What a text block says.
fn text(block: &mut Fields) -> Result<Zeroizing<String>, ApiError> {
    let text = block.text("text")?.ok_or_else(|| block.error("text", "is required"))?;
    block.only("citations", &[json!([])], "is not offered; leave it out")?;
    cache_control(block)?;
    Ok(text)
}

fn message(talk: &mut Talk, calls: &mut Calls, index: usize, item: Value) -> Result<(), ApiError> {
    let mut fields = Fields::new(item, format!("messages[{index}]."))?;
    let role = fields.text("role")?.ok_or_else(|| fields.error("role", "is required"))?;
    let role = match role.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return Err(fields.error("role", "must be user, assistant or system")),
    };
    let content = fields.required("content")?;
    fields.finish()?;
    let path = format!("messages[{index}].content");
    if role == Role::System {
        talk.say_all(role, texts(content, &path)?);
        return Ok(());
    }
    let blocks = match content {
        Value::String(text) => {
            talk.say(role, &Zeroizing::new(text));
            return Ok(());
        }
        Value::Array(blocks) if !blocks.is_empty() => blocks,
        _ => return Err(ApiError::invalid(path, "must be a string or a list of blocks that is not empty")),
    };
    for (at, item) in blocks.into_iter().enumerate() {
        let mut block = Fields::new(item, format!("{path}[{at}]."))?;
        let kind = block.text("type")?.ok_or_else(|| block.error("type", "is required"))?;
        match (kind.as_str(), role) {
            ("text", _) => talk.say(role, &text(&mut block)?),
            ("tool_use", Role::Assistant) => talk.call(calls.call(tool_use(&mut block)?)),
            ("tool_result", Role::User) => tool_result(talk, calls, &mut block)?,
            ("tool_use" | "tool_result", _) => {
                return Err(block.error("type", "is for the other role: assistants use, users have results"));
            }
            _ => {
                return Err(
                    block.error("type", "must be text, tool_use or tool_result; others are not offered")
                );
            }
        }
        block.finish()?;
    }
    Ok(())
}

fn tool_use(block: &mut Fields) -> Result<ToolCall, ApiError> {
    let (id, name) = (id(block, "id")?, name(block)?);
    let pointer = block.pointer("input");
    let input = block.required("input")?;
    if !input.is_object() {
        return Err(block.error("input", "must be a JSON object"));
    }
    // Who called: only the model can, here.
    block.only("caller", &[json!({"type": "direct"})], "offers only {\"type\": \"direct\"}")?;
    cache_control(block)?;
    Ok(ToolCall { id, name, arguments: Zeroizing::new(input.to_string()), pointer })
}

fn tool_result(talk: &mut Talk, calls: &Calls, block: &mut Fields) -> Result<(), ApiError> {
    let answers = calls.answers(block, "tool_use_id")?;
    let mut said = Joined::default();
    if block.boolean("is_error")? {
        // Chat templates have no mark of their own for it.
        said.push("Error:");
    }
    if let Some(content) = block.take("content") {
        let given = texts(content, &block.path("content"))?;
        said.append(&given);
    }
    cache_control(block)?;
    talk.result(answers, said);
    Ok(())
}

fn tools(fields: &mut Fields) -> Result<Option<Tools>, ApiError> {
    let (names, functions) = flat(fields, "input_schema", |tool| {
        tool.only("type", &[json!("custom")], "offers only \"custom\": tools that the client runs")?;
        if !tool.has("input_schema") {
            return Err(tool.error("input_schema", "is required"));
        }
        cache_control(tool)
    })?;
    let (choice, parallel) = choice(fields, &names)?;
    Ok((!functions.is_empty()).then(|| Tools::new(Value::Array(functions), choice, parallel)))
}

/// `tool_choice`, which also says whether there may be several calls.
fn choice(fields: &mut Fields, names: &[String]) -> Result<(ToolChoice, bool), ApiError> {
    let Some(choice) = fields.take("tool_choice") else { return Ok((ToolChoice::Auto, true)) };
    let mut choice = Fields::new(choice, "tool_choice.")?;
    let kind = choice.text("type")?.ok_or_else(|| choice.error("type", "is required"))?;
    let parallel = !choice.boolean("disable_parallel_tool_use")?;
    let chosen = match kind.as_str() {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "any" if names.is_empty() => {
            return Err(choice.error("type", "asks for a call, and there are no tools"));
        }
        "any" => ToolChoice::Required,
        "tool" => {
            let name = name(&mut choice)?;
            if !names.contains(&name) {
                return Err(choice.error("name", "is not among the tools"));
            }
            ToolChoice::Named(name)
        }
        _ => return Err(choice.error("type", "must be auto, any, tool or none")),
    };
    choice.finish()?;
    Ok((chosen, parallel))
}

/// What the answer must be.
fn output_config(fields: &mut Fields) -> Result<Option<Constrained>, ApiError> {
    let Some(config) = fields.take("output_config") else { return Ok(None) };
    let mut config = Fields::new(config, "output_config.")?;
    let format = config.take("format");
    config.finish()?;
    let Some(format) = format else { return Ok(None) };
    let mut format = Fields::new(format, "output_config.format.")?;
    if format.text("type")?.is_none_or(|kind| kind.as_str() != "json_schema") {
        return Err(format.error("type", "offers only \"json_schema\""));
    }
    let value = format.required("schema")?;
    format.finish()?;
    let field = "output_config.format.schema";
    let constraint = schema(value).map_err(|reason| ApiError::invalid(field, reason))?;
    Ok(Some(Constrained { field, constraint }))
}
