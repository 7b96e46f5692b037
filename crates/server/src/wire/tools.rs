//! Tools, the choice among them, calls and their results, as chats carry them.

use std::collections::HashMap;

use gateway::{Answered, ToolCall, ToolChoice, Tools};
use serde::Serialize;
use serde_json::{Value, json};

use super::fields::Fields;
use super::set;
use crate::error::ApiError;

/// Most tools of a request, and most calls of a message.
const TOOLS_MAX: usize = 128;
/// Longest id of a call, in bytes.
const ID_BYTES_MAX: usize = 256;

/// `tools`, `tool_choice` and `parallel_tool_calls`.
pub(crate) fn tools(fields: &mut Fields) -> Result<Option<Tools>, ApiError> {
    let list = list(fields)?;
    let choice = fields.take("tool_choice");
    let parallel = parallel(fields)?;
    let mut names = Vec::new();
    for (index, tool) in list.iter().enumerate() {
        let name = function(index, tool.clone())?;
        if names.contains(&name) {
            return Err(ApiError::invalid(
                format!("tools[{index}].function.name"),
                "is the name of an earlier tool; give each its own",
            ));
        }
        names.push(name);
    }
    let choice = self::choice(fields, choice, &names)?;
    Ok((!list.is_empty()).then(|| Tools::new(Value::Array(list), choice, parallel)))
}

/// `tools`, not looked at yet.
fn list(fields: &mut Fields) -> Result<Vec<Value>, ApiError> {
    match fields.take("tools") {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) if list.len() <= TOOLS_MAX => Ok(list),
        Some(_) => Err(fields.error("tools", format!("must be a list of at most {TOOLS_MAX} tools"))),
    }
}

/// `parallel_tool_calls`.
pub(crate) fn parallel(fields: &mut Fields) -> Result<bool, ApiError> {
    match fields.take("parallel_tool_calls") {
        None => Ok(true),
        Some(Value::Bool(parallel)) => Ok(parallel),
        Some(_) => Err(fields.error("parallel_tool_calls", "must be true or false")),
    }
}

/// `tools` as the newer APIs have it, flat: the names, and the same as OpenAI's list has it. `own` takes what a tool has besides
/// its name, description and `schema`.
pub(crate) fn flat(
    fields: &mut Fields,
    schema: &str,
    own: impl Fn(&mut Fields) -> Result<(), ApiError>,
) -> Result<(Vec<String>, Vec<Value>), ApiError> {
    let (mut names, mut functions) = (Vec::new(), Vec::new());
    for (index, tool) in list(fields)?.into_iter().enumerate() {
        let mut tool = Fields::new(tool, format!("tools[{index}]."))?;
        own(&mut tool)?;
        let (name, function) = declared(&mut tool, schema)?;
        if names.contains(&name) {
            return Err(tool.error("name", "is the name of an earlier tool; give each its own"));
        }
        tool.finish()?;
        names.push(name);
        functions.push(function);
    }
    Ok((names, functions))
}

/// Looks at one tool; gives its name.
fn function(index: usize, tool: Value) -> Result<String, ApiError> {
    let mut tool = Fields::new(tool, format!("tools[{index}]."))?;
    kind(&mut tool)?;
    let function = tool.required("function")?;
    tool.finish()?;
    let mut function = Fields::new(function, format!("tools[{index}].function."))?;
    let name = name(&mut function)?;
    function.text("description")?;
    if function.take("parameters").is_some_and(|schema| !schema.is_object()) {
        return Err(function.error("parameters", "must be a JSON schema: an object"));
    }
    function.boolean("strict")?;
    function.finish()?;
    Ok(name)
}

/// One of them: its name, and the same as OpenAI's list has it.
fn declared(fields: &mut Fields, schema: &str) -> Result<(String, Value), ApiError> {
    let name = name(fields)?;
    let mut function = json!({"name": name});
    if let Some(description) = fields.text("description")? {
        set(&mut function, "description", json!(description.as_str()));
    }
    match fields.take(schema) {
        None => {}
        Some(value) if value.is_object() => set(&mut function, "parameters", value),
        Some(_) => return Err(fields.error(schema, "must be a JSON schema: an object")),
    }
    fields.boolean("strict")?;
    Ok((name, json!({"type": "function", "function": function})))
}

fn kind(fields: &mut Fields) -> Result<(), ApiError> {
    match fields.text("type")? {
        Some(kind) if kind.as_str() == "function" => Ok(()),
        Some(_) => Err(fields.error("type", "offers only \"function\"")),
        None => Err(fields.error("type", "is required")),
    }
}

/// `name` of a tool.
pub(crate) fn name(fields: &mut Fields) -> Result<String, ApiError> {
    let name = fields.text("name")?.ok_or_else(|| fields.error("name", "is required"))?;
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if name.is_empty() || name.len() > 64 || !plain {
        return Err(fields.error("name", "must be 1 to 64 letters, digits, underscores and hyphens"));
    }
    Ok(name.as_str().to_owned())
}

fn choice(fields: &Fields, choice: Option<Value>, names: &[String]) -> Result<ToolChoice, ApiError> {
    let offered = |choice| match names.is_empty() {
        true => Err(fields.error("tool_choice", "asks for a call, and there are no tools")),
        false => Ok(choice),
    };
    match choice {
        None => Ok(ToolChoice::Auto),
        Some(Value::String(word)) => match word.as_str() {
            "none" => Ok(ToolChoice::None),
            "auto" => Ok(ToolChoice::Auto),
            "required" => offered(ToolChoice::Required),
            _ => Err(fields.error("tool_choice", "must be none, auto, required or a function by name")),
        },
        Some(value) => {
            let mut chosen = Fields::new(value, "tool_choice.")?;
            kind(&mut chosen)?;
            let mut function = Fields::new(chosen.required("function")?, "tool_choice.function.")?;
            chosen.finish()?;
            let name = self::name(&mut function)?;
            if !names.contains(&name) {
                return Err(function.error("name", "is not among the tools"));
            }
            function.finish()?;
            offered(ToolChoice::Named(name))
        }
    }
}

/// Calls of the messages so far: the tool by the call's id.
#[derive(Default)]
pub(crate) struct Calls {
    by_id: HashMap<String, String>,
}

impl Calls {
    /// `tool_calls` of an assistant message.
    pub(crate) fn made(&mut self, fields: &mut Fields) -> Result<Vec<ToolCall>, ApiError> {
        let list = match fields.take("tool_calls") {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) if list.len() <= TOOLS_MAX => list,
            Some(_) => {
                return Err(
                    fields.error("tool_calls", format!("must be a list of at most {TOOLS_MAX} calls"))
                );
            }
        };
        list.into_iter().enumerate().map(|(index, call)| self.one(fields, index, call)).collect()
    }

    fn one(&mut self, message: &Fields, index: usize, call: Value) -> Result<ToolCall, ApiError> {
        let mut call = Fields::new(call, message.path(&format!("tool_calls[{index}].")))?;
        kind(&mut call)?;
        let id = id(&mut call, "id")?;
        let function = call.required("function")?;
        call.finish()?;
        let mut function = Fields::new(function, message.path(&format!("tool_calls[{index}].function.")))?;
        let name = name(&mut function)?;
        let pointer = function.pointer("arguments");
        let arguments = function.text("arguments")?;
        let arguments =
            arguments.ok_or_else(|| function.error("arguments", "is required: JSON, as a string"))?;
        function.finish()?;
        Ok(self.call(ToolCall { id, name, arguments, pointer }))
    }

    /// Notes a call, for its result.
    pub(crate) fn call(&mut self, call: ToolCall) -> ToolCall {
        self.by_id.insert(call.id.clone(), call.name.clone());
        call
    }

    /// The call that a result belongs to, by the field that names it.
    pub(crate) fn answers(&self, fields: &mut Fields, field: &str) -> Result<Answered, ApiError> {
        let id = id(fields, field)?;
        let name = self.by_id.get(&id).cloned().ok_or_else(|| {
            fields.error(field, "is the id of no call in an earlier assistant message; send that too")
        })?;
        Ok(Answered { id, name })
    }

    /// `tool_call_id` and `name` of a tool message.
    pub(crate) fn answered(&self, fields: &mut Fields) -> Result<Answered, ApiError> {
        let answered = self.answers(fields, "tool_call_id")?;
        let name = json!(answered.name);
        fields.only("name", &[name], "is not that of the tool that was called; leave it out")?;
        Ok(answered)
    }
}

/// The id of a call.
pub(crate) fn id(fields: &mut Fields, field: &str) -> Result<String, ApiError> {
    match fields.text(field)? {
        Some(id) if !id.is_empty() && id.len() <= ID_BYTES_MAX => Ok(id.as_str().to_owned()),
        Some(_) => Err(fields.error(field, format!("must be 1 to {ID_BYTES_MAX} bytes"))),
        None => Err(fields.error(field, "is required")),
    }
}

/// A call in an answer, or what a chunk adds to it.
#[derive(Serialize)]
pub(crate) struct WireCall {
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    function: WireFunction,
}

#[derive(Serialize)]
struct WireFunction {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    arguments: String,
}

impl WireCall {
    /// A call that begins: its arguments follow.
    pub(crate) fn begun(id: &str, name: &str) -> Self {
        let function = WireFunction { name: Some(name.to_owned()), arguments: String::new() };
        Self { index: None, id: Some(id.to_owned()), r#type: Some("function"), function }
    }

    /// Arguments that a chunk adds.
    pub(crate) fn more(arguments: &str) -> Self {
        let function = WireFunction { name: None, arguments: arguments.to_owned() };
        Self { index: None, id: None, r#type: None, function }
    }

    /// The same as part of a chunk.
    pub(crate) fn at(self, index: usize) -> Self {
        Self { index: Some(index), ..self }
    }

    pub(crate) fn push(&mut self, arguments: &str) {
        self.function.arguments.push_str(arguments);
    }
}
